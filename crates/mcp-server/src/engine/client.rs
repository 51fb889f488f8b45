//! The client of one request: what it declared, and the notices that go back to it while the request runs.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still part of the older eras"
)]

use std::sync::Arc;

use connectors::ProgressSink;
use rmcp::model::{
    ClientCapabilities, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam,
    ProgressToken, ProtocolVersion, RequestMetaObject,
};
use rmcp::service::RequestContext;
use rmcp::{Peer, RoleServer};
use serde_json::Value;

use super::session::SessionState;

/// The client of one request.
#[derive(Clone)]
pub struct Client {
    /// None where the answer is all that the client hears.
    peer: Option<Peer<RoleServer>>,
    progress_token: Option<ProgressToken>,
    capabilities: ClientCapabilities,
    protocol_version: Option<ProtocolVersion>,
    /// The level that this very request asks for (2026-07-28).
    request_level: Option<LoggingLevel>,
    session: Arc<SessionState>,
}

impl Client {
    pub(crate) fn new(context: &RequestContext<RoleServer>, session: &Arc<SessionState>) -> Self {
        Self {
            peer: Some(context.peer.clone()),
            progress_token: context.meta.get_progress_token(),
            capabilities: context.client_capabilities().unwrap_or_default(),
            protocol_version: context.protocol_version(),
            request_level: context.meta.log_level(),
            session: Arc::clone(session),
        }
    }

    /// The client of a request of the stateless era that asked neither for progress nor for logs, and so hears nothing
    /// but the answer. None for any other request.
    pub(crate) fn without_peer(meta: &RequestMetaObject) -> Option<Self> {
        let version = meta.protocol_version()?;
        let hears_more = meta.get_progress_token().is_some() || meta.log_level().is_some();
        (version == ProtocolVersion::V_2026_07_28 && !hears_more).then_some(())?;
        Some(Self {
            peer: None,
            progress_token: None,
            capabilities: meta.client_capabilities()?,
            protocol_version: Some(version),
            request_level: None,
            session: Arc::default(),
        })
    }

    /// The protocol version of the request.
    pub(super) fn protocol_version(&self) -> Option<&ProtocolVersion> {
        self.protocol_version.as_ref()
    }

    /// What the client declared for this request, or when its session began.
    #[must_use]
    pub fn capabilities(&self) -> &ClientCapabilities {
        &self.capabilities
    }

    /// Whether the request belongs to the stateless era (2026-07-28 and newer), in which a server asks nothing by
    /// itself: it answers `input_required` instead.
    #[must_use]
    pub fn is_stateless(&self) -> bool {
        self.protocol_version
            .as_ref()
            .is_some_and(|version| *version >= ProtocolVersion::V_2026_07_28)
    }

    /// Whether the client can be given a task (extension `io.modelcontextprotocol/tasks`).
    #[must_use]
    pub fn takes_tasks(&self) -> bool {
        self.capabilities.supports_tasks()
    }

    /// Whether the client asked to be told of progress.
    #[must_use]
    pub fn wants_progress(&self) -> bool {
        self.progress_token.is_some()
    }

    /// Sends a log message if the client wants this level: in the stateless era only when the request asks for logs,
    /// before it from `info` up unless `logging/setLevel` said otherwise. `level` is one of RFC 5424's in lower case;
    /// any other is `info`.
    pub async fn log(&self, level: &str, logger: Option<&str>, data: Value) {
        let level = parse_level(level);
        let least = if self.is_stateless() {
            self.request_level
        } else {
            Some(self.session.log_level().await)
        };
        if least.is_none_or(|least| severity(level) < severity(least)) {
            return;
        }
        let message =
            LoggingMessageNotificationParam::new(level, data).with_logger(logger.unwrap_or("devmesh"));
        if let Some(peer) = &self.peer
            && let Err(error) = peer.notify_logging_message(message).await
        {
            tracing::debug!(%error, "log message not delivered");
        }
    }

    pub(super) fn peer(&self) -> Option<&Peer<RoleServer>> {
        self.peer.as_ref()
    }
}

#[async_trait::async_trait]
impl ProgressSink for Client {
    /// Tells how far the call is, if the client asked for it. A client that is gone is not an error.
    async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let (Some(peer), Some(token)) = (&self.peer, self.progress_token.clone()) else {
            return;
        };
        let mut notice = ProgressNotificationParam::new(token, progress);
        notice.total = total;
        notice.message = message.map(ToOwned::to_owned);
        if let Err(error) = peer.notify_progress(notice).await {
            tracing::debug!(%error, "progress not delivered");
        }
    }
}

fn parse_level(level: &str) -> LoggingLevel {
    serde_json::from_value(Value::String(level.to_owned())).unwrap_or(LoggingLevel::Info)
}

/// Syslog order (RFC 5424): a higher number is worse.
fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}
