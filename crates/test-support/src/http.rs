//! A bare HTTP/1.1 client without pool, redirects or TLS: the answer is exactly what the server sent.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long a whole exchange may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request to send once.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers as sent.
    pub headers: HeaderMap,
    /// The body as sent.
    pub body: Bytes,
}

/// `GET url`.
///
/// # Errors
/// When no whole answer comes within 30 s.
pub async fn get(url: &str) -> Result<Answer> {
    Request::new(Method::GET, url).send().await
}

/// `POST url` with a JSON body.
///
/// # Errors
/// When no whole answer comes within 30 s.
pub async fn post_json(url: &str, body: &Value) -> Result<Answer> {
    Request::new(Method::POST, url).json(body).send().await
}

impl Request {
    /// A request without body or headers of its own.
    pub fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header; the same name may be given twice.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body and its content type.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sends it over a connection of its own.
    ///
    /// # Errors
    /// When no whole answer comes within 30 s.
    pub async fn send(self) -> Result<Answer> {
        let url = self.url.clone();
        let exchange = tokio::time::timeout(TIMEOUT, self.exchange());
        exchange
            .await
            .with_context(|| format!("{url}: no answer within {TIMEOUT:?}"))?
            .context(url)
    }

    async fn exchange(self) -> Result<Answer> {
        let url = url::Url::parse(&self.url)?;
        let host = url.host_str().context("the URL has no host")?;
        let port = url.port_or_known_default().context("the URL has no port")?;
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = http::Request::builder().method(self.method).uri(target);
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header(header::HOST, format!("{host}:{port}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .header(header::CONNECTION, "close")
            .body(Full::new(self.body))?;
        let answer = async move {
            let answer = sender.send_request(request).await?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer {
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        // The connection only moves bytes; what went wrong with it shows in the answer.
        let (answer, _) = tokio::join!(answer, connection);
        Ok(answer?)
    }
}

impl Answer {
    /// The body as text, invalid bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// With the body, when it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// A header's first value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
