//! Messages between agents: stored until each receiver has acknowledged them, or until they are over.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{AgentId, MessageId, TenantId};

/// Who sent a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The agent; none when a person or a service sent it with their key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The agent's name, or the key's.
    pub name: String,
    /// The agent's type; `key` where no agent sent it.
    pub kind: String,
}

/// A message, as each tenant that has a part in it keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Identifier, the same in every tenant: the receiver drops what it has seen by it.
    pub id: MessageId,
    /// The tenant whose copy this is.
    pub tenant_id: TenantId,
    /// Who sent it.
    pub from: Sender,
    /// What it is about, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What it says.
    pub body: Value,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// Who has not acknowledged it by then does not get it any more.
    pub expires_at: DateTime<Utc>,
    /// The tenants of its receivers.
    pub tenants: Vec<TenantId>,
    /// What makes sending it again harmless: the sender's key and their word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What tells sending it again from sending another one with the same key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
}

/// Where a message stands at one of its receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its receiver.
    Waiting,
    /// It was handed to its receiver, who has not said yet that it has it; it may be handed out again.
    Delivered,
    /// The receiver has it.
    Acknowledged,
    /// Its time was over before.
    Expired,
}

impl DeliveryState {
    /// The text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Acknowledged => "acknowledged",
            Self::Expired => "expired",
        }
    }
}

/// A message at one of its receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The receiver's tenant.
    pub tenant_id: TenantId,
    /// The message.
    pub message_id: MessageId,
    /// The receiver.
    pub agent_id: AgentId,
    /// Its name.
    pub agent: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Since when.
    pub moved_at: DateTime<Utc>,
    /// Until when it is kept for the receiver.
    pub expires_at: DateTime<Utc>,
}
