//! The producer span of a message, by OpenTelemetry's messaging conventions, and the context that travels with it.

use std::collections::BTreeMap;

use domain::ports::{QueueError, QueueMessage};
use telemetry::propagation;
use tracing::{Span, field::Empty, info_span};

/// The names under which trace context travels: W3C Trace Context and Baggage.
pub(crate) const CONTEXT_HEADERS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// One message on its way out.
pub(crate) struct Sending {
    span: Span,
}

impl Sending {
    /// Opens `send DESTINATION` under the message's own context; gives the context that its receiver continues.
    pub(crate) fn start(
        system: &'static str,
        destination: &str,
        message: &QueueMessage,
        size: usize,
    ) -> (Self, BTreeMap<String, String>) {
        let span = propagation::span_from(&message.trace, || {
            info_span!(
                "send",
                otel.name = %format_args!("send {destination}"),
                otel.kind = "producer",
                messaging.system = system,
                messaging.operation.name = "send",
                messaging.operation.type = "send",
                messaging.destination.name = destination,
                messaging.message.id = %message.job_id,
                messaging.message.body.size = size as u64,
                tenant.id = %message.tenant_id,
                error.type = Empty,
                otel.status_code = Empty,
            )
        });
        let mut context = message.trace.clone();
        propagation::inject_span(&span, &mut context);
        context.retain(|name, _| CONTEXT_HEADERS.contains(&name.as_str()));
        (Self { span }, context)
    }

    /// Closes the span with the outcome.
    pub(crate) fn end(self, outcome: &Result<(), QueueError>) {
        if let Err(error) = outcome {
            self.span.record("error.type", error_type(error));
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

/// `unavailable` or `refused`.
pub(crate) fn error_type(error: &QueueError) -> &'static str {
    match error {
        QueueError::Unavailable(_) => "unavailable",
        QueueError::Refused(_) => "refused",
    }
}
