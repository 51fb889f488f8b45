//! Whom a transaction wakes when it commits.

use std::sync::Arc;

use domain::ports::storage::Woken;
use domain::{AgentId, TenantId};

use crate::signals::Signals;

/// More agents than this are not named: a payload of `NOTIFY` has at most 8,000 bytes, an agent takes 74 of them.
const MAX_NAMED: usize = 100;

/// What a transaction has to tell.
#[derive(Debug, Default)]
pub struct Announcement {
    /// The catalogue has changed.
    pub changes: bool,
    /// A job may have become final.
    pub jobs_moved: bool,
    /// A job may have become due.
    pub jobs_posted: bool,
    /// A task has moved, or an agent may take one.
    pub tasks: bool,
    /// Something happened that has no number yet.
    pub events_fresh: bool,
    /// Something that happened has got its number.
    pub events_numbered: bool,
    /// Agents that are to look at what they hold.
    pub agents: Vec<(TenantId, AgentId)>,
}

impl Announcement {
    /// Tells it in this process.
    pub fn tell(&self, signals: &Signals) {
        if self.tasks {
            signals.tasks_moved();
        }
        if self.changes {
            signals.changes_moved();
        }
        if self.jobs_posted {
            signals.jobs_posted();
        } else if self.jobs_moved {
            signals.jobs_moved();
        }
        if self.events_fresh {
            signals.events_fresh();
        }
        if self.events_numbered {
            signals.events_numbered();
        }
        if !self.agents.is_empty() {
            signals.wake(Woken::Agents(self.agents.as_slice().into()));
        }
    }
}

/// Agents as a payload; the empty one means all of them.
pub fn written(agents: &[(TenantId, AgentId)]) -> String {
    if agents.len() > MAX_NAMED {
        return String::new();
    }
    let words: Vec<_> = agents
        .iter()
        .map(|(tenant, agent)| format!("{tenant} {agent}"))
        .collect();
    words.join(",")
}

/// The other way round; what cannot be read means all of them.
pub fn read(payload: &str) -> Woken {
    let agent = |words: &str| {
        let (tenant, agent) = words.split_once(' ')?;
        Some((tenant.parse().ok()?, agent.parse().ok()?))
    };
    let agents: Option<Arc<[_]>> = payload.split(',').map(agent).collect();
    agents.map_or(Woken::All, Woken::Agents)
}
