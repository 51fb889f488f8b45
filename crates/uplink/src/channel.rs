//! The channel: over TCP or TLS, or inside the process.

mod tls;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use runtime::config::{LiveSecret, Secret};
use runtime::lifecycle::Lifecycle;
use runtime::link::LinkConnector;
use runtime::tls::TlsFileError;
use telemetry::Telemetry;
use telemetry::grpc::ClientService;
use thiserror::Error;
use tonic::metadata::errors::InvalidMetadataValue;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};

use crate::config::ControlPlaneConfig;
use tls::Secured;

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
    /// A file of certificates or keys does not fit.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
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

/// Makes the channel; it connects, and connects again, by itself, each time with the certificates that are in the files
/// then. While `life` lasts they are looked at also between connections.
///
/// # Errors
/// When a setting does not fit.
pub fn connect(
    config: &ControlPlaneConfig,
    target: Target,
    telemetry: &Telemetry,
    life: &Lifecycle,
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
        Target::Remote => match Secured::of(config, telemetry)? {
            None => endpoint.connect_lazy(),
            Some(secured) => secured.connect_lazy(endpoint, config.reload.get(), life)?,
        },
        Target::InProcess(connector) => endpoint.connect_with_connector_lazy(tower::service_fn(move |_| {
            let connector = connector.clone();
            async move { connector.connect().await.map(TokioIo::new) }
        })),
    };
    let observed = tower::Layer::layer(&telemetry::grpc::client(telemetry), channel);
    Ok(InterceptedService::new(observed, ShowKey(Arc::new(key))))
}

fn unfit_url(error: impl std::fmt::Display) -> UplinkError {
    UplinkError::Setting {
        key: "url",
        expected: format!("http://host:port or https://host:port ({error})"),
    }
}

fn endpoint(config: &ControlPlaneConfig) -> Result<Endpoint, UplinkError> {
    let url: Uri = config.url.parse().map_err(unfit_url)?;
    // tonic refuses https where it does not speak TLS itself: it is told of a plain address, and whom requests are for.
    let plain = config.url.replacen("https://", "http://", 1);
    Ok(Endpoint::from_shared(plain)
        .map_err(unfit_url)?
        .origin(url)
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20))
}
