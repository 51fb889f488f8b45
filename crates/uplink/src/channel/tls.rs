//! Connections over TLS, with the certificates that are in their files when they are made.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use runtime::lifecycle::Lifecycle;
use runtime::tls::ClientTls;
use rustls::pki_types::ServerName;
use telemetry::Telemetry;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::{UplinkError, unfit_url};
use crate::config::ControlPlaneConfig;

/// What stands for a listener in the metric of certificates that end.
const NAME: &str = "control_plane";
const HTTPS_PORT: u16 = 443;

/// Where rest-api is, and with which certificates it is spoken to.
pub(super) struct Secured {
    tls: Arc<ClientTls>,
    url: Uri,
}

impl Secured {
    /// None where the settings ask for no TLS.
    pub(super) fn of(
        config: &ControlPlaneConfig,
        telemetry: &Telemetry,
    ) -> Result<Option<Self>, UplinkError> {
        let Some(files) = config.tls_files()? else {
            return Ok(None);
        };
        let tls = ClientTls::read(files, NAME, telemetry);
        let tls = tls.map_err(|error| error.in_section("control_plane"))?;
        let url = config.url.parse().map_err(unfit_url)?;
        Ok(Some(Self {
            tls: Arc::new(tls),
            url,
        }))
    }

    /// The channel. tonic has TLS of its own, but reads certificates only once.
    pub(super) fn connect_lazy(
        self,
        endpoint: Endpoint,
        reload: Duration,
        life: &Lifecycle,
    ) -> Result<Channel, UplinkError> {
        let address = self.url.authority().ok_or_else(|| unfit_url("no host"))?;
        let host = address
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = address.port_u16().unwrap_or(HTTPS_PORT);
        let name = ServerName::try_from(host.clone()).map_err(unfit_url)?;
        let (tls, stop) = (Arc::clone(&self.tls), life.soft_stop());
        life.spawn_task(async move {
            stop.run_until_cancelled(tls.follow(reload)).await;
        });
        let tls = self.tls;
        let connect = move |_| {
            let (tls, host, name) = (Arc::clone(&tls), host.clone(), name.clone());
            async move {
                let stream = TcpStream::connect((host.as_str(), port)).await?;
                stream.set_nodelay(true)?;
                let stream = TlsConnector::from(tls.now()).connect(name, stream).await?;
                let shown = tls.shows_a_certificate();
                io::Result::Ok(TokioIo::new(Told { stream, shown }))
            }
        };
        Ok(endpoint.connect_with_connector_lazy(tower::service_fn(connect)))
    }
}

/// A connection over which rest-api may say, after the handshake, that it does not take this service's certificate.
struct Told {
    stream: TlsStream<TcpStream>,
    shown: bool,
}

impl Told {
    fn tell(&self, error: io::Error) -> io::Error {
        let Some(rustls::Error::AlertReceived(alert)) = error.get_ref().and_then(|of| of.downcast_ref())
        else {
            return error;
        };
        let advice = if self.shown {
            "rest-api does not take the certificate in control_plane.certificate_file: its authority must be in \
             grpc.listen.tls.client_ca_file, its time must not be over, and it must be for clients"
        } else {
            "rest-api asks for a certificate: set control_plane.certificate_file and control_plane.key_file"
        };
        tracing::error!(?alert, "{advice}");
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{advice} (alert {alert:?})"),
        )
    }
}

impl AsyncRead for Told {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        Poll::Ready(read.map_err(|error| self.tell(error)))
    }
}

impl AsyncWrite for Told {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
