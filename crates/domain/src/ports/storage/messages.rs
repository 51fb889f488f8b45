//! Messages between agents.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Result;
use crate::id::{AgentId, MessageId, TenantId};
use crate::message::{Delivery, DeliveryState, Message};

/// What [`Messages::send`] did.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// It is stored, for the receivers that had room.
    New(Vec<Delivery>),
    /// There is a message with this idempotency key already: this one.
    Existing(Box<Message>),
}

/// Messages between agents.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Stores the copy of one tenant with what it is to become of it at that tenant's receivers, leaving out those for whom
    /// `room` messages wait already.
    async fn send(
        &self,
        tenant: TenantId,
        message: &Message,
        receivers: &[Delivery],
        room: u32,
    ) -> Result<Sent>;
    /// One message, in the copy of this tenant.
    async fn get(&self, tenant: TenantId, id: MessageId) -> Result<Message>;
    /// Where it stands at the receivers of this tenant.
    async fn deliveries(&self, tenant: TenantId, id: MessageId) -> Result<Vec<Delivery>>;
    /// What waits for these agents, in order, at most `limit` for each.
    async fn waiting(
        &self,
        tenant: TenantId,
        agents: &[AgentId],
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Message, Delivery)>>;
    /// Notes that these were handed to the agent.
    async fn handed_out(
        &self,
        tenant: TenantId,
        agent: AgentId,
        messages: &[MessageId],
        now: DateTime<Utc>,
    ) -> Result<()>;
    /// Notes that the agent has the message; answers where it stood before. Doing so again changes nothing.
    async fn acknowledge(
        &self,
        tenant: TenantId,
        agent: AgentId,
        id: MessageId,
        now: DateTime<Utc>,
    ) -> Result<DeliveryState>;
    /// Across tenants: gives up at most `limit` that are over; answers which.
    async fn expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Delivery>>;
}
