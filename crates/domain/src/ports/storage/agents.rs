//! Agents and what is allowed of them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Result, TaskChange};
use crate::agent::{Agent, AgentState, AgentType, Manifest};
use crate::id::{AgentId, TenantId};
use crate::page::{Page, PageRequest};

/// Which agents a list shows.
#[derive(Debug, Clone, Default)]
pub struct AgentFilter {
    /// Only in this state.
    pub state: Option<AgentState>,
    /// Only of this type.
    pub agent_type: Option<AgentType>,
    /// Without those that are offline.
    pub present: bool,
}

/// What was learned of an agent. What it says is the business of whoever chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// How often it has changed.
    pub number: i64,
    /// What was learned, by sort of task.
    pub experience: Value,
}

/// An agent with what choices rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The agent.
    pub agent: Agent,
    /// When it was last given a task, in milliseconds; 0 before the first.
    pub chosen_at: u64,
    /// What was learned of it, by sort of task.
    pub experience: Value,
    /// How many tasks it holds.
    pub held: u32,
}

/// Agents and what is allowed of them.
#[async_trait]
pub trait Agents: Send + Sync {
    /// Stores a manifest in the place of the one of its name.
    async fn put_manifest(&self, tenant: TenantId, manifest: &Manifest) -> Result<()>;
    /// All manifests of the tenant, by name.
    async fn manifests(&self, tenant: TenantId) -> Result<Vec<Manifest>>;
    /// Removes a manifest; agents that are here under it stay until they register again.
    async fn remove_manifest(&self, tenant: TenantId, name: &str) -> Result<()>;
    /// Stores a new agent, and that it came. Conflict on `name` when the name is taken.
    async fn add(&self, tenant: TenantId, agent: &Agent) -> Result<()>;
    /// Stores an agent whose `version` is one above the stored one, and the tasks that it loses by that, in one transaction.
    /// [`StoreError::Stale`](crate::StoreError::Stale) when one of them has moved otherwise meanwhile, or when
    /// an agent that is gone or begins anew would still hold a task. `wakes`: whether tasks that wait for an agent are to be
    /// looked at again. What became of it since `before` is written into the log.
    async fn save(
        &self,
        tenant: TenantId,
        agent: &Agent,
        before: &Agent,
        lost: &[TaskChange],
        wakes: bool,
    ) -> Result<()>;
    /// One agent.
    async fn get(&self, tenant: TenantId, id: AgentId) -> Result<Agent>;
    /// The agent of this name.
    async fn by_name(&self, tenant: TenantId, name: &str) -> Result<Agent>;
    /// The tenant's agents, the last registered first.
    async fn list(&self, tenant: TenantId, filter: &AgentFilter, page: PageRequest) -> Result<Page<Agent>>;
    /// All agents of the tenant that are not offline.
    async fn present(&self, tenant: TenantId) -> Result<Vec<Agent>>;
    /// The same, with what choices rest on.
    async fn known(&self, tenant: TenantId) -> Result<Vec<Known>>;
    /// What was learned of one agent.
    async fn learned(&self, tenant: TenantId, id: AgentId) -> Result<Learned>;
    /// Keeps what was learned of an agent in the place of the lesson with the number before.
    /// [`StoreError::Stale`](crate::StoreError::Stale) when there is a later one.
    async fn learn(&self, tenant: TenantId, id: AgentId, learned: &Learned) -> Result<()>;
    /// Across tenants: agents whose silence is to be looked at, at most `limit`.
    async fn silent(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Agent>>;
    /// Across tenants: all agents that are not offline, for the gauges.
    async fn all_present(&self) -> Result<Vec<Agent>>;
    /// Across tenants: how many manifests each tenant has.
    async fn count_manifests(&self) -> Result<Vec<(TenantId, u64)>>;
}
