//! Messages between agents, and where each stands at its receivers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::message::{Delivery, DeliveryState};
use domain::ports::storage::{Messages, Sent};
use domain::{AgentId, Event, Message, MessageId, StoreError, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::outbox::push_ids;
use super::store::{Store, same_tenant};
use super::unit::Unit;
use super::{BATCH, Db};
use crate::column::{Document, Word};
use crate::fault::Fault;

const ADD: &str = "
    INSERT INTO messages (tenant_id, id, idempotency_key, expires_at, document)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";

const GET: &str = "SELECT document FROM messages WHERE tenant_id = $1 AND id = $2";

const KNOWN: &str = "
    SELECT document
      FROM messages
     WHERE tenant_id = $1 AND (id = $2 OR idempotency_key = $3)";

const DELIVERIES: &str = "
    SELECT message_id, agent_id, agent, state, moved_at, expires_at
      FROM deliveries
     WHERE tenant_id = $1 AND message_id = $2
     ORDER BY agent_id";

const STATE: &str =
    "SELECT state, agent FROM deliveries WHERE tenant_id = $1 AND message_id = $2 AND agent_id = $3";

const ACKNOWLEDGE: &str = "
    UPDATE deliveries
       SET state = 'acknowledged', moved_at = $4
     WHERE tenant_id = $1 AND message_id = $2 AND agent_id = $3 AND state IN ('waiting', 'delivered')";

const EXPIRE: &str = "
    UPDATE deliveries
       SET state = 'expired', moved_at = $1
     WHERE (tenant_id, message_id, agent_id) IN (
               SELECT tenant_id, message_id, agent_id
                 FROM deliveries
                WHERE state IN ('waiting', 'delivered') AND expires_at <= $1
                ORDER BY expires_at
                LIMIT $2
           )
       AND state IN ('waiting', 'delivered')
    RETURNING tenant_id, message_id, agent_id, agent, state, moved_at, expires_at";

/// A delivery without its tenant.
type Row = (
    Uuid,
    Uuid,
    String,
    Word<DeliveryState>,
    DateTime<Utc>,
    DateTime<Utc>,
);

/// A delivery with its tenant.
type Over = (
    Uuid,
    Uuid,
    Uuid,
    String,
    Word<DeliveryState>,
    DateTime<Utc>,
    DateTime<Utc>,
);

/// A message with a delivery.
type Found = (
    Document<Message>,
    Uuid,
    Uuid,
    String,
    Word<DeliveryState>,
    DateTime<Utc>,
    DateTime<Utc>,
);

#[async_trait]
impl Messages for Store {
    async fn send(
        &self,
        tenant: TenantId,
        message: &Message,
        receivers: &[Delivery],
        room: u32,
    ) -> Result<Sent, StoreError> {
        self.call("send", "messages", async {
            same_tenant(tenant, message.tenant_id)?;
            let mut unit = self.write(tenant).await?;
            let added = sqlx::query(ADD)
                .bind(tenant.0)
                .bind(message.id.0)
                .bind(&message.idempotency_key)
                .bind(message.expires_at)
                .bind(Document(message))
                .execute(unit.conn())
                .await?;
            if added.rows_affected() == 0 {
                let known: Document<Message> = sqlx::query_scalar(KNOWN)
                    .bind(tenant.0)
                    .bind(message.id.0)
                    .bind(&message.idempotency_key)
                    .fetch_one(unit.conn())
                    .await?;
                return Ok(Sent::Existing(Box::new(known.0)));
            }
            let full = unit.full(tenant, receivers, room).await?;
            let taken: Vec<Delivery> = receivers
                .iter()
                .filter(|delivery| !full.contains(&delivery.agent_id.0))
                .cloned()
                .collect();
            if taken.is_empty() && !receivers.is_empty() {
                let text = format!("{room} messages wait for it already");
                return Err(StoreError::conflict("to", text).into());
            }
            unit.deliver(&taken).await?;
            unit.commit().await?;
            Ok(Sent::New(taken))
        })
        .await
    }

    async fn get(&self, tenant: TenantId, id: MessageId) -> Result<Message, StoreError> {
        self.call("get", "messages", async {
            let mut unit = self.read(tenant).await?;
            let row: Document<Message> = sqlx::query_scalar(GET)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_one(unit.conn())
                .await?;
            Ok(row.0)
        })
        .await
    }

    async fn deliveries(&self, tenant: TenantId, id: MessageId) -> Result<Vec<Delivery>, StoreError> {
        self.call("deliveries", "deliveries", async {
            let mut unit = self.read(tenant).await?;
            let rows: Vec<Row> = sqlx::query_as(DELIVERIES)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_all(unit.conn())
                .await?;
            Ok(rows.into_iter().map(|row| delivery(tenant, row)).collect())
        })
        .await
    }

    async fn waiting(
        &self,
        tenant: TenantId,
        agents: &[AgentId],
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Message, Delivery)>, StoreError> {
        self.call("waiting", "deliveries", async {
            let mut found = Vec::new();
            let mut unit = self.read(tenant).await?;
            for agents in agents.chunks(BATCH) {
                found.extend(unit.waiting(tenant, agents, limit, now).await?);
            }
            Ok(found)
        })
        .await
    }

    async fn handed_out(
        &self,
        tenant: TenantId,
        agent: AgentId,
        messages: &[MessageId],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.call("handed_out", "deliveries", async {
            let mut unit = self.write(tenant).await?;
            for messages in messages.chunks(BATCH) {
                let mut update =
                    QueryBuilder::<Db>::new("UPDATE deliveries SET state = 'delivered', moved_at = ");
                update
                    .push_bind(now)
                    .push(" WHERE tenant_id = ")
                    .push_bind(tenant.0);
                update.push(" AND agent_id = ").push_bind(agent.0);
                update.push(" AND state = 'waiting' AND message_id IN (");
                push_ids(&mut update, messages.iter().map(|id| id.0));
                update.push(")");
                update.build().persistent(false).execute(unit.conn()).await?;
            }
            unit.commit().await
        })
        .await
    }

    async fn acknowledge(
        &self,
        tenant: TenantId,
        agent: AgentId,
        id: MessageId,
        now: DateTime<Utc>,
    ) -> Result<DeliveryState, StoreError> {
        self.call("acknowledge", "deliveries", async {
            let mut unit = self.write(tenant).await?;
            let (before, name): (Word<DeliveryState>, String) = sqlx::query_as(STATE)
                .bind(tenant.0)
                .bind(id.0)
                .bind(agent.0)
                .fetch_one(unit.conn())
                .await?;
            let moved = sqlx::query(ACKNOWLEDGE)
                .bind(tenant.0)
                .bind(id.0)
                .bind(agent.0)
                .bind(now)
                .execute(unit.conn())
                .await?;
            if moved.rows_affected() == 0 {
                return Ok(before.0);
            }
            let state = DeliveryState::Acknowledged;
            unit.happened(Event::of_delivery(tenant, id, (agent, &name), state, now));
            // There is room for what waits behind it.
            unit.woke(tenant, agent);
            unit.commit().await?;
            Ok(before.0)
        })
        .await
    }

    async fn expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.call("expire", "deliveries", async {
            let mut unit = self.write_across().await?;
            let rows: Vec<Over> = sqlx::query_as(EXPIRE)
                .bind(now)
                .bind(i64::from(limit))
                .fetch_all(unit.conn())
                .await?;
            let over: Vec<Delivery> = rows
                .into_iter()
                .map(|(tenant, message, agent, name, state, moved_at, expires_at)| {
                    let row = (message, agent, name, state, moved_at, expires_at);
                    delivery(TenantId(tenant), row)
                })
                .collect();
            if over.is_empty() {
                return Ok(over);
            }
            over.iter().for_each(|delivery| unit.happened(event(delivery)));
            unit.commit().await?;
            Ok(over)
        })
        .await
    }
}

