//! One call under observation.

use std::time::{Duration, Instant};

use tracing::Span;

use super::GrpcMetrics;
use super::code::Code;

/// Which end of the call this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// `/package.Service/Method` taken apart.
pub(super) fn names(path: &str) -> (&str, &str) {
    path.trim_start_matches('/')
        .split_once('/')
        .unwrap_or(("unmatched", "unmatched"))
}

/// Counts and closes the call when dropped: exactly once, however it ends.
pub(super) struct Call {
    metrics: GrpcMetrics,
    side: Side,
    path: String,
    span: Span,
    began: Instant,
    first_message: Option<Duration>,
    code: Option<Code>,
}

impl Call {
    pub(super) fn begin(metrics: GrpcMetrics, side: Side, path: &str, span: Span) -> Self {
        let path = path.to_owned();
        Call {
            metrics,
            side,
            path,
            span,
            began: Instant::now(),
            first_message: None,
            code: None,
        }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// A message passed.
    pub(super) fn message(&mut self) {
        self.first_message.get_or_insert_with(|| self.began.elapsed());
    }

    /// The call's code is known; the first one holds.
    pub(super) fn ended(&mut self, code: Code) {
        self.code.get_or_insert(code);
    }

    fn labels(&self, code: Code) -> [&str; 4] {
        let (side, (service, method)) = match self.side {
            Side::Client => ("client", names(&self.path)),
            // Anybody can ask a server for methods that nobody wrote.
            Side::Server if code == Code::UNIMPLEMENTED => ("server", ("unmatched", "unmatched")),
            Side::Server => ("server", names(&self.path)),
        };
        [side, service, method, code.name()]
    }

    /// The server's closing line; the client's caller has its own.
    fn line(&self, code: Code) {
        let [_, service, method, name] = self.labels(code);
        let seconds = self.began.elapsed().as_secs_f64();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    event = "grpc_request_completed",
                    grpc_service = service,
                    grpc_method = method,
                    code = name,
                    duration = seconds,
                    duration_ms = crate::events::milliseconds(seconds),
                    "call completed"
                )
            };
        }
        self.span.in_scope(|| match code.is_server_fault() {
            true => line!(error),
            false => line!(info),
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::CANCELLED);
        let labels = self.labels(code);
        let took = self.first_message.unwrap_or_else(|| self.began.elapsed());
        self.metrics.requests.with(labels).increment(1);
        self.metrics
            .duration
            .with(labels)
            .record_in(&self.span, took.as_secs_f64());
        self.span.record("rpc.response.status_code", code.name());
        let failed = match self.side {
            Side::Client => code != Code::OK,
            Side::Server => code.is_server_fault(),
        };
        if failed {
            self.span.record("error.type", code.name());
            self.span.record("otel.status_code", "ERROR");
        }
        if self.side == Side::Server {
            self.line(code);
        }
    }
}
