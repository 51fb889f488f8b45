//! Coming back: what a client may have missed waits in the cache, so that any replica can hand it over.
//!
//! A message that must be delivered to a client that asked for this is appended to a list of its session in the cache
//! before it is sent; its place in the list is its number. So the numbers are one line, whichever replica writes: a replica
//! that still runs a request of a client that has gone on to another one appends the answer, tells the others ([`SAID`]),
//! and the one that has the client sends what it finds behind the last number it sent.

use std::sync::Arc;
use std::time::Duration;

use domain::KeyId;
use domain::ports::Cache;
use domain::ports::cache::CacheError;
use frames::Kind;
use frames::wire::Ready;
use futures::StreamExt;
use rmcp::model::InitializeRequestParams;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use super::config::WebSocketConfig;
use super::end::End;
use super::open::Connections;

/// The capability (`experimental`) by which a client asks for it.
pub(super) const CAPABILITY: &str = "io.devmesh/resume";

/// The channel on which replicas tell each other of clients that moved.
const SAID: &str = "mcp:ws:said";

/// How long to wait before listening again after the cache was lost.
const PAUSE: Duration = Duration::from_secs(1);

/// How long, and how often, a replica that had the client is waited for to say what it received.
const HANDOVER: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(20);

/// What is known of a session besides its messages.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// The key that opened it; nobody else may come back to it.
    pub(super) owner: KeyId,
    /// SHA-256 of the secret in its token.
    secret: [u8; 32],
    /// What its client said when it began.
    pub(super) initialize: InitializeRequestParams,
    /// The type of the agent.
    pub(super) agent_type: String,
    /// The last number that came from the client; none while a replica has it.
    pub(super) received: Option<u64>,
}

/// The messages and the record of one session.
pub(super) struct Log {
    shelf: Shelf,
    id: Arc<str>,
    secret: [u8; 32],
}

/// Where sessions are kept.
#[derive(Clone)]
pub(super) struct Shelf {
    cache: Arc<dyn Cache>,
    replica: Arc<str>,
    keep: Duration,
    most: usize,
}

#[derive(Serialize, Deserialize)]
struct Said {
    from: String,
    session: String,
    what: What,
}

#[derive(Serialize, Deserialize)]
enum What {
    /// The client is with another replica now.
    Taken,
    /// There is something more to send.
    More,
}

impl Shelf {
    pub(super) fn new(cache: Arc<dyn Cache>, config: &WebSocketConfig) -> Self {
        Self {
            cache,
            replica: uuid::Uuid::new_v4().simple().to_string().into(),
            keep: config.resume.get(),
            most: config.resume_messages,
        }
    }

    /// How long a client may take to come back.
    pub(super) fn keep(&self) -> Duration {
        self.keep
    }

    /// A new session's place, and the token by which its client comes back.
    pub(super) fn begin(&self, id: &Arc<str>) -> (Log, String) {
        let secret = format!(
            "{}{}",
            uuid::Uuid::new_v4().simple(),
            uuid::Uuid::new_v4().simple()
        );
        let token = format!("{id}.{secret}");
        (self.log(id, hash(&secret)), token)
    }

    fn log(&self, id: &Arc<str>, secret: [u8; 32]) -> Log {
        Log {
            shelf: self.clone(),
            id: Arc::clone(id),
            secret,
        }
    }

    /// The session of a token, if it is kept and the token is its own.
    pub(super) async fn find(&self, id: &str, secret: &str) -> Result<Option<(Log, Record)>, CacheError> {
        let Some(record) = self.record(id).await? else {
            return Ok(None);
        };
        let is_its_own = bool::from(hash(secret).ct_eq(&record.secret));
        Ok(is_its_own.then(|| (self.log(&id.into(), record.secret), record)))
    }

