//! The channel: over TCP or TLS, or inside the process.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use runtime::config::{LiveSecret, Secret};
use runtime::link::LinkConnector;
use telemetry::Telemetry;
use telemetry::grpc::ClientService;
use thiserror::Error;
use tonic::metadata::errors::InvalidMetadataValue;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use crate::config::ControlPlaneConfig;

/// Where rest-api is.
pub enum Target {
    /// At `control_plane.url`.
    Remote,
    /// In this process.
    InProcess(LinkConnector),
}

/// Why the channel cannot be made. It connects when it is first used, so an absent rest-api is no reason.
#[derive(Debug, Error)]
pub enum UplinkError {
    /// A setting does not fit.
    #[error("control_plane.{key}: expected {expected}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What was expected.
        expected: String,
    },
    /// A file cannot be read.
    #[error("control_plane.{key}: {}: {source}", path.display())]
    File {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The channel under observation, with the service key on every call.
pub type Link = InterceptedService<ClientService<Channel>, ShowKey>;

/// Shows the service key.
#[derive(Clone)]
pub struct ShowKey(Arc<LiveSecret>);

impl Interceptor for ShowKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let shown = self.0.now();
        let key = shown
            .first()
            .ok_or_else(|| Status::unauthenticated("there is no service key"))?;
        let key = header(key).map_err(|_| Status::unauthenticated("the service key fits in no header"))?;
        request.metadata_mut().insert("authorization", key);
        Ok(request)
    }
}

fn header(key: &Secret) -> Result<MetadataValue<Ascii>, InvalidMetadataValue> {
    let mut header: MetadataValue<Ascii> = format!("Bearer {}", key.expose()).parse()?;
    header.set_sensitive(true);
    Ok(header)
}

/// Makes the channel; it connects, and connects again, by itself.
///
/// # Errors
/// When a setting does not fit.
pub fn connect(
    config: &ControlPlaneConfig,
    target: Target,
    telemetry: &Telemetry,
) -> Result<Link, UplinkError> {
    let key = config.service_key()?;
    if key.now().iter().any(|key| header(key).is_err()) {
        return Err(UplinkError::Setting {
            key: "service_key",
            expected: "printable characters".to_owned(),
        });
    }
    let endpoint = endpoint(config)?;
    let channel = match target {
        Target::Remote => endpoint.connect_lazy(),
        Target::InProcess(connector) => endpoint.connect_with_connector_lazy(tower::service_fn(move |_| {
            let connector = connector.clone();
            async move { connector.connect().await.map(TokioIo::new) }
        })),
    };
    let observed = tower::Layer::layer(&telemetry::grpc::client(telemetry), channel);
    Ok(InterceptedService::new(observed, ShowKey(Arc::new(key))))
}

fn endpoint(config: &ControlPlaneConfig) -> Result<Endpoint, UplinkError> {
    let unfit = |error: tonic::transport::Error| UplinkError::Setting {
        key: "url",
        expected: format!("http://host:port or https://host:port ({error})"),
    };
    let endpoint = Endpoint::from_shared(config.url.clone())
        .map_err(unfit)?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20);
    if !config.url.starts_with("https://") {
        return Ok(endpoint);
    }
    let tls = ClientTlsConfig::new();
    let tls = match &config.ca_file {
        None => tls.with_webpki_roots(),
        Some(path) => {
            let pem = authority(path).map_err(|source| UplinkError::File {
                key: "ca_file",
                path: path.clone(),
                source,
            })?;
            tls.ca_certificate(Certificate::from_pem(pem))
        }
    };
    endpoint.tls_config(tls).map_err(unfit)
}

/// The file's text. One without a certificate would be taken silently, and then no server would be trusted.
fn authority(path: &Path) -> io::Result<String> {
    let pem = std::fs::read_to_string(path)?;
    if pem.contains("-----BEGIN CERTIFICATE-----") {
        Ok(pem)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no PEM certificate in it",
        ))
    }
}
