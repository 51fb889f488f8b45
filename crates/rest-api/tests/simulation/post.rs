//! Messages: who writes what to whom, who reads it, and what they make of the answers.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use control::ControlError;
use control::agents::Wanted;
use control::messages::{Dispatch, Inbox, NewMessage, To, Tracked, Who};
use domain::{AgentId, MessageId, Verb};
use serde_json::json;

use crate::answers::refusal;
use crate::letters::{Letter, Letters};
use crate::replicas::Heard;
use crate::truths::must;
use crate::world::World;

/// Messages that are sent in a run, at most.
const MOST: usize = 18;

/// What people and agents know of messages.
#[derive(Default)]
pub struct Post {
    /// What must be true of them.
    pub letters: Letters,
    asked: usize,
    /// Numbers of those whose sender has not heard that they were taken.
    unheard: Vec<usize>,
    /// What an agent was handed and has not heard to be acknowledged.
    handed: BTreeSet<(usize, AgentId, MessageId)>,
}

impl Post {
    pub fn time_is(&mut self, now: DateTime<Utc>) {
        self.letters.time_is(now);
    }

    pub fn handed_to(&self, worker: usize) -> Vec<(usize, AgentId, MessageId)> {
        let own = self.handed.iter().filter(|(to, ..)| *to == worker);
        own.copied().collect()
    }

    /// One that was sent within this side.
    pub fn last_within(&self, side: usize) -> Option<MessageId> {
        self.letters.within(side).last()
    }
}

/// Who writes a message of this number, and to whom: by its number alone, so that the same is sent again.
struct Address {
    /// The agent that writes; people do when absent.
    worker: Option<usize>,
    from: usize,
    to: usize,
    who: Who,
}

fn able(capability: &str) -> Wanted {
    Wanted {
        capability: Some(capability.parse().unwrap()),
        ..Wanted::default()
    }
}

fn named(worker: usize) -> Who {
    Who::Named(format!("agent-{worker}"))
}

impl World {
    pub fn somebody_writes(&mut self, worker: usize, replica: u64) {
        match self.dice.below(10) {
            0..4 => self.send(replica),
            4..7 => self.read_post(worker, replica),
            _ => self.acknowledge_one(replica),
        }
    }

    fn address(&self, number: usize) -> Address {
        let stranger = self.workers.len() - 1;
        // Much of it is from one agent to one other.
        let (worker, to, who) = match number % 6 {
            0 => (Some(0), 0, named(1)),
            1 => (Some(0), 0, Who::Group(able("a@1"))),
            2 => (Some(0), 0, Who::One(able("b@1"))),
            3 => (None, 0, named(number / 6 % stranger)),
            4 => (Some(1), 1, named(stranger)),
            _ => (Some(stranger), 0, named(0)),
        };
        let from = worker.map_or(0, |worker| self.workers[worker].side);
        Address {
            worker,
            from,
            to,
            who,
        }
    }

    fn send(&mut self, replica: u64) {
        let again = !self.post.unheard.is_empty() && self.dice.percent(50);
        let number = if again {
            self.post.unheard[self.dice.place(self.post.unheard.len())]
        } else if self.post.asked < MOST {
            self.post.asked += 1;
            self.post.unheard.push(self.post.asked);
            self.post.asked
        } else {
            return;
        };
        let Address {
            worker,
            from,
            to,
            who,
        } = self.address(number);
        let agent = worker.and_then(|worker| self.workers[worker].id);
        if worker.is_some() != agent.is_some() {
            return;
        }
        let new = NewMessage {
            from: agent,
            to: To {
                tenant: (from != to).then_some(self.tenants[to]),
                who,
            },
            subject: String::new(),
            body: json!({ "number": number }),
            reply_to: None,
            expires_seconds: Some(if number.is_multiple_of(2) { 60 } else { 3_600 }),
            idempotency_key: Some(format!("message-{number}")),
        };
        let caller = if agent.is_some() {
            self.agents(from)
        } else {
            self.people(from)
        };
        self.post.letters.is_begun(number, self.steps.len());
        let mesh = self.mesh.clone();
        self.begin(replica, format!("message {number} is sent"), async move {
            Heard::Sent(number, mesh.send(&caller, new).await)
        });
    }