    async fn record(&self, id: &str) -> Result<Option<Record>, CacheError> {
        let bytes = self.cache.get(&record_key(id)).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Tells the replica that had the client, and answers what that one received; none when it is gone. `known` is what it
    /// wrote down when it lost the client.
    pub(super) async fn take_over(&self, id: &str, known: Option<u64>) -> Option<u64> {
        self.say(id, What::Taken).await;
        if known.is_some() {
            return known;
        }
        let let_go = async {
            loop {
                if let Ok(Some(Record {
                    received: Some(last), ..
                })) = self.record(id).await
                {
                    return last;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(HANDOVER, let_go).await.ok()
    }

    async fn say(&self, session: &str, what: What) {
        let said = Said {
            from: self.replica.to_string(),
            session: session.to_owned(),
            what,
        };
        let bytes = serde_json::to_vec(&said).unwrap_or_default();
        if let Err(error) = self.cache.publish(SAID, &bytes).await {
            tracing::warn!(%error, "other replicas do not hear of a connection that moved");
        }
    }

    /// Hears what other replicas say of connections, until `stop`.
    pub(super) async fn follow(&self, connections: Connections, stop: CancellationToken) {
        let following = async {
            loop {
                match self.cache.listen(SAID).await {
                    Ok(mut said) => {
                        while let Some(bytes) = said.next().await {
                            self.hear(&connections, &bytes).await;
                        }
                    }
                    Err(error) => tracing::warn!(%error, "connections that move are not heard of at once"),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        stop.run_until_cancelled(following).await;
    }

    async fn hear(&self, connections: &Connections, bytes: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Said>(bytes) else {
            return;
        };
        if *said.from == *self.replica {
            return;
        }
        let Some(connection) = connections.find(&said.session) else {
            return;
        };
        match said.what {
            What::Taken => {
                connection.0.is_elsewhere();
                connections.remove(&said.session);
                if let Some(socket) = connection.0.detach() {
                    socket.end(End::TAKEN_OVER);
                }
                // What it kept until now may have come too late for the one that took over.
                if let Some(log) = connection.0.log.get() {
                    log.more().await;
                }
            }
            What::More => connection.0.catch_up().await,
        }
    }
}

impl Log {
    /// Whether the token is this session's.
    pub(super) fn admits(&self, secret: &str) -> bool {
        hash(secret).ct_eq(&self.secret).into()
    }

    pub(super) async fn append(&self, ready: &Ready) -> Result<u64, CacheError> {
        let shelf = &self.shelf;
        let key = messages_key(&self.id);
        shelf
            .cache
            .append(&key, &packed(ready), shelf.most, shelf.keep)
            .await
    }

    /// The messages behind `last`, oldest first.
    pub(super) async fn after(&self, last: u64) -> Result<Vec<(u64, Ready)>, CacheError> {
        let entries = self.shelf.cache.entries(&messages_key(&self.id), last).await?;
        Ok(entries
            .into_iter()
            .filter_map(|(number, bytes)| Some((number, unpacked(&bytes)?)))
            .collect())
    }

    pub(super) async fn save(
        &self,
        owner: KeyId,
        initialize: &InitializeRequestParams,
        agent_type: &str,
        received: Option<u64>,
    ) -> Result<(), CacheError> {
        let record = Record {
            owner,
            secret: self.secret,
            initialize: initialize.clone(),
            agent_type: agent_type.to_owned(),
            received,
        };
        let bytes = serde_json::to_vec(&record).map_err(|error| CacheError(error.to_string()))?;
        self.shelf
            .cache
            .set(&record_key(&self.id), &bytes, self.shelf.keep)
            .await
    }

    /// Keeps it for another while.
    pub(super) async fn touch(&self) -> Result<(), CacheError> {
        let (cache, keep) = (&self.shelf.cache, self.shelf.keep);
        cache.expire(&record_key(&self.id), keep).await?;
        cache.expire(&messages_key(&self.id), keep).await?;
        Ok(())
    }

    /// Nobody comes back to it.
    pub(super) async fn forget(&self) -> Result<(), CacheError> {
        self.shelf.cache.remove(&record_key(&self.id)).await?;
        self.shelf.cache.remove(&messages_key(&self.id)).await?;
        Ok(())
    }

    /// Tells the replica that has the client that there is something to send.
    pub(super) async fn more(&self) {
        self.shelf.say(&self.id, What::More).await;
    }
}

fn record_key(id: &str) -> String {
    format!("mcp:ws:session:{id}")
}

fn messages_key(id: &str) -> String {
    format!("mcp:ws:messages:{id}")
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A message as it is kept: its type, its method's number, its text.
fn packed(ready: &Ready) -> Vec<u8> {
    let method = ready.method.to_be_bytes();
    [[ready.kind.number()].as_slice(), method.as_slice(), &ready.json].concat()
}

fn unpacked(bytes: &[u8]) -> Option<Ready> {
    let ([kind, m0, m1], json) = bytes.split_first_chunk::<3>()?;
    Some(Ready {
        kind: *Kind::ALL.get(usize::from(*kind))?,
        method: u16::from_be_bytes([*m0, *m1]),
        json: json.to_vec().into(),
    })
}
