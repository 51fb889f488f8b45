//! The settings of the way to rest-api.

use std::path::PathBuf;

use runtime::config::{ByteSize, Duration, LiveSecret, Secret};
use runtime::tls::ClientFiles;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::channel::UplinkError;

/// Where rest-api is, and how this service shows itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ControlPlaneConfig {
    /// rest-api's gRPC address, `http://…` or `https://…`.
    pub url: String,
    /// What rest-api knows services by: its `grpc.service_key`.
    pub service_key: Secret,
    /// A file with the service key in place of `service_key`. It is read again when it changes, and its first line is
    /// shown, so that the key can be rotated while everything runs.
    pub service_key_file: Option<PathBuf>,
    /// PEM file with the certificate authority that signed rest-api's certificate; the public ones when absent.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the certificate that this service shows to rest-api, and those that signed it, its own first. For
    /// `grpc.listen.tls.client_ca_file`; the service key is asked for all the same.
    pub certificate_file: Option<PathBuf>,
    /// PEM file with the private key of `certificate_file`.
    pub key_file: Option<PathBuf>,
    /// How often the three files are looked at between connections. A new connection looks at them in any case.
    pub reload: Duration,
    /// Longest time of one call. The watch and waits for jobs have bounds of their own.
    pub timeout: Duration,
}

impl Default for ControlPlaneConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:9081".to_owned(),
            service_key: Secret::default(),
            service_key_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            reload: Duration::from_mins(1),
            timeout: Duration::from_secs(10),
        }
    }
}

impl ControlPlaneConfig {
    /// The files of its TLS; none where `url` asks for none.
    ///
    /// # Errors
    /// When there is a certificate without its key, or files for a `url` without TLS.
    pub fn tls_files(&self) -> Result<Option<ClientFiles>, UplinkError> {
        let wrong = |key, expected: &str| {
            let expected = expected.to_owned();
            Err(UplinkError::Setting { key, expected })
        };
        let certificate = match (&self.certificate_file, &self.key_file) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (Some(_), None) => {
                return wrong("key_file", "the private key of `control_plane.certificate_file`");
            }
            (None, Some(_)) => {
                return wrong("certificate_file", "the certificate of `control_plane.key_file`");
            }
        };
        if self.url.starts_with("https://") {
            return Ok(Some(ClientFiles {
                authorities: self.ca_file.clone(),
                certificate,
            }));
        }
        if certificate.is_some() || self.ca_file.is_some() {
            return wrong(
                "url",
                "https://host:port, since `control_plane` names files for TLS",
            );
        }
        Ok(None)
    }

    /// The service key, from the setting or its file.
    ///
    /// # Errors
    /// When there is none, or two; when the file cannot be read.
    pub fn service_key(&self) -> Result<LiveSecret, UplinkError> {
        let wrong = |expected: &str| UplinkError::Setting {
            key: "service_key",
            expected: expected.to_owned(),
        };
        match &self.service_key_file {
            Some(_) if !self.service_key.is_empty() => {
                Err(wrong("this or `control_plane.service_key_file`, not both"))
            }
            Some(path) => LiveSecret::file(path).map_err(|source| UplinkError::File {
                key: "service_key_file",
                path: path.clone(),
                source,
            }),
            None if self.service_key.is_empty() => Err(wrong("the `grpc.service_key` of rest-api")),
            None => Ok(LiveSecret::fixed(self.service_key.clone())),
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
    /// Above this it is full. 256 MiB hold about half a million records: an outage of rest-api of an hour and a half at
    /// 100 calls per second.
    pub max_size: ByteSize,
    /// What becomes of calls while it is full, or the disk is. `refuse`, because an audit log with holes proves nothing;
    /// `drop` lets calls go on without a record and counts them in `mcp_audit_records_lost_total`.
    pub when_full: WhenFull,
    /// Whether an answer waits until its record is on the disk itself. `none`, because a record survives the death of the
    /// process without it, and only the death of the machine can cost the last seconds; `always` costs each call the
    /// time of a flush, which calls at the same time share (see docs/security.md for figures).
    pub sync: Durability,
    /// Disk space that is held free for the records of calls that are under way when the disk runs full. 4 MiB hold about
    /// 8,000. None with 0.
    pub reserve: ByteSize,
}

/// What becomes of calls while the spool is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// They are refused before they have an effect, and the service is not ready.
    #[default]
    Refuse,
    /// They go on, and leave no record.
    Drop,
}

/// What a record survives once its call is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The death of the process.
    #[default]
    None,
    /// The death of the machine.
    Always,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data/audit"),
            interval: Duration::from_millis(250),
            max_size: ByteSize::mib(256),
            when_full: WhenFull::default(),
            sync: Durability::default(),
            reserve: ByteSize::mib(4),
        }
    }
}
