//! The documents that are made from the code; `cargo xtask check` finds drift.

mod methods;

use std::path::PathBuf;

use runtime::config::reference;
use telemetry::events::EventDeclaration;
use telemetry::metrics::Declaration;

use crate::failure::Failure;

/// Every generated document: its path in the repository, and its text.
///
/// # Errors
/// When the API's description has no JSON form, or lacks the twin of a method.
pub fn documents() -> Result<Vec<(PathBuf, String)>, Failure> {
    let unwritten = |error| Failure::of("OpenAPI", error);
    let description = rest_api::http::description();
    let shapes = serde_json::to_value(&description).map_err(unwritten)?;
    let mut openapi = description.to_pretty_json().map_err(unwritten)?;
    openapi.push('\n');
    Ok(vec![
        ("docs/configuration.md".into(), configuration()),
        (
            "docs/logs.md".into(),
            telemetry::events::events_markdown(&events()),
        ),
        ("docs/metrics.md".into(), telemetry::markdown(&declarations())),
        ("docs/methods.md".into(), methods::markdown(&shapes)?),
        ("docs/openapi.json".into(), openapi),
    ])
}

const CONFIGURATION: &str = "\
# Configuration

Generated from the settings' own types (`devmesh generate`); do not edit.

Each service reads one TOML file (`--config FILE`, `DEVMESH_CONFIG`), then the environment, then `--set section.key=value`;
later wins. The variable of a key is `DEVMESH_` and the key in capitals with `__` between the levels:
`DEVMESH_DATABASE__MAX_CONNECTIONS` for `database.max_connections`; with `_FILE` at the end the value is read from that file. A key that does
not exist is refused with the nearest right name. Secrets print as `***`, and in a file may be given as
`key = { file = \"/path\" }`.

`devmesh up` reads `devmesh.toml` with the keys of its own section below; those of a service are under its name there:
`[mcp_server.listen]` where mcp-server alone has `[listen]`. `devmesh config check` finds mistakes and
`devmesh config show` prints what holds.

";

fn configuration() -> String {
    let own = reference::<crate::mesh::config::Config>("devmesh up");
    let services = ["rest_api.", "mcp_server.", "worker."];
    let is_own = |line: &&str| {
        !services
            .iter()
            .any(|service| line.starts_with(&format!("| `{service}")))
    };
    let own: Vec<&str> = own.lines().filter(is_own).collect();
    [
        CONFIGURATION.to_owned() + &own.join("\n"),
        reference::<rest_api::Config>("rest-api"),
        reference::<mcp_server::Config>("mcp-server"),
        reference::<worker::Config>("worker"),
    ]
    .map(|section| section.trim_end().to_owned() + "\n")
    .join("\n")
}

/// Every named event of the log.
#[must_use]
pub fn events() -> Vec<&'static EventDeclaration> {
    let crates = [
        telemetry::events::own_events(),
        cache::events::EVENTS,
        connectors::events::EVENTS,
        mcp_server::events::EVENTS,
        rest_api::events::EVENTS,
        storage::events::EVENTS,
        worker::events::EVENTS,
    ];
    crates.into_iter().flatten().collect()
}

/// What telemetry and every crate of ours declare; a metric that several declare alike is listed once.
#[must_use]
pub fn declarations() -> Vec<&'static Declaration> {
    let own = telemetry::own_declarations();
    let crates: [&'static [Declaration]; 15] = [
        cache::CacheMetrics::DECLARATIONS,
        cache::LimitMetrics::DECLARATIONS,
        cache::ServerMetrics::DECLARATIONS,
        connectors::BreakerMetrics::DECLARATIONS,
        connectors::CredentialMetrics::DECLARATIONS,
        connectors::ToolMetrics::DECLARATIONS,
        mcp_server::catalogue::KeyLookupMetrics::DECLARATIONS,
        mcp_server::catalogue::watch::CatalogueMetrics::DECLARATIONS,
        mcp_server::engine::EngineMetrics::DECLARATIONS,
        mcp_server::ws::WebSocketMetrics::DECLARATIONS,
        queue::QueueMetrics::DECLARATIONS,
        runtime::tls::CertificateMetrics::DECLARATIONS,
        storage::DbMetrics::DECLARATIONS,
        uplink::spool::SpoolMetrics::DECLARATIONS,
        worker::metrics::JobMetrics::DECLARATIONS,
    ];
    let mut all: Vec<_> = own.into_iter().chain(crates.into_iter().flatten()).collect();
    all.extend(rest_api::metrics::declarations());
    all.sort_by_key(|declaration| declaration.name);
    all.dedup_by_key(|declaration| declaration.name);
    all
}
