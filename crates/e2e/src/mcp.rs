//! An MCP client of the test's own: it shows exactly what the mesh answered. (Real clients have tests of their own.)

mod stream;

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};
use test_support::http::{Answer, Request};

pub use stream::Stream;

/// A revision of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25: initialize, then a session.
    Sessions,
    /// 2026-07-28: every request by itself.
    Stateless,
}

impl Era {
    /// As the protocol spells it.
    pub fn version(self) -> &'static str {
        match self {
            Self::Sessions => "2025-11-25",
            Self::Stateless => "2026-07-28",
        }
    }
}

/// A client with a key.
pub struct Mcp {
    url: String,
    key: String,
    era: Era,
    session: Option<String>,
    last_id: AtomicU64,
}

/// An answer to one request.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// The JSON-RPC response.
    pub message: Value,
}

impl Mcp {
    /// Opens a session (2025-11-25).
    ///
    /// # Errors
    /// When the mesh refuses it.
    pub async fn open(url: &str, key: &str) -> Result<Self> {
        let mut client = Self::new(url, key, Era::Sessions);
        let params = json!({
            "protocolVersion": client.era.version(), "capabilities": {}, "clientInfo": client_info(),
        });
        let reply = client.request("initialize", params).await?;
        ensure!(reply.status.is_success(), "initialize: {reply:?}");
        let negotiated = &reply.message["result"]["protocolVersion"];
        ensure!(negotiated == client.era.version(), "initialize: {reply:?}");
        client.session = reply.header("mcp-session-id");
        ensure!(client.session.is_some(), "no session: {reply:?}");
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let answer = client.post(&initialized, &[]).await?;
        ensure!(
            answer.status == StatusCode::ACCEPTED,
            "initialized: {} {}",
            answer.status,
            answer.text()
        );
        Ok(client)
    }

    /// A client of the stateless era (2026-07-28); nothing is sent yet.
    pub fn stateless(url: &str, key: &str) -> Self {
        Self::new(url, key, Era::Stateless)
    }

    /// The same session, presented to another replica, or with another key.
    #[must_use]
    pub fn presented(&self, url: &str, key: &str) -> Self {
        let mut other = Self::new(url, key, self.era);
        other.session.clone_from(&self.session);
        other
    }

    /// A session that nobody opened.
    #[must_use]
    pub fn with_session(url: &str, key: &str, session: &str) -> Self {
        let mut client = Self::new(url, key, Era::Sessions);
        client.session = Some(session.to_owned());
        client
    }

    fn new(url: &str, key: &str, era: Era) -> Self {
        Self {
            url: url.to_owned(),
            key: key.to_owned(),
            era,
            session: None,
            last_id: AtomicU64::new(0),
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the answer holds no response to it, or is none at all.
    pub async fn request(&self, method: &str, params: Value) -> Result<Reply> {
        self.request_with(method, params, &[]).await
    }

    /// Sends a request with further headers.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn request_with(&self, method: &str, params: Value, headers: &[(&str, &str)]) -> Result<Reply> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": self.dressed(params)});
        let answer = self.post(&message, headers).await?;
        let messages = messages(&answer);
        let is_response = |message: &&Value| {
            message["id"] == id || message["id"].is_null() && message.get("error").is_some()
        };
        let response = messages.iter().find(is_response);
        Ok(Reply {
            message: response
                .with_context(|| format!("{method}: {} {}", answer.status, answer.text()))?
                .clone(),
            status: answer.status,
            headers: answer.headers,
        })
    }

    /// The result of a request.
    ///
    /// # Errors
    /// When it is answered with an error.
    pub async fn result(&self, method: &str, params: Value) -> Result<Value> {
        self.request(method, params).await?.result()
    }

    /// The names of the tools, as listed.
    ///
    /// # Errors
    /// When the list is refused.
    pub async fn tools(&self) -> Result<Vec<String>> {
        let listed = self.result("tools/list", json!({})).await?;
        let tools = listed["tools"].as_array().context("no tools")?;
        Ok(tools
            .iter()
            .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
            .collect())
    }

    /// Calls a tool; its result, also one that says `isError`.
    ///
    /// # Errors
    /// When the call is answered with a JSON-RPC error.
    pub async fn call(&self, tool: &str, arguments: &Value) -> Result<Value> {
        self.result("tools/call", json!({"name": tool, "arguments": arguments}))
            .await
    }

    /// Ends the session; the status of the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn close(&self) -> Result<StatusCode> {
        let answer = self.head(Request::new(Method::DELETE, &self.url)).send().await?;
        Ok(answer.status)
    }

