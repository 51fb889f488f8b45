//! The way to the mesh: TCP, TLS, the handshake.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use crate::Error;
use crate::options::Options;

/// Bytes read at once: tasks are small, and agents are many on one machine.
const READ_BUFFER: usize = 8 << 10;

/// TCP, or TLS over it.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A connection after its handshake.
pub(crate) type Socket = WebSocketStream<Box<dyn Transport>>;

/// Where the mesh is, and the key.
pub(crate) struct Address {
    url: Url,
    pub(crate) key: String,
    pub(crate) key_in_first_message: bool,
    timeout: Duration,
    config: WebSocketConfig,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsConnector>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Unconnected {
    /// It may work a little later.
    Later(String, Option<Duration>),
    /// The mesh answers that it does not want this one.
    Refused { status: u16, detail: String },
}

impl Address {
    pub(crate) fn new(mut url: Url, key: &str, options: &Options) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Settings(what.to_owned());
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(wrong("address: expected ws://… or wss://…")),
        };
        if url.set_scheme(scheme).is_err() || url.host_str().is_none() {
            return Err(wrong("address: expected ws://HOST… or wss://HOST…"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("address: a key does not belong in it"));
        }
        // The address of the MCP endpoint leads to the one beside it.
        if matches!(url.path(), "/" | "/mcp" | "/mcp/") {
            url.set_path("/ws");
        }
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("key: empty, or with characters that no key has"));
        }
        Ok(Self {
            #[cfg(feature = "tls")]
            tls: if scheme == "wss" {
                Some(tls::connector(options)?)
            } else {
                None
            },
            url,
            key: key.to_owned(),
            key_in_first_message: options.key_in_first_message,
            timeout: options.connect_timeout,
            config: WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                // Each message is written at once: there is nothing to gather.
                .write_buffer_size(0)
                .max_message_size(Some(options.max_message))
                .max_frame_size(Some(options.max_message)),
        })
    }

    /// A connection, after its handshake.
    pub(crate) async fn connect(&self) -> Result<Socket, Unconnected> {
        match tokio::time::timeout(self.timeout, self.try_to_connect()).await {
            Ok(connected) => connected,
            Err(_) => Err(Unconnected::Later(
                format!("no handshake within {:?}", self.timeout),
                None,
            )),
        }
    }

    async fn try_to_connect(&self) -> Result<Socket, Unconnected> {
        let later = |error: std::io::Error| Unconnected::Later(error.to_string(), None);
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(443);
        let plain = TcpStream::connect((host.trim_matches(['[', ']']), port))
            .await
            .map_err(later)?;
        // A small message must not wait for the answer to the one before.
        plain.set_nodelay(true).map_err(later)?;
        let transport = self.secured(plain).await.map_err(later)?;
        let request = self.request()?;
        let open = tokio_tungstenite::client_async_with_config(request, transport, Some(self.config));
        match open.await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => Err(refused(&answer)),
            Err(error) => Err(Unconnected::Later(error.to_string(), None)),
        }
    }

    fn request(&self) -> Result<Request, Unconnected> {
        let unfit = |detail: String| Unconnected::Refused { status: 0, detail };
        let mut request = self
            .url
            .as_str()
            .into_client_request()
            .map_err(|error| unfit(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(frames::SUBPROTOCOL),
        );
        if !self.key_in_first_message {
            let mut value = HeaderValue::try_from(format!("Bearer {}", self.key))
                .map_err(|_| unfit("the key does not fit into a header".to_owned()))?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        Ok(request)
    }

    #[cfg(feature = "tls")]
    async fn secured(&self, plain: TcpStream) -> std::io::Result<Box<dyn Transport>> {
        let Some(tls) = &self.tls else {
            return Ok(Box::new(plain));
        };
        let host = self
            .url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let name =
            tokio_rustls::rustls::pki_types::ServerName::try_from(host).map_err(std::io::Error::other)?;
        Ok(Box::new(tls.connect(name, plain).await?))
    }

    #[cfg(not(feature = "tls"))]
    async fn secured(&self, plain: TcpStream) -> std::io::Result<Box<dyn Transport>> {
        match self.url.scheme() {
            "wss" => Err(std::io::Error::other(
                "wss:// needs the feature `tls` of devmesh-agent",
            )),
            _ => Ok(Box::new(plain)),
        }
    }
}

/// A refused handshake: full for the moment, or for a reason that stays.
fn refused(answer: &Response<Option<Vec<u8>>>) -> Unconnected {
    let status = answer.status().as_u16();
    let body = answer.body().as_deref().unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
    if status == 429 || status >= 500 {
        let after = answer
            .headers()
            .get("retry-after")
            .and_then(|after| after.to_str().ok());
        let after = after
            .and_then(|after| after.parse().ok())
            .map(Duration::from_secs);
        return Unconnected::Later(format!("{status} {detail}"), after);
    }
    Unconnected::Refused { status, detail }
}

/// A text message.
pub(crate) fn text(frame: &frames::wire::Frame) -> Message {
    Message::text(String::from_utf8_lossy(frame.bytes()).into_owned())
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use crate::Error;
    use crate::options::Options;

    pub(super) fn connector(options: &Options) -> Result<TlsConnector, Error> {
        let mut roots = RootCertStore::empty();
        match &options.ca_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let failed = |error: String| Error::Settings(format!("{}: {error}", path.display()));
                let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
                for certificate in read {
                    let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                    roots
                        .add(certificate)
                        .map_err(|error| failed(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(failed("no certificate in it".to_owned()));
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Settings(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
