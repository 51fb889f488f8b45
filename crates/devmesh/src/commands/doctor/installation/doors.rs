//! Who can reach the doors, and what is asked there.

use std::net::{SocketAddr, ToSocketAddrs};

use runtime::listen::ListenConfig;

use crate::commands::doctor::finding::Finding;

/// What rest-api asks for (`grpc.service_key`).
const SHORTEST_KEY: usize = 32;

/// Plain text on an address that others reach: keys are in every request.
pub(super) fn plain(service: &str, listen: &ListenConfig) -> Option<Finding> {
    if listen.tls.is_some() || !is_open(&listen.address) {
        return None;
    }
    Some(Finding::warn(
        format!("door of {service}"),
        format!("{} takes plain text from other machines", listen.address),
        "put TLS before it (listen.tls, a proxy or an Ingress); on this machine alone: 127.0.0.1",
    ))
}

/// The names that clients use, where clients can come from elsewhere.
pub(super) fn names(config: &mcp_server::Config) -> Option<Finding> {
    let is_here = |host: &String| host == "localhost" || host.starts_with("127.") || host.contains("::1");
    let hosts = &config.http.allowed_hosts;
    if !is_open(&config.listen.address) || !hosts.iter().all(is_here) {
        return None;
    }
    Some(Finding::warn(
        "names of mcp-server",
        format!("it answers to {hosts:?} only, so clients elsewhere get 403"),
        "mcp_server.http.allowed_hosts: the names in the addresses that clients use",
    ))
}

/// Credentials over a network in plain text.
pub(super) fn credentials(config: &rest_api::Config) -> Option<Finding> {
    config.grpc.allow_insecure_credentials.then(|| {
        Finding::warn(
            "credentials between services",
            "grpc.allow_insecure_credentials sends them without TLS",
            "grpc.listen.tls here and control_plane.ca_file there; take the setting away unless the network encrypts by itself",
        )
    })
}

/// What mcp-server and worker have to show.
pub(super) fn service_key(config: &rest_api::Config) -> Finding {
    let check = "service key";
    let advice = "grpc.service_key_file names a file of one line of 32 characters or more, the same for mcp-server and worker";
    let (given, file) = (&config.grpc.service_key, &config.grpc.service_key_file);
    let lengths = match file {
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => text
                .lines()
                .map(|line| line.trim().len())
                .filter(|length| *length > 0)
                .collect(),
            Err(error) => return Finding::fail(check, format!("{}: {error}", path.display()), advice),
        },
        None => vec![given.expose().len()],
    };
    match lengths.iter().min() {
        None | Some(0) => Finding::fail(check, "there is none", advice),
        Some(length) if *length < SHORTEST_KEY => {
            Finding::fail(check, format!("{length} characters are too few"), advice)
        }
        Some(_) => Finding::ok(check, format!("{} accepted", lengths.len())),
    }
}

/// `DATABASE_URL` is of the separate services: in a developer's shell it is often another program's.
#[expect(
    clippy::disallowed_methods,
    reason = "it is about the environment, not about a setting"
)]
pub(super) fn unheard() -> Vec<Finding> {
    let names = ["DATABASE_URL", "QUEUE_URL", "CACHE_URL"];
    let heard = |name: &&str| std::env::var_os(name).is_some();
    let finding = |name: &str| {
        Finding::warn(
            name,
            "is set, and `devmesh up` does not hear it",
            "for one process: `--set rest_api.database.url=…` or devmesh.toml; to look at rest-api's settings: --for rest-api",
        )
    };
    names.into_iter().filter(heard).map(finding).collect()
}

fn is_open(address: &str) -> bool {
    let mut all = address.to_socket_addrs().into_iter().flatten();
    all.any(|address: SocketAddr| !address.ip().is_loopback())
}
