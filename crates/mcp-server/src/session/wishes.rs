//! What the client of a session asked for once and for all: how much is logged to it, and which resources it watches. It
//! is kept with the session in the cache, so that every replica honours it, also one that was not told.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still part of the older eras"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::LoggingLevel;
use serde::{Deserialize, Serialize};

use super::{Sessions, record};

/// How long one change may keep the others of the same session waiting. A replica that dies in the middle of one costs
/// the next one this.
const TURN: Duration = Duration::from_secs(1);

/// How often it is looked whether another change of the same session is made.
const POLL: Duration = Duration::from_millis(20);

/// What a client wishes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wishes {
    /// The least level of log messages; none until it says so.
    pub(crate) level: Option<LoggingLevel>,
    /// The resources whose changes it wants to hear of.
    pub(crate) resources: BTreeSet<String>,
}

/// The wishes of one session, as all replicas know them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SharedWishes {
    sessions: Sessions,
    id: Arc<str>,
}

impl SharedWishes {
    pub(super) fn new(sessions: Sessions, id: Arc<str>) -> Self {
        Self { sessions, id }
    }

    /// The wishes; none when the cache does not know the session, or does not answer.
    pub(crate) async fn read(&self) -> Option<Wishes> {
        match self.sessions.load(&self.id).await {
            Ok(record) => Some(record?.wishes),
            Err(error) => {
                tracing::warn!(%error, session_id = &*self.id, "what a client asked for elsewhere is not known");
                None
            }
        }
    }

    /// Changes them, one change after the other.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut Wishes)) {
        let turn = format!("{}:wishes", record::key(&self.id));
        let ours = self.wait_for(&turn).await;
        if let Err(error) = self.sessions.change_wishes(&self.id, change).await {
            tracing::warn!(%error, session_id = &*self.id, "other replicas do not hear what a client asks for");
        }
        if ours && let Err(error) = self.sessions.0.cache.remove(&turn).await {
            tracing::debug!(%error, "the next change waits for the end of this one's turn");
        }
    }

    /// Waits for this change's turn; answers whether it has to be given back.
    async fn wait_for(&self, turn: &str) -> bool {
        let cache = &self.sessions.0.cache;
        let taken = async {
            while matches!(cache.set_if_absent(turn, b"", TURN).await, Ok(false)) {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(2 * TURN, taken).await.is_ok()
    }
}
