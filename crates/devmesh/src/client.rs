//! The HTTP client of the command line.

use std::time::Duration;

use reqwest::Client;
use url::{Host, Url};

use crate::failure::Failure;

/// A client for the mesh at `url`, with no bound on the time of an answer: each use has its own.
///
/// # Errors
/// When the TLS library cannot read the system's certificates.
pub fn client(url: &Url) -> Result<Client, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "talks to the operator's own mesh, which the guard would refuse on a private address"
    )]
    let builder = Client::builder();
    let builder = builder
        .user_agent(concat!("devmesh/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        // A key that follows a redirect goes to someone else.
        .redirect(reqwest::redirect::Policy::none());
    // A proxy cannot reach this machine's loopback.
    let builder = if is_loopback(url) {
        builder.no_proxy()
    } else {
        builder
    };
    builder.build().map_err(|error| Failure::of("HTTP client", error))
}

/// Whether `url` is on this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Why `error` happened, down to its last cause: reqwest's own text ends before the interesting part.
#[must_use]
pub fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What to say when nothing answers at `url`.
#[must_use]
pub fn unreachable(url: &Url, error: &reqwest::Error) -> Failure {
    let advice = if is_loopback(url) {
        "; is the mesh running? `devmesh up` starts one"
    } else {
        ""
    };
    Failure::Unreachable(format!("cannot reach {url}: {}{advice}", reason(error)))
}
