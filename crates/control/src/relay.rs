//! Moves due jobs from the outbox to the broker, and picks up what was lost.

use chrono::Duration;
use domain::JobKind;
use domain::ports::storage::{OutboxEntry, Swept};
use domain::ports::{Queue, QueueMessage};

use crate::{Control, ControlError};

/// How long rows that one relay has taken are kept from the others. Longer than a publish with confirms takes.
const HOLD: Duration = Duration::seconds(30);

/// What one round of the relay did.
#[derive(Debug, Default)]
pub struct Relayed {
    /// Kinds of the jobs that the broker has confirmed.
    pub published: Vec<JobKind>,
    /// Why some were not taken; they stay in the outbox.
    pub refused: Option<String>,
}

impl Control {
    /// Publishes at most `limit` due jobs and removes the rows that the broker has confirmed.
    ///
    /// # Errors
    /// When storage cannot answer. A broker that is away is no error: the rows stay.
    pub async fn relay(&self, queue: &dyn Queue, limit: u32) -> Result<Relayed, ControlError> {
        let entries = self.storage.jobs.outbox_due(self.now(), HOLD, limit).await?;
        if entries.is_empty() {
            return Ok(Relayed::default());
        }
        let messages: Vec<_> = entries.iter().map(message).collect();
        let results = queue.publish(&messages).await;
        let mut relayed = Relayed::default();
        let mut confirmed = Vec::with_capacity(entries.len());
        for (entry, result) in entries.iter().zip(results) {
            match result {
                Ok(()) => {
                    confirmed.push(entry.id);
                    relayed.published.push(entry.kind);
                }
                Err(error) => relayed.refused = Some(error.to_string()),
            }
        }
        self.storage.jobs.published(&confirmed, self.now()).await?;
        Ok(relayed)
    }

    /// Moves jobs whose worker was lost, and puts jobs whose message was lost into the outbox again. A message counts
    /// as lost when its job is still pending `lost_after` its publication.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn sweep(&self, lost_after: Duration, limit: u32) -> Result<Swept, ControlError> {
        let now = self.now();
        Ok(self.storage.jobs.sweep(now, now - lost_after, limit).await?)
    }
}

fn message(entry: &OutboxEntry) -> QueueMessage {
    QueueMessage {
        job_id: entry.job_id,
        tenant_id: entry.tenant_id,
        kind: entry.kind,
        attempt: entry.attempt,
        priority: entry.priority,
        trace: entry.trace.clone(),
    }
}
