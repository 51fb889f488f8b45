//! MCP over Streamable HTTP at `/mcp`: what happens to a request before rmcp sees it, and to its answer afterwards.
//!
//! In this order ([`serve`]): is there room ([`limits`]), who asks ([`authenticate`]), can the body be read ([`body`]),
//! does the session belong to the caller, then rmcp, or for a plain call the engine itself ([`direct`]). What is refused
//! before the engine has it is noted by the engine all the same ([`unreached`]).
//! Answers that stay open are closed when their key is gone or the service stops ([`stream`]); refusals that rmcp words
//! as plain text become JSON-RPC errors ([`answers`]). One handler and no layers: each layer would cost every call a copy
//! of all that is behind it.

mod answers;
pub(crate) mod authenticate;
mod body;
mod config;
mod direct;
mod finish;
pub(crate) mod keys_in_use;
pub(crate) mod limits;
mod rehearsal;
mod serve;
mod stream;
mod unreached;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::routing::any;
use domain::key::KeyRefusal;
use domain::{Clock, KeyId, Presented, Principal};
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use tokio_util::sync::CancellationToken;

use crate::catalogue::Catalogue;
use crate::engine::{Backend, Engine, EngineMetrics};
use crate::session::Sessions;

pub use config::TransportConfig;
pub use keys_in_use::KeysInUse;
pub use rehearsal::{Rehearsed, read_directly, rehearse};

/// The path of the endpoint.
pub const PATH: &str = "/mcp";

/// How often the keys of open streams are checked, in case a notice was lost or a key has expired.
const SWEEP: Duration = Duration::from_millis(250);

/// Who may call: the catalogue, or the conformance suite's one key.
#[async_trait]
pub trait Keys: Send + Sync + 'static {
    /// Who acts with this key, or access token.
    ///
    /// # Errors
    /// Why it is refused.
    fn authenticate(
        &self,
        presented: &Presented,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Principal, KeyRefusal>;

    /// Waits for a key that is not known here but may be on its way; whether it has come.
    async fn arrives(&self, _: &Presented) -> bool {
        false
    }

    /// Whether the key may still be used.
    fn is_live(&self, key: KeyId, now: chrono::DateTime<chrono::Utc>) -> bool;
}

/// What the endpoint works with.
pub struct TransportParts<B> {
    /// Answers the requests.
    pub engine: Engine<B>,
    /// The sessions of the older eras.
    pub sessions: Sessions,
    /// Who may call.
    pub keys: Arc<dyn Keys>,
    /// The settings.
    pub config: TransportConfig,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the service takes no new work: streams that only wait are closed.
    pub soft_stop: CancellationToken,
    /// Cancelled when what is in flight must end.
    pub hard_stop: CancellationToken,
}

/// The endpoint: a router to serve, and the work that goes on beside it.
pub struct Transport {
    router: Router,
    gate: Arc<Gate>,
    upkeep: Upkeep,
}

/// Closes what belongs to keys that are gone. Cheap to clone.
#[derive(Clone)]
pub struct Upkeep {
    keys: Arc<dyn Keys>,
    in_use: KeysInUse,
    sessions: Sessions,
    clock: Arc<dyn Clock>,
}

/// What every request passes through, and every WebSocket connection.
pub struct Gate {
    pub(crate) keys: Arc<dyn Keys>,
    in_use: KeysInUse,
    sessions: Sessions,
    places: limits::Places,
    pub(crate) metrics: Arc<EngineMetrics>,
    pub(crate) config: TransportConfig,
    pub(crate) clock: Arc<dyn Clock>,
    soft_stop: CancellationToken,
}

impl Gate {
    /// Counts one more use of a key until the guard is dropped.
    pub(crate) fn hold(&self, key: KeyId) -> keys_in_use::Held {
        self.in_use.hold(key)
    }
}

impl Transport {
    /// The endpoint over these parts.
    #[must_use]
    pub fn new<B: Backend>(parts: TransportParts<B>) -> Self {
        let TransportParts {
            engine,
            sessions,
            keys,
            config,
            clock,
            soft_stop,
            hard_stop,
        } = parts;
        let in_use = KeysInUse::default();
        let gate = Arc::new(Gate {
            keys: Arc::clone(&keys),
            in_use: in_use.clone(),
            sessions: sessions.clone(),
            places: limits::Places::new(config.max_requests),
            metrics: Arc::clone(engine.metrics()),
            config: config.clone(),
            clock: Arc::clone(&clock),
            soft_stop,
        });
        let direct = direct::Direct::new(engine.for_session(), &config.allowed_hosts);
        let rmcp = StreamableHttpService::new(
            move || Ok(engine.for_session()),
            Arc::new(sessions.clone()),
            rmcp_config(&config, &sessions, hard_stop),
        );
        let endpoint = Arc::new(serve::Endpoint {
            gate: Arc::clone(&gate),
            rmcp,
            direct,
        });
        let router = Router::new().route(PATH, any(serve::serve::<B>).with_state(endpoint));
        Self {
            router,
            gate,
            upkeep: Upkeep {
                keys,
                in_use,
                sessions,
                clock,
            },
        }
    }

    /// The route `/mcp`.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// What its requests pass through: the WebSocket connections pass through the same.
    #[must_use]
    pub fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    /// What goes on beside it.
    #[must_use]
    pub fn upkeep(&self) -> Upkeep {
        self.upkeep.clone()
    }
}

impl Upkeep {
    /// Runs until `stop`: sessions that end elsewhere, keys that expire. A part of the service's life.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.sessions.run(stop.clone()), async {
            stop.run_until_cancelled(self.sweep()).await;
        });
    }

    /// Closes everything that a revoked key holds open on this replica.
    pub async fn key_is_gone(&self, key: KeyId) {
        self.in_use.close(key);
        self.sessions.end_all_of(key).await;
    }

    async fn sweep(&self) {
        let mut beat = tokio::time::interval(SWEEP);
        loop {
            beat.tick().await;
            let now = self.clock.now();
            for key in self.in_use.held() {
                if !self.keys.is_live(key, now) {
                    self.key_is_gone(key).await;
                }
            }
        }
    }
}

fn rmcp_config(
    config: &TransportConfig,
    sessions: &Sessions,
    hard_stop: CancellationToken,
) -> StreamableHttpServerConfig {
    let mut rmcp = StreamableHttpServerConfig::default()
        .with_allowed_hosts(config.allowed_hosts.iter().cloned())
        .with_allowed_origins(config.allowed_origins.iter().cloned())
        .enforce_origin_validation()
        .with_sse_keep_alive(Some(config.keep_alive.get()))
        .with_sse_retry(Some(sessions.config().retry.get()))
        .with_legacy_session_mode(sessions.config().enabled)
        .with_json_response(true)
        .with_max_request_body_bytes(config.max_body_bytes())
        .with_cancellation_token(hard_stop);
    rmcp.session_store = Some(Arc::new(sessions.clone()));
    rmcp
}

impl Keys for Catalogue {
    fn authenticate(
        &self,
        presented: &Presented,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Principal, KeyRefusal> {
        match presented {
            Presented::Key(key) => Self::authenticate(self, key, now),
            Presented::Token(token) => self.authenticate_user(token, now),
        }
    }

    fn is_live(&self, key: KeyId, now: chrono::DateTime<chrono::Utc>) -> bool {
        self.key_is_live(key, now)
    }
}
