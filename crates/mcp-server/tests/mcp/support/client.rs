//! A client that says exactly what the test wants it to say.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub const OLD: &str = "2025-11-25";
pub const NEW: &str = "2026-07-28";

/// One client: an address, a key, and a session once it has one.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    pub url: String,
    pub key: String,
    pub session: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// The events of a stream, as they come.
pub struct Events {
    response: Response,
    buffer: String,
}

/// One server-sent event.
#[derive(Debug, Default, Clone)]
pub struct Event {
    pub id: Option<String>,
    pub data: String,
}

impl Client {
    pub fn new(url: &str, key: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            http,
            url: url.to_owned(),
            key: key.to_owned(),
            session: None,
        }
    }

    /// The same client at another replica, in the same session.
    pub fn at(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    /// The same client in another session, or in none.
    pub fn in_session(&self, session: Option<String>) -> Self {
        Self {
            session,
            ..self.clone()
        }
    }

    pub fn request(&self, method: Method) -> RequestBuilder {
        let mut request = self.http.request(method, &self.url).timeout(PATIENCE);
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        request.header("accept", "application/json, text/event-stream")
    }

    /// A message of the older eras.
    pub fn old(&self, message: &Value) -> RequestBuilder {
        self.request(Method::POST)
            .header("mcp-protocol-version", OLD)
            .json(message)
    }

    /// A request of the stateless era, with the headers and the `_meta` that it asks for.
    pub fn new_era(&self, method: &str, mut params: Value, capabilities: &Value) -> RequestBuilder {
        let meta = params
            .as_object_mut()
            .unwrap()
            .entry("_meta")
            .or_insert_with(|| json!({}));
        meta["io.modelcontextprotocol/protocolVersion"] = json!(NEW);
        meta["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
        meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "test", "version": "0" });
        let name = params
            .get("name")
            .or_else(|| params.get("taskId"))
            .or_else(|| params.get("uri"));
        let name = name.and_then(Value::as_str).map(str::to_owned);
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let request = self
            .request(Method::POST)
            .header("mcp-protocol-version", NEW)
            .header("mcp-method", method);
        let request = if let Some(name) = name {
            request.header("mcp-name", name)
        } else {
            request
        };
        request.json(&body)
    }

    /// Opens a session.
    pub async fn initialize(&mut self) -> Value {
        let params = json!({
            "protocolVersion": OLD,
            "capabilities": { "elicitation": {}, "sampling": {} },
            "clientInfo": { "name": "test", "version": "0" }
        });
        let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = Answer::of(self.old(&message)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        self.session = answer
            .headers
            .get("mcp-session-id")
            .map(|id| id.to_str().unwrap().to_owned());
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(
            Answer::of(self.old(&initialized)).await.status,
            StatusCode::ACCEPTED
        );
        answer.message()
    }

    /// A request in the session; answers the JSON-RPC response.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        Answer::of(self.old(&request(1, method, params))).await.message()
    }

    /// A request of the stateless era; answers the JSON-RPC response.
    pub async fn ask_new(&self, method: &str, params: Value) -> Value {
        Answer::of(self.new_era(method, params, &json!({})))
            .await
            .message()
    }

    /// `tools/call` in the stateless era.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.ask_new("tools/call", json!({ "name": tool, "arguments": arguments }))
            .await
    }

    /// The session's own stream.
    pub async fn listen(&self) -> Events {
        Events::of(self.request(Method::GET).header("mcp-protocol-version", OLD)).await
    }

    /// What came after an event.
    pub async fn resume(&self, last: &str) -> Events {
        let request = self.request(Method::GET).header("mcp-protocol-version", OLD);
        Events::of(request.header("last-event-id", last)).await
    }

    pub async fn delete(&self) -> StatusCode {
        Answer::of(self.request(Method::DELETE).header("mcp-protocol-version", OLD))
            .await
            .status
    }
}

/// A JSON-RPC request.
pub fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// The JSON-RPC message: the body, or the last event of a stream.
    pub fn message(&self) -> Value {
        let last = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(str::trim)
            .rfind(|data| !data.is_empty());
        serde_json::from_str(last.unwrap_or(&self.text)).unwrap_or_else(|_| panic!("no message in {self:?}"))
    }
}

impl Events {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next event; none at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                match parse(&block) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk())
                .await
                .expect("nothing came");
            self.buffer.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    /// The next message, past priming events.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            let event = self.next().await?;
            if !event.data.is_empty() {
                return Some(serde_json::from_str(&event.data).unwrap());
            }
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut seen = false;
    for line in block.lines() {
        if let Some(id) = line.strip_prefix("id:") {
            event.id = Some(id.trim().to_owned());
            seen = true;
        } else if let Some(data) = line.strip_prefix("data:") {
            event.data.push_str(data.trim());
            seen = true;
        }
    }
    seen.then_some(event)
}
