//! The log of what happens: written with what it tells of, numbered right after.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ports::storage::{Events, LogBounds, Woken};
use domain::{Event, StoreError, TenantId};
use sqlx::QueryBuilder;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::store::Store;
use super::unit::Unit;
use super::{BATCH, Db, FEW};
use crate::column::{Document, signed, unsigned};
use crate::fault::Fault;

const TELL: &str = "INSERT INTO events (tenant_id, at, document) ";

/// What was noted as gone is so at once, though it goes bit by bit.
const AFTER: &str = "
    SELECT number, document
      FROM events
     WHERE tenant_id = $1 AND number > $2
       AND number > (SELECT pruned FROM event_heads WHERE tenant_id = $1)
     ORDER BY number
     LIMIT $3";

const BOUNDS: &str = "SELECT number, pruned FROM event_heads WHERE tenant_id = $1";

const ANY_FRESH: &str = "SELECT id FROM events WHERE number IS NULL LIMIT 1";

/// Held until the numbers are committed: the next to give some sees them.
const TAKE_TURN: &str = "UPDATE event_turn SET turn = turn + 1";

const NUMBER: &str = "
    WITH fresh AS (
         SELECT id AS fresh_id, tenant_id AS fresh_tenant,
                ROW_NUMBER() OVER (PARTITION BY tenant_id ORDER BY id) AS place
           FROM (SELECT id, tenant_id FROM events WHERE number IS NULL ORDER BY id LIMIT $1) AS next
    )
    UPDATE events
       SET number = place + COALESCE(
               (SELECT event_heads.number FROM event_heads WHERE event_heads.tenant_id = fresh_tenant), 0)
      FROM fresh
     WHERE id = fresh_id
    RETURNING tenant_id, number";

const HEAD: &str = "
    INSERT INTO event_heads (tenant_id, number)
    VALUES ($1, $2)
    ON CONFLICT (tenant_id) DO UPDATE SET number = excluded.number";

const NOTE_PRUNED: &str = "
    WITH past AS (
         SELECT tenant_id AS past_tenant, MAX(number) AS gone
           FROM events
          WHERE at < $1
          GROUP BY tenant_id
    )
    UPDATE event_heads
       SET pruned = gone
      FROM past
     WHERE tenant_id = past_tenant AND pruned < gone";

/// At most $1 of those that were noted as gone.
pub(super) const PRUNE_EVENTS: &str = "
    DELETE FROM events
     WHERE id IN (
               SELECT events.id
                 FROM event_heads
                 JOIN events ON events.tenant_id = event_heads.tenant_id AND events.number <= event_heads.pruned
                LIMIT $1
           )";

#[async_trait]
impl Events for Store {
    async fn after(&self, tenant: TenantId, number: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.call("after", "events", async {
            let mut unit = self.read(tenant).await?;
            let rows: Vec<(i64, Document<Event>)> = sqlx::query_as(AFTER)
                .bind(tenant.0)
                .bind(signed(number))
                .bind(i64::from(limit))
                .fetch_all(unit.conn())
                .await?;
            let event = |(number, event): (i64, Document<Event>)| Event {
                number: unsigned(number),
                ..event.0
            };
            Ok(rows.into_iter().map(event).collect())
        })
        .await
    }

    async fn bounds(&self, tenant: TenantId) -> Result<LogBounds, StoreError> {
        self.call("bounds", "event_heads", async {
            let mut unit = self.read(tenant).await?;
            let row: Option<(i64, i64)> = sqlx::query_as(BOUNDS)
                .bind(tenant.0)
                .fetch_optional(unit.conn())
                .await?;
            Ok(row.map_or_else(LogBounds::default, |(last, pruned)| LogBounds {
                last: unsigned(last),
                pruned: unsigned(pruned),
            }))
        })
        .await
    }

    async fn number(&self, limit: u32) -> Result<u64, StoreError> {
        self.call("number", "events", async {
            let mut unit = self.read_across().await?;
            let any: Option<i64> = sqlx::query_scalar(ANY_FRESH).fetch_optional(unit.conn()).await?;
            if any.is_none() {
                return Ok(0);
            }
            drop(unit);
            let mut unit = self.write_across().await?;
            sqlx::query(TAKE_TURN).execute(unit.conn()).await?;
            let numbered: Vec<(Uuid, i64)> = sqlx::query_as(NUMBER)
                .bind(i64::from(limit))
                .fetch_all(unit.conn())
                .await?;
            let mut heads: BTreeMap<Uuid, i64> = BTreeMap::new();
            for (tenant, number) in &numbered {
                let head = heads.entry(*tenant).or_default();
                *head = (*head).max(*number);
            }
            for (tenant, head) in heads {
                sqlx::query(HEAD)
                    .bind(tenant)
                    .bind(head)
                    .execute(unit.conn())
                    .await?;
            }
            unit.events_numbered();
            unit.commit().await?;
            Ok(numbered.len() as u64)
        })
        .await
    }

    fn numbered(&self) -> watch::Receiver<u64> {
        self.signals.events_numbered_since()
    }

    fn fresh(&self) -> watch::Receiver<u64> {
        self.signals.events_fresh_since()
    }

    fn woken(&self) -> broadcast::Receiver<Woken> {
        self.signals.agents()
    }
}

impl Unit {
    /// Writes what has happened, before the unit commits.
    pub(super) async fn tell(&mut self, events: &[Event]) -> Result<(), Fault> {
        for batch in events.chunks(BATCH) {
            let mut tell = QueryBuilder::<Db>::new(TELL);
            tell.push_values(batch, |mut row, event| {
                row.push_bind(event.tenant_id.0)
                    .push_bind(event.at)
                    .push_bind(Document(event));
            });
            tell.build()
                .persistent(batch.len() <= FEW)
                .execute(self.conn())
                .await?;
        }
        Ok(())
    }
}

impl Store {
    /// Notes that what happened before this instant is gone.
    pub(super) async fn events_are_gone(&self, before: DateTime<Utc>) -> Result<(), Fault> {
        let mut unit = self.write_across().await?;
        sqlx::query(NOTE_PRUNED).bind(before).execute(unit.conn()).await?;
        unit.commit().await
    }
}
