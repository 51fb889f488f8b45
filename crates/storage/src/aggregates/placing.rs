//! Many tasks that move each for itself, most of them to an agent: a few statements, however many they are.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::ports::storage::TaskChange;
use domain::{Agent, AgentId, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::outbox::push_ids;
use super::store::same_tenant;
use super::unit::Unit;
use super::{BATCH, Db, dialect};
use crate::column::{Document, Word};
use crate::fault::Fault;

const LOCK_AGENTS: &str = "SELECT id, document FROM agents WHERE tenant_id = ";

const HELD: &str = "
    SELECT assignee, COUNT(*)
      FROM tasks
     WHERE state IN ('assigned', 'accepted', 'in_progress') AND tenant_id = ";

const CHOSEN: &str = "UPDATE agents SET chosen_at = ";

const MOVED: &str = "
    WITH moved (its_id, its_state, its_assignee, its_due_at, its_version, its_finished_at, its_document) AS (";

const SAVE: &str = ")
    UPDATE tasks
       SET state = its_state, assignee = its_assignee, due_at = its_due_at, version = its_version,
           finished_at = its_finished_at, document = its_document
      FROM moved
     WHERE id = its_id AND version = its_version - 1 AND tenant_id = ";

impl Unit {
    /// Stores those that can be stored; answers for each whether it is. Agents are locked before tasks, both in the order of
    /// their ids, so that two of these never wait for each other.
    pub(super) async fn save_each_task(
        &mut self,
        tenant: TenantId,
        changes: &[TaskChange],
    ) -> Result<Vec<bool>, Fault> {
        for change in changes {
            same_tenant(tenant, change.task.tenant_id)?;
        }
        let mut free = self.free_places(tenant, changes).await?;
        let may = |change: &&TaskChange| match change.task.holder().filter(|_| change.assigns) {
            Some(agent) => free.get_mut(&agent).is_some_and(|left| {
                let is_free = *left > 0;
                *left = left.saturating_sub(1);
                is_free
            }),
            None => !change.assigns,
        };
        let mut moving: Vec<&TaskChange> = changes.iter().filter(may).collect();
        moving.sort_by_key(|change| change.task.id);
        let mut saved = HashSet::new();
        for batch in moving.chunks(BATCH) {
            saved.extend(self.save_moved(tenant, batch).await?);
        }
        // One that is there twice is saved once.
        let mut left = saved.clone();
        let is_saved = changes.iter().map(|change| left.remove(&change.task.id.0));
        let is_saved: Vec<bool> = is_saved.collect();
        let saved: Vec<&TaskChange> = changes
            .iter()
            .zip(&is_saved)
            .filter_map(|(change, saved)| saved.then_some(change))
            .collect();
        if !saved.is_empty() {
            self.chosen(tenant, &saved).await?;
            self.note(&saved).await?;
            self.tasks_moved();
        }
        Ok(is_saved)
    }

    /// Locks the agents that tasks are given to; how many each of them can still take, at this moment.
    async fn free_places(
        &mut self,
        tenant: TenantId,
        changes: &[TaskChange],
    ) -> Result<HashMap<AgentId, u32>, Fault> {
        let given = changes.iter().filter(|change| change.assigns);
        let agents: BTreeSet<AgentId> = given.filter_map(|change| change.task.holder()).collect();
        if agents.is_empty() {
            return Ok(HashMap::new());
        }
        let mut lock = QueryBuilder::<Db>::new(LOCK_AGENTS);
        lock.push_bind(tenant.0).push(" AND id IN (");
        push_ids(&mut lock, agents.iter().map(|id| id.0));
        lock.push(")").push(dialect::IN_ORDER);
        let known: Vec<(Uuid, Document<Agent>)> = lock
            .build_query_as()
            .persistent(false)
            .fetch_all(self.conn())
            .await?;
        let mut held = QueryBuilder::<Db>::new(HELD);
        held.push_bind(tenant.0).push(" AND assignee IN (");
        push_ids(&mut held, agents.iter().map(|id| id.0));
        held.push(") GROUP BY assignee");
        let held: Vec<(Uuid, i64)> = held
            .build_query_as()
            .persistent(false)
            .fetch_all(self.conn())
            .await?;
        let held: HashMap<Uuid, i64> = held.into_iter().collect();
        let free = |(id, agent): (Uuid, Document<Agent>)| {
            let held = held.get(&id).copied().unwrap_or(0);
            let held = u32::try_from(held).unwrap_or(u32::MAX);
            let free = agent.0.may_take(held).then(|| agent.0.capacity - held);
            (AgentId(id), free.unwrap_or(0))
        };
        Ok(known.into_iter().map(free).collect())
    }

    async fn save_moved(&mut self, tenant: TenantId, moving: &[&TaskChange]) -> Result<Vec<Uuid>, Fault> {
        let mut save = QueryBuilder::<Db>::new(MOVED);
        save.push_values(moving, |mut row, TaskChange { task, .. }| {
            row.push_bind(task.id.0)
                .push_bind(Word(task.state))
                .push_bind(task.holder().map(|id| id.0))
                .push_bind(task.due_at)
                .push_bind(task.version)
                .push_bind(task.finished_at)
                .push_bind(Document(task));
        });
        save.push(SAVE).push_bind(tenant.0).push(" RETURNING id");
        let saved = save.build_query_scalar().persistent(false);
        Ok(saved.fetch_all(self.conn()).await?)
    }

    async fn chosen(&mut self, tenant: TenantId, saved: &[&TaskChange]) -> Result<(), Fault> {
        let given = saved.iter().filter(|change| change.assigns);
        let agents: BTreeSet<AgentId> = given.clone().filter_map(|change| change.task.holder()).collect();
        let Some(at) = given.map(|change| change.task.updated_at).max() else {
            return Ok(());
        };
        let mut chosen = QueryBuilder::<Db>::new(CHOSEN);
        chosen.push_bind(at.timestamp_millis());
        chosen.push(" WHERE tenant_id = ").push_bind(tenant.0);
        chosen.push(" AND id IN (");
        push_ids(&mut chosen, agents.iter().map(|id| id.0));
        chosen
            .push(")")
            .build()
            .persistent(false)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}
