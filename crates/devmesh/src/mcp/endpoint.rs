//! mcp-server's endpoint, and how it is asked.

use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::headers;
use crate::client;
use crate::connection::Connection;
use crate::failure::Failure;

/// Says to mcp-server, for its metrics, that the messages come from the bridge.
const TRANSPORT: &str = "x-devmesh-transport";
const JSON_OR_EVENTS: &str = "application/json, text/event-stream";

/// An MCP endpoint, with a key.
#[derive(Clone)]
pub struct Endpoint {
    http: Client,
    url: Url,
    key: Zeroizing<String>,
    over_stdio: bool,
}

/// What the older eras of MCP keep between requests: the session, and the version that was agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: Option<String>,
    pub(super) version: Option<String>,
}

impl Endpoint {
    /// The endpoint of `connection`'s mesh. Nothing is sent yet.
    ///
    /// # Errors
    /// When there is no key.
    pub fn new(connection: &Connection) -> Result<Self, Failure> {
        let url = connection.mcp_endpoint()?;
        Ok(Self {
            http: client::client(&url)?,
            url,
            key: connection.api_key()?,
            over_stdio: false,
        })
    }

    /// The same, for the bridge.
    #[must_use]
    pub fn over_stdio(self) -> Self {
        Self {
            over_stdio: true,
            ..self
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends one message.
    pub(super) async fn post(&self, message: &Value, session: &Session) -> reqwest::Result<Response> {
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(message.to_string());
        let request = self.dressed(request, session).header(ACCEPT, JSON_OR_EVENTS);
        // A message of the stateless era says its version itself; that one wins.
        request.headers(headers::standard(message)).send().await
    }

    /// Opens the stream of what the server says by itself, or the rest of one that broke after the event `after`.
    pub(super) async fn listen(&self, session: &Session, after: Option<&str>) -> reqwest::Result<Response> {
        let request = self
            .dressed(self.http.get(self.url.clone()), session)
            .header(ACCEPT, "text/event-stream");
        let request = match after {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        request.send().await
    }

    /// Ends a session.
    pub(super) async fn close(&self, session: &Session) -> reqwest::Result<Response> {
        self.dressed(self.http.delete(self.url.clone()), session)
            .send()
            .await
    }

    fn dressed(&self, request: RequestBuilder, session: &Session) -> RequestBuilder {
        let mut request = request.bearer_auth(self.key.as_str());
        if self.over_stdio {
            request = request.header(TRANSPORT, "stdio");
        }
        if let Some(id) = &session.id {
            request = request.header("mcp-session-id", id);
        }
        match &session.version {
            Some(version) => request.header(headers::VERSION, version),
            None => request,
        }
    }
}
