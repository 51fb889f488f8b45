//! What the settings lead to: keys, certificates, doors, and the database, broker and cache behind them.

mod backends;
mod certificates;
mod doors;
mod sealing;

use std::path::PathBuf;

use super::finding::Finding;
use crate::arguments::Global;
use crate::direct::Direct;

/// Looks at what rest-api's settings name, at the certificates of its `clients`, and with `devmesh up` at the doors of all
/// three.
pub(super) async fn look(direct: &Direct, global: &Global, clients: &[PathBuf]) -> Vec<Finding> {
    let config = match direct.settings(global) {
        Ok(config) => config,
        // In one process its settings are looked at by themselves already.
        Err(_) if !direct.is_rest_api() => return Vec::new(),
        Err(failure) => {
            let advice = "mend it; `devmesh config check --for rest-api` says the same";
            return vec![Finding::fail("settings of rest-api", failure, advice)];
        }
    };
    let mut findings = Vec::new();
    if direct.is_rest_api() {
        findings.push(Finding::ok("settings of rest-api", "fit"));
        findings.push(doors::service_key(&config));
        findings.extend(doors::plain("rest-api", &config.listen));
        findings.extend(doors::plain("rest-api's gRPC", &config.grpc.listen));
        findings.extend(doors::credentials(&config));
        findings.extend(certificates::of("rest-api", &config.listen));
        findings.extend(certificates::of("rest-api's gRPC", &config.grpc.listen));
        let taken = |file: &PathBuf| certificates::of_client(file, &config.grpc.listen);
        findings.extend(clients.iter().map(taken));
    } else if let Ok(mesh) = direct.sources().mesh(&[]) {
        let listeners = [
            ("mcp-server", &mesh.mcp_server.listen),
            ("rest-api", &mesh.rest_api.listen),
            ("worker", &mesh.worker.listen),
        ];
        for (service, listen) in listeners {
            findings.extend(doors::plain(service, listen));
            findings.extend(certificates::of(service, listen));
        }
        findings.extend(doors::names(&mesh.mcp_server));
        findings.extend(doors::unheard());
    }
    findings.push(backends::database(&config).await);
    findings.extend(backends::database_clock(&config).await);
    findings.push(backends::queue(&config, direct.is_rest_api()).await);
    findings.extend(backends::cache(&config).await);
    findings.extend(sealing::look(&config, direct, global).await);
    findings
}
