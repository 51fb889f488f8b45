//! The log of what happens.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use super::Result;
use crate::event::Event;
use crate::id::{AgentId, TenantId};

/// Where a tenant's log begins and ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// The last number that was given.
    pub last: u64,
    /// The last number that is gone; what follows it is there.
    pub pruned: u64,
}

/// Agents that are to look at what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Woken {
    /// These.
    Agents(Arc<[(TenantId, AgentId)]>),
    /// All of them: which ones is not known.
    All,
}

/// The log of what happens.
#[async_trait]
pub trait Events: Send + Sync {
    /// What happened after `number`, in order, at most `limit`.
    async fn after(&self, tenant: TenantId, number: u64, limit: u32) -> Result<Vec<Event>>;
    /// Where the log begins and ends.
    async fn bounds(&self, tenant: TenantId) -> Result<LogBounds>;
    /// Across tenants: gives numbers to at most `limit` events that are committed and have none; answers to how many.
    async fn number(&self, limit: u32) -> Result<u64>;
    /// Rises when events have got numbers; followers look again.
    fn numbered(&self) -> watch::Receiver<u64>;
    /// Rises when there may be events without a number.
    fn fresh(&self) -> watch::Receiver<u64>;
    /// Which agents are to look at what they hold: tasks and messages.
    fn woken(&self) -> broadcast::Receiver<Woken>;
}
