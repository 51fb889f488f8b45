//! The requests of a benchmark, made once, and what must be in each answer.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::{Value, json};

use crate::servers::item;

/// The tool that is called, at the mesh and at the least server.
pub const TOOL: &str = "shop_get_item";
/// Different items, so that no answer can be that of another request.
pub const ITEMS: u64 = 64;

/// A target with its requests.
#[derive(Clone)]
pub struct Target {
    /// `HOST:PORT`.
    pub address: String,
    /// The requests, used in turn.
    pub requests: Vec<Prepared>,
}

/// A request, and the bytes that its answer must contain.
#[derive(Clone)]
pub struct Prepared {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// All of them.
    pub expected: Vec<String>,
}

/// A revision of MCP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25, in a session.
    Session,
    /// 2026-07-28, every request by itself.
    Stateless,
}

impl Era {
    /// As the protocol spells it.
    pub fn version(self) -> &'static str {
        match self {
            Self::Session => "2025-11-25",
            Self::Stateless => "2026-07-28",
        }
    }
}

/// `GET /items/{id}` at `url`.
pub fn plain(url: &str) -> Target {
    let of = |id| Prepared {
        method: Method::GET,
        uri: format!("/items/{id}").parse().unwrap_or_default(),
        headers: headers(&[("host", address(url))]),
        body: Bytes::new(),
        expected: vec![item(id)],
    };
    Target {
        address: address(url).to_owned(),
        requests: (1..=ITEMS).map(of).collect(),
    }
}

/// `tools/call` at `url`, in a session of its own in the era that has them.
pub fn call(url: &str, key: Option<&str>, era: Era, session: Option<&str>) -> Target {
    call_of(TOOL, url, key, era, session)
}

/// [`call`] of this tool.
pub fn call_of(tool: &str, url: &str, key: Option<&str>, era: Era, session: Option<&str>) -> Target {
    let of = |id: u64| {
        let mut params = json!({ "name": tool, "arguments": { "id": id } });
        let mut more = mcp_headers(url, key, era, session);
        if era == Era::Stateless {
            params["_meta"] = meta();
            more.extend([
                ("mcp-method", "tools/call".to_owned()),
                ("mcp-name", tool.to_owned()),
            ]);
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Prepared {
            method: Method::POST,
            uri: Uri::from_static("/mcp"),
            headers: headers(&more),
            body: message.to_string().into(),
            expected: vec![
                format!(r#""structuredContent":{}"#, item(id)),
                format!(r#""id":{id},"#),
                "\"content\":[".to_owned(),
            ],
        }
    };
    Target {
        address: address(url).to_owned(),
        requests: (1..=ITEMS).map(of).collect(),
    }
}

/// Another method at `url` in the stateless era, the same request each time.
pub fn other(
    url: &str,
    key: &str,
    method: &str,
    name: Option<&str>,
    mut params: Value,
    expected: &str,
) -> Target {
    params["_meta"] = meta();
    let mut more = mcp_headers(url, Some(key), Era::Stateless, None);
    more.push(("mcp-method", method.to_owned()));
    more.extend(name.map(|name| ("mcp-name", name.to_owned())));
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = Prepared {
        method: Method::POST,
        uri: Uri::from_static("/mcp"),
        headers: headers(&more),
        body: message.to_string().into(),
        expected: vec![expected.to_owned()],
    };
    Target {
        address: address(url).to_owned(),
        requests: vec![request],
    }
}

/// The headers of every MCP request.
pub fn mcp_headers(
    url: &str,
    key: Option<&str>,
    era: Era,
    session: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("host", address(url).to_owned()),
        ("content-type", "application/json".to_owned()),
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", era.version().to_owned()),
    ];
    headers.extend(key.map(|key| ("authorization", format!("Bearer {key}"))));
    headers.extend(session.map(|session| ("mcp-session-id", session.to_owned())));
    headers
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": Era::Stateless.version(),
        "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn headers(of: &[(&str, &str)]) -> HeaderMap {
    let pairs = of.iter().filter_map(|(name, value)| {
        Some((
            HeaderName::try_from(*name).ok()?,
            HeaderValue::try_from(*value).ok()?,
        ))
    });
    pairs.collect()
}

fn address(url: &str) -> &str {
    url.trim_start_matches("http://").trim_end_matches("/mcp")
}
