//! The settings of the way to rest-api.

use std::path::PathBuf;

use runtime::config::{ByteSize, Duration, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where rest-api is, and how this service shows itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ControlPlaneConfig {
    /// rest-api's gRPC address, `http://…` or `https://…`.
    pub url: String,
    /// What rest-api knows services by: its `grpc.service_key`.
    pub service_key: Secret,
    /// PEM file with the certificate authority that signed rest-api's certificate; the public ones when absent.
    pub ca_file: Option<PathBuf>,
    /// Longest time of one call. The watch and waits for jobs have bounds of their own.
    pub timeout: Duration,
}

impl Default for ControlPlaneConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:9081".to_owned(),
            service_key: Secret::default(),
            ca_file: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// The spool of audit records.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpoolConfig {
    /// Its directory; one a process. It must outlive the process, so in a container it is a volume.
    pub dir: PathBuf,
    /// How often records are sent.
    pub interval: Duration,
    /// Above this the service is not ready, so that calls go where their records fit.
    pub max_size: ByteSize,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data/audit"),
            interval: Duration::from_millis(250),
            max_size: ByteSize::mib(256),
        }
    }
}
