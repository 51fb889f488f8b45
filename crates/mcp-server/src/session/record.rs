//! What the cache knows of a session, so that any replica can go on with it.

use async_trait::async_trait;
use domain::KeyId;
use domain::ports::cache::CacheError;
use rmcp::model::InitializeRequestParams;
use rmcp::transport::streamable_http_server::session::{SessionState, SessionStore, SessionStoreError};
use serde::{Deserialize, Serialize};

use super::Sessions;
use super::wishes::Wishes;

/// The channel on which replicas tell each other that a session has ended; the message is its id.
pub(super) const ENDED: &str = "mcp:session:ended";

/// A session as the cache has it.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    /// The key that opened it; nobody else may use it.
    pub(super) owner: KeyId,
    initialize: InitializeRequestParams,
    /// What its client asked for since.
    #[serde(default)]
    pub(super) wishes: Wishes,
}

/// The cache key of a session.
pub(super) fn key(id: &str) -> String {
    format!("mcp:session:{id}")
}

impl Sessions {
    /// The session's entry, if it is open.
    pub(super) async fn load(&self, id: &str) -> Result<Option<Record>, SessionStoreError> {
        let Some(bytes) = self.0.cache.get(&key(id)).await? else {
            return Ok(None);
        };
        Ok(Some(serde_json::from_slice(&bytes)?))
    }

    async fn save(&self, id: &str, state: &SessionState, owner: KeyId) -> Result<(), SessionStoreError> {
        let record = Record {
            owner,
            initialize: state.initialize_params.clone(),
            wishes: Wishes::default(),
        };
        self.put(id, &record).await
    }

    async fn put(&self, id: &str, record: &Record) -> Result<(), SessionStoreError> {
        let bytes = serde_json::to_vec(record)?;
        self.0
            .cache
            .set(&key(id), &bytes, self.0.config.idle.get())
            .await?;
        Ok(())
    }

    /// Changes what the client of an open session asked for.
    pub(super) async fn change_wishes(
        &self,
        id: &str,
        change: impl FnOnce(&mut Wishes),
    ) -> Result<(), SessionStoreError> {
        let Some(mut record) = self.load(id).await? else {
            return Ok(());
        };
        change(&mut record.wishes);
        self.put(id, &record).await
    }

    async fn end_everywhere(&self, id: &str) -> Result<(), CacheError> {
        self.0.cache.remove(&key(id)).await?;
        self.0.cache.publish(ENDED, id.as_bytes()).await
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn load(&self, id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let record = Sessions::load(self, id).await?;
        Ok(record.map(|record| SessionState::new(record.initialize)))
    }

    async fn store(&self, id: &str, state: &SessionState) -> Result<(), SessionStoreError> {
        let Some(session) = self.find(id) else {
            return Ok(());
        };
        self.save(id, state, session.owner).await?;
        session.verify();
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<(), SessionStoreError> {
        Ok(self.end_everywhere(id).await?)
    }
}