impl Unit {
    /// Those of the receivers for whom `room` messages wait. Of two who send at once both may find the last place free.
    async fn full(
        &mut self,
        tenant: TenantId,
        receivers: &[Delivery],
        room: u32,
    ) -> Result<Vec<Uuid>, Fault> {
        if receivers.is_empty() {
            return Ok(Vec::new());
        }
        let mut count = QueryBuilder::<Db>::new("SELECT agent_id FROM deliveries WHERE tenant_id = ");
        count.push_bind(tenant.0);
        count.push(" AND state IN ('waiting', 'delivered') AND agent_id IN (");
        push_ids(&mut count, receivers.iter().map(|delivery| delivery.agent_id.0));
        count.push(") GROUP BY agent_id HAVING COUNT(*) >= ");
        count.push_bind(i64::from(room));
        Ok(count
            .build_query_scalar()
            .persistent(false)
            .fetch_all(self.conn())
            .await?)
    }

    async fn deliver(&mut self, receivers: &[Delivery]) -> Result<(), Fault> {
        for batch in receivers.chunks(BATCH) {
            let mut insert = QueryBuilder::<Db>::new(
                "INSERT INTO deliveries (tenant_id, message_id, agent_id, agent, state, moved_at, expires_at) ",
            );
            insert.push_values(batch, |mut row, delivery| {
                row.push_bind(delivery.tenant_id.0)
                    .push_bind(delivery.message_id.0)
                    .push_bind(delivery.agent_id.0)
                    .push_bind(delivery.agent.clone())
                    .push_bind(Word(delivery.state))
                    .push_bind(delivery.moved_at)
                    .push_bind(delivery.expires_at);
            });
            insert.build().persistent(false).execute(self.conn()).await?;
        }
        for delivery in receivers {
            self.happened(event(delivery));
            self.woke(delivery.tenant_id, delivery.agent_id);
        }
        Ok(())
    }

