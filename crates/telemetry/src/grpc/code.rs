//! gRPC status codes by name.

use http::HeaderMap;

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(usize);

impl Code {
    pub(super) const OK: Code = Code(0);
    pub(super) const CANCELLED: Code = Code(1);
    pub(super) const UNKNOWN: Code = Code(2);
    pub(super) const UNIMPLEMENTED: Code = Code(12);
    pub(super) const UNAVAILABLE: Code = Code(14);

    /// Reads `grpc-status`; none where the headers or trailers have none.
    pub(super) fn of(headers: &HeaderMap) -> Option<Code> {
        let number = headers
            .get("grpc-status")?
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok());
        Some(
            number
                .filter(|number| *number < NAMES.len())
                .map_or(Code::UNKNOWN, Code),
        )
    }

    /// The name of the gRPC specification.
    pub(super) fn name(self) -> &'static str {
        NAMES.get(self.0).copied().unwrap_or("UNKNOWN")
    }

    /// Whether it is the server's fault, as OpenTelemetry's RPC conventions see it.
    pub(super) fn is_server_fault(self) -> bool {
        matches!(
            self.name(),
            "UNKNOWN" | "DEADLINE_EXCEEDED" | "UNIMPLEMENTED" | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS"
        )
    }
}
