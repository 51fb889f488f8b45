//! Follows what happens in a tenant, from where somebody left off.

mod pass;

use std::time::Duration;

use domain::event::Interest;
use domain::ports::storage::LogBounds;
use domain::{Event, Principal, Scope, TenantId};
use tokio::sync::watch;

use crate::{Control, ControlError};

pub use pass::Pass;

/// How many events are read at once.
const PAGE: u32 = 256;
const MAX_KINDS: usize = 32;
const MAX_LABELS: usize = 32;

/// Which scope shows events of which noun.
const NOUNS: [(&str, Scope); 3] = [
    ("agent.", Scope::AgentsRead),
    ("message.", Scope::AgentsRead),
    ("task.", Scope::TasksRead),
];

/// What a follower is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Something happened.
    Event(Box<Event>),
    /// What happened from the one number to the other is not kept any more.
    Gap(u64, u64),
}

/// Somebody who follows.
pub struct Follower {
    control: Control,
    tenant: TenantId,
    pass: Pass,
    nouns: Vec<&'static str>,
    interest: Interest,
    at: u64,
    numbered: watch::Receiver<u64>,
}

/// A page of events, for who asks now and then.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// What happened.
    pub told: Vec<Told>,
    /// Where the next page begins.
    pub next: u64,
    /// Where the log begins and ends.
    pub bounds: LogBounds,
}

impl Control {
    /// Begins to follow after event number `after`; after the newest one when absent.
    ///
    /// # Errors
    /// Without a scope that shows events of the kinds that are asked for; an interest that is not as expected.
    pub async fn follow(
        &self,
        caller: &Principal,
        interest: Interest,
        after: Option<u64>,
    ) -> Result<Follower, ControlError> {
        check(&interest)?;
        let nouns = nouns(caller, &interest)?;
        let numbered = self.storage.events.numbered();
        let bounds = self.storage.events.bounds(caller.tenant_id).await?;
        Ok(Follower {
            control: self.clone(),
            tenant: caller.tenant_id,
            pass: self.pass(caller),
            nouns,
            interest,
            // Who names a number that is not there yet has read another log: it goes on with this one.
            at: after.unwrap_or(bounds.last).min(bounds.last),
            numbered,
        })
    }

    /// Gives numbers to what has happened; answers whether there may be more.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn number_events(&self, limit: u32) -> Result<bool, ControlError> {
        Ok(self.storage.events.number(limit).await? >= u64::from(limit))
    }
}

impl Follower {
    /// The number of the last event that was looked at.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether whoever follows may go on.
    #[must_use]
    pub fn pass(&self) -> Pass {
        self.pass.clone()
    }

    /// What happened next; waits for it, at most `patience`. Nothing of it is lost when this is cancelled.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn next(&mut self, patience: Duration) -> Result<Vec<Told>, ControlError> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            self.numbered.mark_unchanged();
            let (told, at, more) = self.look().await?;
            self.at = at;
            if !told.is_empty() {
                return Ok(told);
            }
            if more {
                continue;
            }
            match tokio::time::timeout_at(deadline, self.numbered.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(Vec::new()),
            }
        }
    }

    /// What is there now, without waiting.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn page(&mut self, limit: usize) -> Result<EventPage, ControlError> {
        let mut told = Vec::new();
        loop {
            let (some, at, more) = self.look().await?;
            for one in some {
                self.at = match &one {
                    Told::Event(event) => event.number,
                    Told::Gap(_, to) => *to,
                };
                told.push(one);
                if told.len() >= limit {
                    return self.paged(told).await;
                }
            }
            self.at = at;
            if !more {
                return self.paged(told).await;
            }
        }
    }

    async fn paged(&self, told: Vec<Told>) -> Result<EventPage, ControlError> {
        Ok(EventPage {
            told,
            next: self.at,
            bounds: self.control.storage.events.bounds(self.tenant).await?,
        })
    }

    /// What there is after `at`, how far that goes, and whether there may be more.
    async fn look(&self) -> Result<(Vec<Told>, u64, bool), ControlError> {
        let events = self
            .control
            .storage
            .events
            .after(self.tenant, self.at, PAGE)
            .await?;
        let Some(last) = events.last().map(|event| event.number) else {
            // Nothing follows; what did may be gone.
            let bounds = self.control.storage.events.bounds(self.tenant).await?;
            if bounds.pruned > self.at {
                return Ok((vec![Told::Gap(self.at + 1, bounds.pruned)], bounds.pruned, false));
            }
            return Ok((Vec::new(), self.at, false));
        };
        let more = events.len() >= PAGE as usize;
        let mut told = Vec::new();
        let first = events.first().map_or(last, |event| event.number);
        if first > self.at + 1 {
            told.push(Told::Gap(self.at + 1, first - 1));
        }
        let wanted = events.into_iter().filter(|event| self.wants(event));
        told.extend(wanted.map(|event| Told::Event(Box::new(event))));
        Ok((told, last, more))
    }

    fn wants(&self, event: &Event) -> bool {
        self.nouns.iter().any(|noun| event.kind.starts_with(noun)) && self.interest.wants(event)
    }
}

/// Whether there can be events of this kind.
fn is_known(kind: &str) -> bool {
    Interest::is_kind(kind) && (kind == "*" || NOUNS.iter().any(|(noun, _)| kind.starts_with(noun)))
}

/// The nouns that the caller may see; refused where it asks for others by name.
fn nouns(caller: &Principal, interest: &Interest) -> Result<Vec<&'static str>, ControlError> {
    for (noun, scope) in NOUNS {
        let asked = interest.kinds.iter().any(|kind| kind.starts_with(noun));
        if asked && !caller.may(scope) {
            return Err(ControlError::Forbidden(scope));
        }
    }
    let seen = NOUNS.iter().filter(|(_, scope)| caller.may(*scope));
    let seen: Vec<_> = seen.map(|(noun, _)| *noun).collect();
    if seen.is_empty() {
        return Err(ControlError::Forbidden(Scope::AgentsRead));
    }
    Ok(seen)
}

fn check(interest: &Interest) -> Result<(), ControlError> {
    let mut check = crate::error::Check::default();
    check.that(
        interest.kinds.len() <= MAX_KINDS && interest.kinds.iter().all(|kind| is_known(kind)),
        "types",
        format!("at most {MAX_KINDS} of `noun.verb` and `noun.*`, of the nouns agent, message and task"),
    );
    check.that(
        interest.labels.len() <= MAX_LABELS,
        "labels",
        format!("at most {MAX_LABELS}"),
    );
    check.finish()
}
