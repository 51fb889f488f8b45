//! The settings of a listener.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ByteSize, Duration};

/// One HTTP listener.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// Address and port; port 0 takes a free one, which is logged.
    pub address: String,
    /// The time a client has to send the head of a request, also the TLS handshake, also while idle between
    /// two requests. Ends slow-header attacks.
    pub header_read_timeout: Duration,
    /// The largest head of a request, at least 8KiB. More is answered 431.
    pub max_header_size: ByteSize,
    /// The most header fields in a request. More are answered 431.
    pub max_headers: usize,
    /// Whether an HTTP/1 connection serves more than one request.
    pub keep_alive: bool,
    /// The most open connections; further ones wait in the listen backlog.
    pub max_connections: usize,
    /// The most requests at once on one HTTP/2 connection.
    pub max_streams_per_connection: u32,
    /// How often an HTTP/2 client is asked whether it is still there.
    pub ping_interval: Duration,
    /// How long it has to say so.
    pub ping_timeout: Duration,
    /// Certificate and key; without, the listener speaks plain HTTP.
    pub tls: Option<TlsConfig>,
}

/// A certificate and its key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificate chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// PEM file with the authorities of clients' certificates: who connects must show one of theirs, besides its key.
    /// Several may be in it, for a rotation. Nobody is asked for a certificate when absent.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
    /// Whether clients without a certificate are refused, where `client_ca_file` is set. `required`; `optional` is for the
    /// time in which clients are given theirs: one that is shown must be good all the same.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// How often the files are looked at for a renewed certificate, which new connections then get, and for authorities
    /// of clients.
    #[serde(default = "TlsConfig::default_reload")]
    pub reload: Duration,
    /// How long requests under way may still take over a connection whose client's certificate is no longer good: it has
    /// ended, or its authority went. Above the longest wait for a job, 60 s.
    #[serde(default = "TlsConfig::default_client_grace")]
    pub client_grace: Duration,
}

/// What becomes of clients that show no certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    /// They are refused.
    #[default]
    Required,
    /// They are served.
    Optional,
}

impl TlsConfig {
    /// These files, with the default settings.
    pub fn files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca_file: None,
            client_certificates: ClientCertificates::default(),
            reload: Self::default_reload(),
            client_grace: Self::default_client_grace(),
        }
    }

    const fn default_client_grace() -> Duration {
        Duration::from_secs(75)
    }

    const fn default_reload() -> Duration {
        Duration::from_mins(1)
    }
}

impl ListenConfig {
    /// The defaults, at this address.
    pub fn at(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            ..Self::default()
        }
    }
}

impl Default for ListenConfig {
    /// Loopback and a free port; the limits suit an edge that holds many quiet connections.
    fn default() -> Self {
        Self {
            address: "127.0.0.1:0".to_owned(),
            header_read_timeout: Duration::from_secs(30),
            max_header_size: ByteSize::kib(32),
            max_headers: 100,
            keep_alive: true,
            max_connections: 10_000,
            max_streams_per_connection: 256,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(20),
            tls: None,
        }
    }
}
