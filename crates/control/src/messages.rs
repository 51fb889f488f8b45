//! Messages between agents: sent by agents and people, kept for each receiver until it says that it has them.

mod read;
mod send;

use domain::message::{Delivery, Message};

pub use read::Inbox;
pub(crate) use read::woken_before;
pub use send::{Dispatch, NewMessage, To, Who};

use crate::{Control, ControlError};

/// A message, and where it stands at its receivers.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// The message.
    pub message: Message,
    /// Its receivers.
    pub deliveries: Vec<Delivery>,
}

/// The bounds of messages, from the settings.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The largest body, in bytes of JSON.
    pub max_body: usize,
    /// How many messages may wait for one agent.
    pub max_waiting: u32,
    /// How long a message that does not say otherwise is kept for its receivers, in seconds.
    pub expires_seconds: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_body: 64 << 10,
            max_waiting: 1_000,
            expires_seconds: 24 * 3_600,
        }
    }
}

impl Control {
    /// Gives up messages that are over, across tenants, at most `limit`.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn expire_messages(&self, limit: u32) -> Result<Vec<Delivery>, ControlError> {
        Ok(self.storage.messages.expire(self.now(), limit).await?)
    }

    async fn tracked(&self, message: Message) -> Result<Tracked, ControlError> {
        let mut deliveries = Vec::new();
        for tenant in &message.tenants {
            deliveries.extend(self.storage.messages.deliveries(*tenant, message.id).await?);
        }
        Ok(Tracked { message, deliveries })
    }
}
