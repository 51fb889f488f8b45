//! What must be true of messages: one that was taken waits for each of its receivers until that has acknowledged it or its time is
//! over, is handed out in the order in which its sender sent, and is not handed out any more afterwards.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::ports::Storage;
use domain::{AgentId, MessageId, TenantId};

use crate::truths::must;

/// A message that was taken.
#[derive(Clone)]
pub struct Letter {
    pub id: MessageId,
    /// Whose it is, and the agent that wrote it, if one did.
    pub from: (usize, Option<usize>),
    /// Whose agents get it.
    pub to: usize,
    pub receivers: BTreeSet<AgentId>,
    pub expires_at: DateTime<Utc>,
    /// After so many steps its sender heard that it was taken.
    pub heard: usize,
}

/// Those that were taken, by their numbers.
#[derive(Default)]
pub struct Letters {
    taken: BTreeMap<usize, Letter>,
    /// After so many steps somebody first tried to send it.
    begun: BTreeMap<usize, usize>,
    /// What a receiver may have acknowledged.
    maybe: BTreeSet<(AgentId, MessageId)>,
    /// What it has heard to be acknowledged, and after how many steps.
    acknowledged: BTreeMap<(AgentId, MessageId), usize>,
    /// The clock may be set back: what is over stays so.
    latest: DateTime<Utc>,
}

impl Letters {
    pub fn time_is(&mut self, now: DateTime<Utc>) {
        self.latest = self.latest.max(now);
    }

    pub fn is_begun(&mut self, number: usize, step: usize) {
        self.begun.entry(number).or_insert(step);
    }

    pub fn may_be_acknowledged(&mut self, agent: AgentId, message: MessageId) {
        self.maybe.insert((agent, message));
    }

    pub fn acknowledged(&mut self, agent: AgentId, message: MessageId, step: usize) {
        self.acknowledged.entry((agent, message)).or_insert(step);
    }

    /// Those that were sent within this side.
    pub fn within(&self, side: usize) -> impl Iterator<Item = MessageId> {
        let within = self.taken.values();
        within
            .filter(move |letter| (letter.from.0, letter.to) == (side, side))
            .map(|letter| letter.id)
    }

    /// However often it is sent, it is one message for the same receivers.
    pub fn taken(&mut self, number: usize, letter: Letter) -> Result<(), String> {
        let first = self.taken.entry(number).or_insert_with(|| letter.clone());
        must(
            (first.id, &first.receivers) == (letter.id, &letter.receivers),
            || format!("message {number} was sent twice"),
        )
    }

    /// What an agent was handed after it began to read at this step.
    pub fn read(&self, agent: AgentId, begun: usize, inbox: &[MessageId]) -> Result<(), String> {
        for id in inbox {
            let over = self.acknowledged.get(&(agent, *id));
            must(over.is_none_or(|over| *over >= begun), || {
                format!("{id} was acknowledged and is handed out again")
            })?;
        }
        for (number, letter) in &self.taken {
            let place = inbox.iter().position(|id| *id == letter.id);
            let known = letter.heard < begun && self.must_wait(agent, letter);
            must(place.is_some() || !known, || {
                format!("message {number} was taken and is not handed out")
            })?;
            let Some(place) = place else { continue };
            let late = self
                .before(letter)
                .find(|before| inbox[place..].contains(&before.id));
            must(late.is_none(), || {
                format!("message {number} is handed out before one that was sent before it")
            })?;
        }
        Ok(())
    }

    /// What its sender had sent when it began to send this one.
    fn before(&self, letter: &Letter) -> impl Iterator<Item = &Letter> {
        let number = self.taken.iter().find(|(_, known)| known.id == letter.id);
        let begun = number.and_then(|(number, _)| self.begun.get(number)).copied();
        let from = letter.from;
        let own = self.taken.values().filter(move |known| known.from == from);
        own.filter(move |known| begun.is_some_and(|begun| known.heard < begun))
    }

    /// Whether it must be there for this agent.
    fn must_wait(&self, agent: AgentId, letter: &Letter) -> bool {
        letter.receivers.contains(&agent)
            && letter.expires_at > self.latest
            && !self.maybe.contains(&(agent, letter.id))
    }

    async fn open(&self, storage: &Storage, side: usize, tenant: TenantId) -> BTreeSet<(AgentId, MessageId)> {
        let there = self.taken.values().filter(|letter| letter.to == side);
        let agents: BTreeSet<_> = there
            .flat_map(|letter| letter.receivers.iter().copied())
            .collect();
        if agents.is_empty() {
            return BTreeSet::new();
        }
        let agents: Vec<_> = agents.into_iter().collect();
        let always = DateTime::UNIX_EPOCH;
        let open = storage.messages.waiting(tenant, &agents, 999, always).await;
        let open = open.unwrap().into_iter();
        open.map(|(message, delivery)| (delivery.agent_id, message.id))
            .collect()
    }

    /// What is stored for the agents of a side.
    pub async fn check(&self, storage: &Storage, side: usize, tenant: TenantId) -> Result<(), String> {
        let open = self.open(storage, side, tenant).await;
        for (number, letter) in self.taken.iter().filter(|(_, letter)| letter.to == side) {
            for agent in &letter.receivers {
                let (key, waits) = ((*agent, letter.id), open.contains(&(*agent, letter.id)));
                must(!waits || !self.acknowledged.contains_key(&key), || {
                    format!("message {number} was acknowledged and still waits")
                })?;
                must(waits || !self.must_wait(*agent, letter), || {
                    format!("message {number} was taken and is gone")
                })?;
            }
        }
        Ok(())
    }

    pub async fn at_the_end(&self, storage: &Storage, side: usize, tenant: TenantId) -> Result<(), String> {
        let open = self.open(storage, side, tenant).await;
        for (number, letter) in self.taken.iter().filter(|(_, letter)| letter.to == side) {
            let waits = letter
                .receivers
                .iter()
                .any(|agent| open.contains(&(*agent, letter.id)));
            must(!waits || letter.expires_at <= self.latest, || {
                format!("message {number} has reached nobody, though all is well again")
            })?;
        }
        Ok(())
    }
}
