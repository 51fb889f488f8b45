//! The headers that repeat what a message says (MCP 2026-07-28, "Standard Request Headers").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// The header that names the protocol version.
pub(super) const VERSION: &str = "mcp-protocol-version";
/// Where a message of the stateless era names it.
const META_VERSION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";

/// The version that the message names itself: it is of the stateless era then.
pub(super) fn version(message: &Value) -> Option<&str> {
    message.pointer(META_VERSION).and_then(Value::as_str)
}

/// The headers of a message of the stateless era; none for older ones, whose version the session knows.
pub(super) fn standard(message: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let (Some(version), Some(method)) = (version(message), message.get("method").and_then(Value::as_str))
    else {
        return headers;
    };
    let name = named_by(method).and_then(|field| message.get("params")?.get(field)?.as_str());
    let all = [
        (VERSION, Some(version)),
        ("mcp-method", Some(method)),
        ("mcp-name", name),
    ];
    for (header, text) in all.into_iter().filter_map(|(header, text)| Some((header, text?))) {
        if let Ok(value) = HeaderValue::from_str(&encoded(text)) {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
    headers
}

/// The parameter that says what a request is about.
fn named_by(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// Text that a header cannot carry as it is goes as Base64 between marks.
fn encoded(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        && text.trim_matches([' ', '\t']) == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if plain {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(name: &str) -> Value {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name,
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}})
    }

    #[test]
    fn a_stateless_message_names_its_version_method_and_subject() {
        let headers = standard(&call("mesh_whoami"));
        assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
        assert_eq!(headers["mcp-method"], "tools/call");
        assert_eq!(headers["mcp-name"], "mesh_whoami");
    }

    #[test]
    fn a_name_that_no_header_can_carry_is_base64() {
        assert_eq!(
            standard(&call("größe"))["mcp-name"],
            format!("=?base64?{}?=", STANDARD.encode("größe")).as_str()
        );
    }

    #[test]
    fn a_message_of_an_older_era_has_none() {
        assert!(standard(&json!({"id": 1, "method": "tools/call", "params": {"name": "x"}})).is_empty());
    }
}
