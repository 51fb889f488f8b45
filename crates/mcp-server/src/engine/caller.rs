//! Who sent a request, and what every part of the engine needs to know of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Principal;
use rmcp::ErrorData;
use rmcp::model::Extensions;
use telemetry::http::Closing;
use telemetry::propagation::Parent;
use tokio_util::sync::CancellationToken;

use super::method::Method;
use super::refusal;

/// Through which door a request came: the `method` label of `mcp_requests_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Streamable HTTP.
    Http,
    /// The stdio bridge, which speaks HTTP to us and says so in [`Door::HEADER`].
    Stdio,
    /// A message of a WebSocket connection.
    WebSocket,
}

impl Door {
    /// The request header by which the stdio bridge makes itself known (value `stdio`).
    pub const HEADER: &'static str = "x-devmesh-transport";

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "POST",
            Self::Stdio => "STDIO",
            Self::WebSocket => "WS",
        }
    }

    /// What carries its messages: `network.protocol.name` of OpenTelemetry.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Http | Self::Stdio => "http",
            Self::WebSocket => "websocket",
        }
    }
}

/// What a span says of the frame that a request came in.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// The type of the frame.
    pub message_type: &'static str,
    /// The sender's number; 0 for none.
    pub sequence: u64,
    /// The protocol's version.
    pub version: &'static str,
    /// Whether it was compressed.
    pub compressed: bool,
    /// Its bytes.
    pub bytes: u64,
    /// `text` or `binary`.
    pub encoding: &'static str,
    /// How long the last ping of its connection took.
    pub ping_latency_ms: Option<f64>,
}

/// The sender of one request. The transport makes it after authentication and puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who acts.
    pub principal: Arc<Principal>,
    /// The request id: taken from the caller's `X-Request-ID` or made.
    pub request_id: Arc<str>,
    /// The place of the HTTP request in its trace.
    pub trace: Option<Parent>,
    /// The HTTP request's closing line, which the engine's takes the place of.
    pub closing: Option<Closing>,
    /// Through which door it came.
    pub door: Door,
    /// The frame that it came in, of a WebSocket connection.
    pub wire: Option<Arc<Wire>>,
    /// The session that it belongs to, in the eras that have sessions; of a WebSocket connection, the connection.
    pub session_id: Option<Arc<str>>,
    /// Cancelled when the key is revoked or expires: whatever runs for it stops.
    pub gone: CancellationToken,
    /// Whether the engine has seen the request.
    pub(crate) seen: Arc<AtomicBool>,
}

tokio::task_local! {
    /// The sender of the HTTP request that this task serves. rmcp asks for a tool's schema and for new sessions
    /// without saying on whose behalf; both happen in the request's own task.
    pub(crate) static CALLER: Caller;
}

impl Caller {
    /// The engine has the request: what comes of it is observed there.
    pub(super) fn is_seen(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    /// Whether the engine has had the request.
    pub(crate) fn was_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// The caller of a request, as the transport left it in the request's extensions or in its HTTP request's.
    ///
    /// # Errors
    /// An internal error when the transport put none there, which is a bug of ours.
    pub fn of(extensions: &Extensions) -> Result<Self, ErrorData> {
        let of_http = || {
            let parts = extensions.get::<http::request::Parts>()?;
            parts.extensions.get::<Self>()
        };
        extensions
            .get::<Self>()
            .or_else(of_http)
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("the request has no authenticated caller", None))
    }

    /// Refuses a caller whose key lacks the scope of `method`.
    ///
    /// # Errors
    /// [`refusal::FORBIDDEN`] with the scope's name in `data`.
    pub fn may(&self, method: Method) -> Result<(), ErrorData> {
        match method.scope() {
            Some(scope) if !self.principal.may(scope) => Err(refusal::forbidden(scope)),
            _ => Ok(()),
        }
    }
}
