//! The MCP engine: one `ServerHandler` for every era and every source of tools.
//!
//! rmcp speaks the protocol (eras, headers, schemas); the transport in front has authenticated the caller; the
//! [`Backend`] behind knows the tools. What is left is here: scopes, order and pages of lists, the course of a call,
//! questions to the client, notices of changes, and what is observed of each request.

pub mod backend;
pub mod caller;
pub mod client;
pub mod config;
pub mod dialogue;
pub mod listeners;
pub mod mesh;
pub mod method;
pub mod metrics;
pub mod refusal;

mod answering;
mod asked;
mod call;
mod direct;
mod handler;
pub(crate) mod malformed;
mod observe;
mod page;
mod session;
mod unreached;
mod wire;

use std::sync::Arc;

use domain::Clock;
use rmcp::model::RequestStateCodec;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::audit::AuditSink;

pub(crate) use asked::Asked;
pub use backend::{Answer, Backend, Refusal, ToolCall};
pub use caller::Caller;
pub use config::{EngineConfig, TasksConfig, ToolsConfig};
pub use dialogue::Dialogue;
pub use listeners::{Change, Listeners};
pub use method::Method;
pub use metrics::EngineMetrics;
pub(crate) use unreached::Unreached;
pub(crate) use wire::{Replayed, Requested};

use session::SessionState;

/// What an engine works with.
pub struct EngineParts<B> {
    /// The source of tools.
    pub backend: B,
    /// Where each call leaves its record.
    pub audit: Arc<dyn AuditSink>,
    /// Who hears of changes.
    pub listeners: Listeners,
    /// What is counted.
    pub metrics: EngineMetrics,
    /// The settings.
    pub config: EngineConfig,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Seals what clients carry from one round of a request to the next; the same on every replica. At least 32 bytes.
    pub state_key: Vec<u8>,
    /// Cancelled when calls in flight must be given up.
    pub stop: CancellationToken,
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the key that seals request states is too short: {0}")]
pub struct EngineError(#[from] rmcp::model::RequestStateError);

/// The engine. One value serves the process; [`Engine::for_session`] gives each session, or each request of the
/// stateless era, a handler of its own.
pub struct Engine<B> {
    shared: Arc<Shared<B>>,
    session: Arc<SessionState>,
}

struct Shared<B> {
    backend: B,
    audit: Arc<dyn AuditSink>,
    listeners: Listeners,
    metrics: Arc<EngineMetrics>,
    config: EngineConfig,
    clock: Arc<dyn Clock>,
    codec: RequestStateCodec,
    places: Semaphore,
    stop: CancellationToken,
}

impl<B: Backend> Engine<B> {
    /// An engine over these parts.
    ///
    /// # Errors
    /// When the state key is shorter than 32 bytes.
    pub fn new(parts: EngineParts<B>) -> Result<Self, EngineError> {
        let shared = Shared {
            backend: parts.backend,
            audit: parts.audit,
            listeners: parts.listeners,
            metrics: Arc::new(parts.metrics),
            places: Semaphore::new(parts.config.max_calls.min(Semaphore::MAX_PERMITS)),
            config: parts.config,
            clock: parts.clock,
            codec: RequestStateCodec::try_new(parts.state_key)?,
            stop: parts.stop,
        };
        Ok(Self {
            shared: Arc::new(shared),
            session: Arc::default(),
        })
    }

    /// A handler for one session, with a memory of its own.
    #[must_use]
    pub fn for_session(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            session: Arc::default(),
        }
    }

    /// Another handler of the same session.
    pub(crate) fn same_session(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            session: Arc::clone(&self.session),
        }
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<EngineMetrics> {
        &self.shared.metrics
    }
}
