//! What metrics and their labels are called over OTLP.
//!
//! Metrics keep their Prometheus names, so that dashboards find them whichever way they came; the twins of OpenTelemetry's
//! semantic conventions go by theirs, as their declarations say, and their labels by those of the conventions' attributes.

use crate::metrics::Declaration;

/// Attributes of the semantic conventions whose labels have `_` for `.`.
const ATTRIBUTES: &[&str] = &[
    "error.type",
    "gen_ai.operation.name",
    "gen_ai.tool.name",
    "jsonrpc.protocol.version",
    "mcp.method.name",
    "mcp.protocol.version",
    "mcp.resource.uri",
    "network.protocol.name",
    "network.protocol.version",
    "network.transport",
    "rpc.response.status_code",
    "server.address",
    "server.port",
];

/// The metric's name.
pub(super) fn metric(declaration: &Declaration) -> &'static str {
    declaration.otel.unwrap_or(declaration.name)
}

/// A label's name.
pub(super) fn attribute(declaration: &Declaration, label: &'static str) -> &'static str {
    let is_same = |attribute: &&&str| attribute.replace('.', "_") == label;
    let known = ATTRIBUTES
        .iter()
        .find(is_same)
        .filter(|_| declaration.otel.is_some());
    known.copied().unwrap_or(label)
}

/// The unit, as UCUM spells it.
pub(super) fn unit(declaration: &Declaration) -> &'static str {
    let name = declaration.name.trim_end_matches("_total");
    let units = [("_seconds", "s"), ("_bytes", "By"), ("_usd", "{USD}")];
    let found = units.into_iter().find(|(end, _)| name.ends_with(end));
    found.map_or("1", |(_, unit)| unit)
}