    async fn waiting(
        &mut self,
        tenant: TenantId,
        agents: &[AgentId],
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Message, Delivery)>, Fault> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT document, message_id, agent_id, agent, state, moved_at, expires_at
               FROM (SELECT message_id, agent_id, agent, state, moved_at, deliveries.expires_at, document,
                            ROW_NUMBER() OVER (PARTITION BY agent_id ORDER BY message_id) AS place
                       FROM deliveries
                       JOIN messages ON messages.tenant_id = deliveries.tenant_id AND messages.id = message_id
                      WHERE state IN ('waiting', 'delivered') AND deliveries.tenant_id = ",
        );
        query.push_bind(tenant.0).push(" AND deliveries.expires_at > ");
        query.push_bind(now).push(" AND agent_id IN (");
        push_ids(&mut query, agents.iter().map(|id| id.0));
        query.push(")) AS open WHERE place <= ");
        query.push_bind(i64::from(limit)).push(" ORDER BY message_id");
        let rows: Vec<Found> = query
            .build_query_as()
            .persistent(false)
            .fetch_all(self.conn())
            .await?;
        let read = |(message, id, agent, name, state, moved_at, expires_at): Found| {
            let row = (id, agent, name, state, moved_at, expires_at);
            (message.0, delivery(tenant, row))
        };
        Ok(rows.into_iter().map(read).collect())
    }
}

fn delivery(tenant_id: TenantId, (message, agent, name, state, moved_at, expires_at): Row) -> Delivery {
    Delivery {
        tenant_id,
        message_id: MessageId(message),
        agent_id: AgentId(agent),
        agent: name,
        state: state.0,
        moved_at,
        expires_at,
    }
}

fn event(delivery: &Delivery) -> Event {
    Event::of_delivery(
        delivery.tenant_id,
        delivery.message_id,
        (delivery.agent_id, &delivery.agent),
        delivery.state,
        delivery.moved_at,
    )
}
