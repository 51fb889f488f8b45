//! One unit of work: a transaction, the catalogue changes it makes, and whom it wakes when it commits.

use std::sync::Arc;

use domain::{AgentId, EntityKind, Event, TenantId};
use sqlx::{QueryBuilder, Transaction};
use uuid::Uuid;

use super::{BATCH, Connection, Db, dialect};
use crate::announcement::Announcement;
use crate::column::Word;
use crate::fault::Fault;
use crate::signals::Signals;

/// Gives out the next $1 numbers. The row's lock is held until the transaction ends, so this comes last in it.
const TAKE_NUMBERS: &str = "
    UPDATE change_counter
       SET number = number + $1
    RETURNING number";

/// A transaction of a storage call. Dropped without [`Unit::commit`], it leaves nothing behind.
pub struct Unit {
    transaction: Transaction<'static, Db>,
    signals: Arc<Signals>,
    changed: Vec<(TenantId, EntityKind, Uuid)>,
    happened: Vec<Event>,
    told: Announcement,
}

impl Unit {
    pub(super) fn new(transaction: Transaction<'static, Db>, signals: Arc<Signals>) -> Self {
        Self {
            transaction,
            signals,
            changed: Vec::new(),
            happened: Vec::new(),
            told: Announcement::default(),
        }
    }

    /// The connection, for the next statement.
    pub(super) fn conn(&mut self) -> &mut Connection {
        &mut self.transaction
    }

    /// Narrows a unit that crosses tenants to one tenant.
    pub(super) async fn enter(&mut self, tenant: TenantId) -> Result<(), Fault> {
        Ok(dialect::enter(&mut self.transaction, tenant).await?)
    }

    /// Notes that the catalogue's entity changed: it gets a number at commit.
    pub(super) fn changed(&mut self, tenant: TenantId, kind: EntityKind, id: Uuid) {
        self.changed.push((tenant, kind, id));
    }

    /// Notes that a job may have become final.
    pub(super) fn jobs_moved(&mut self) {
        self.told.jobs_moved = true;
    }

    /// Notes that a job may have become due.
    pub(super) fn jobs_posted(&mut self) {
        self.told.jobs_posted = true;
    }

    /// Notes that a task has moved, or that an agent may take one.
    pub(super) fn tasks_moved(&mut self) {
        self.told.tasks = true;
    }

    /// Notes what has happened: it is written into the log at commit.
    pub(super) fn happened(&mut self, event: Event) {
        self.happened.push(event);
    }

    /// Notes that an agent is to look at what it holds.
    pub(super) fn woke(&mut self, tenant: TenantId, agent: AgentId) {
        if !self.told.agents.contains(&(tenant, agent)) {
            self.told.agents.push((tenant, agent));
        }
    }

    /// Notes that events have got their numbers.
    pub(super) fn events_numbered(&mut self) {
        self.told.events_numbered = true;
    }

    /// Writes what has happened, numbers the changes, commits, and wakes whoever waits for them.
    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        self.tell_happened().await?;
        self.told.changes = !self.changed.is_empty();
        if self.told.changes {
            self.number_changes().await?;
        }
        dialect::announce(&mut self.transaction, &self.told).await?;
        self.transaction.commit().await?;
        if dialect::SIGNALS_AT_COMMIT {
            self.told.tell(&self.signals);
        }
        Ok(())
    }

    /// Writes what has happened so far.
    pub(super) async fn tell_happened(&mut self) -> Result<(), Fault> {
        let happened = std::mem::take(&mut self.happened);
        self.tell(&happened).await?;
        self.told.events_fresh |= !happened.is_empty();
        Ok(())
    }

    async fn number_changes(&mut self) -> Result<(), Fault> {
        let count = i64::try_from(self.changed.len()).unwrap_or(i64::MAX);
        let last: i64 = sqlx::query_scalar(TAKE_NUMBERS)
            .bind(count)
            .fetch_one(&mut *self.transaction)
            .await?;
        let changes = std::mem::take(&mut self.changed);
        let numbered: Vec<_> = (last - count + 1..).zip(changes).collect();
        for batch in numbered.chunks(BATCH) {
            let mut insert =
                QueryBuilder::<Db>::new("INSERT INTO changes (number, tenant_id, kind, entity_id) ");
            insert.push_values(batch, |mut row, (number, (tenant, kind, id))| {
                row.push_bind(*number)
                    .push_bind(tenant.0)
                    .push_bind(Word(*kind))
                    .push_bind(*id);
            });
            insert
                .build()
                .persistent(false)
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }
}