    pub fn read_post(&mut self, worker: usize, replica: u64) {
        let Some(id) = self.workers[worker].id else { return };
        let (mesh, caller) = (self.mesh.clone(), self.key_of(worker));
        self.begin(replica, format!("agent-{worker} reads its post"), async move {
            Heard::Inbox(worker, id, mesh.inbox(&caller, id, Duration::ZERO).await)
        });
    }

    fn acknowledge_one(&mut self, replica: u64) {
        if self.post.handed.is_empty() {
            return;
        }
        let place = self.dice.place(self.post.handed.len());
        let (worker, agent, message) = *self.post.handed.iter().nth(place).unwrap();
        self.acknowledge(agent, message, worker, replica);
    }

    pub fn acknowledge(&mut self, agent: AgentId, message: MessageId, worker: usize, replica: u64) {
        let (mesh, caller) = (self.mesh.clone(), self.key_of(worker));
        self.post.letters.may_be_acknowledged(agent, message);
        self.begin(replica, format!("agent-{worker} acknowledges"), async move {
            Heard::Read(agent, message, mesh.acknowledge(&caller, agent, message).await)
        });
    }

    pub fn take_in_sent(
        &mut self,
        number: usize,
        begun: usize,
        sent: Result<Dispatch, ControlError>,
    ) -> Result<String, String> {
        let Tracked { message, deliveries } = match sent {
            Err(error) => return refusal(&error),
            Ok(sent) => sent.tracked,
        };
        let Address {
            worker,
            from,
            to,
            who,
        } = self.address(number);
        if from != to {
            self.border.crossed(to, Verb::Message, begun)?;
        }
        let single = !matches!(who, Who::Group(_));
        must(
            !deliveries.is_empty() && (!single || deliveries.len() == 1),
            || format!("message {number} was taken for {} agents", deliveries.len()),
        )?;
        must(
            deliveries
                .iter()
                .all(|to_one| to_one.tenant_id == self.tenants[to]),
            || format!("message {number} is for another tenant"),
        )?;
        self.post.unheard.retain(|unheard| *unheard != number);
        let receivers: BTreeSet<_> = deliveries.iter().map(|delivery| delivery.agent_id).collect();
        let told = format!("for {} agents", receivers.len());
        let letter = Letter {
            id: message.id,
            from: (from, worker),
            to,
            receivers,
            expires_at: message.expires_at,
            heard: self.steps.len(),
        };
        self.post.letters.taken(number, letter)?;
        Ok(told)
    }

    pub fn take_in_inbox(
        &mut self,
        worker: usize,
        agent: AgentId,
        begun: usize,
        inbox: Result<Inbox, ControlError>,
    ) -> Result<String, String> {
        let inbox = match inbox {
            Err(error) => return refusal(&error),
            Ok(inbox) => inbox,
        };
        let tenant = self.key_of(worker).tenant_id;
        for (message, delivery) in &inbox {
            let own = message.tenant_id == tenant && delivery.tenant_id == tenant;
            must(own && delivery.agent_id == agent, || {
                format!("agent-{worker} is handed what is for {}", delivery.agent)
            })?;
        }
        let ids: Vec<_> = inbox.iter().map(|(message, _)| message.id).collect();
        self.post.letters.read(agent, begun, &ids)?;
        self.post.handed.extend(ids.iter().map(|id| (worker, agent, *id)));
        Ok(format!("{} messages", ids.len()))
    }

    pub fn take_in_read(
        &mut self,
        agent: AgentId,
        message: MessageId,
        read: Result<Tracked, ControlError>,
    ) -> Result<String, String> {
        if let Err(error) = read {
            return refusal(&error);
        }
        self.post.letters.acknowledged(agent, message, self.steps.len());
        self.post
            .handed
            .retain(|(_, to, handed)| (*to, *handed) != (agent, message));
        Ok("it has it".to_owned())
    }

    /// What must be true of all messages.
    pub async fn check_post(&mut self) -> Result<(), String> {
        if !self.happened.has_changed().unwrap_or(true) {
            return Ok(());
        }
        self.happened.mark_unchanged();
        for (side, tenant) in self.tenants.into_iter().enumerate() {
            self.post.letters.check(&self.storage, side, tenant).await?;
        }
        Ok(())
    }

    /// Everybody has read and acknowledged what is not over.
    pub async fn post_at_the_end(&self) -> Result<(), String> {
        for (side, tenant) in self.tenants.into_iter().enumerate() {
            self.post.letters.at_the_end(&self.storage, side, tenant).await?;
        }
        Ok(())
    }
}