    /// Opens the stream on which the mesh tells what changed: the session's, or `subscriptions/listen`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn listen(&self) -> Result<Stream> {
        let mut headers = self.headers();
        headers.push(("accept".into(), "application/json, text/event-stream".into()));
        if self.era == Era::Sessions {
            return Stream::open("GET", &self.url, headers, String::new()).await;
        }
        let params = self.dressed(json!({"notifications": {"toolsListChanged": true}}));
        let message =
            json!({"jsonrpc": "2.0", "id": "listen", "method": "subscriptions/listen", "params": params});
        headers.push(("content-type".into(), "application/json".into()));
        headers.push(("mcp-method".into(), "subscriptions/listen".into()));
        Stream::open("POST", &self.url, headers, message.to_string()).await
    }

    /// Calls a tool in the session and leaves the stream of its answer open.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn call_stream(&self, tool: &str, arguments: &Value) -> Result<Stream> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let params = self.dressed(json!({"name": tool, "arguments": arguments}));
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        let mut headers = self.headers();
        headers.push(("accept".into(), "application/json, text/event-stream".into()));
        headers.push(("content-type".into(), "application/json".into()));
        Stream::open("POST", &self.url, headers, message.to_string()).await
    }

    /// Comes back for what followed an event of one of the session's streams.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn resume(&self, last_event_id: &str) -> Result<Stream> {
        let mut headers = self.headers();
        headers.push(("accept".into(), "text/event-stream".into()));
        headers.push(("last-event-id".into(), last_event_id.to_owned()));
        Stream::open("GET", &self.url, headers, String::new()).await
    }

    async fn post(&self, message: &Value, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self.head(Request::new(Method::POST, &self.url));
        request = request
            .header("accept", "application/json, text/event-stream")
            .json(message);
        if self.era == Era::Stateless {
            let (method, params) = (message["method"].as_str().unwrap_or_default(), &message["params"]);
            request = request.header("mcp-method", method);
            let name = params.get("name").or_else(|| params.get("taskId"));
            if let Some(name) = name.and_then(Value::as_str) {
                request = request.header("mcp-name", name);
            }
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await
    }

    fn head(&self, request: Request) -> Request {
        self.headers()
            .iter()
            .fold(request, |request, (name, value)| request.header(name, value))
    }

    fn headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", self.key))];
        if self.era == Era::Stateless || self.session.is_some() {
            headers.push(("mcp-protocol-version".to_owned(), self.era.version().to_owned()));
        }
        if let Some(session) = &self.session {
            headers.push(("mcp-session-id".to_owned(), session.clone()));
        }
        headers
    }

    /// In the stateless era every request says who asks.
    fn dressed(&self, mut params: Value) -> Value {
        if self.era == Era::Stateless
            && let Some(params) = params.as_object_mut()
            && let Some(meta) = params.entry("_meta").or_insert_with(|| json!({})).as_object_mut()
        {
            let mut about = Map::new();
            about.insert("protocolVersion".into(), self.era.version().into());
            about.insert("clientInfo".into(), client_info());
            about.insert(
                "clientCapabilities".into(),
                json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}),
            );
            for (name, value) in about {
                meta.insert(format!("io.modelcontextprotocol/{name}"), value);
            }
        }
        params
    }
}

impl Reply {
    /// The result.
    ///
    /// # Errors
    /// When it is an error.
    pub fn result(self) -> Result<Value> {
        let result = self.message.get("result").cloned();
        result.with_context(|| format!("{} {}", self.status, self.message))
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }
}

fn client_info() -> Value {
    json!({"name": "e2e", "version": "1"})
}

/// The JSON-RPC messages of an answer: one body, or the events of a stream that has ended.
fn messages(answer: &Answer) -> Vec<Value> {
    let body = answer.text();
    if answer
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/event-stream"))
    {
        return body.lines().filter_map(stream::message).collect();
    }
    serde_json::from_str(&body).into_iter().collect()
}
