//! What the fuzz target of `/mcp` runs, and what has to hold of any body. `crates/fuzz` takes this file as it is.

use mcp_server::transport::{Rehearsed, read_directly, rehearse};
use serde_json::{Value, json};

/// A body is a message, or is refused as JSON-RPC refuses. What the short way of a call reads, rmcp reads as the same
/// call: no body means one thing to one reader and another to the other. A message that is written again is the same.
pub fn body(bytes: &[u8]) {
    // What a caller is told may quote the body, escaped; it does not grow beyond that.
    let most = 1_024 + 12 * bytes.len();
    let direct = read_directly(bytes);
    match rehearse(bytes) {
        Rehearsed::Admitted(message) => {
            assert!(message.is_object(), "{message}");
            if let Some(direct) = direct {
                assert_eq!(direct, call(&message));
            }
            match rehearse(message.to_string().as_bytes()) {
                Rehearsed::Admitted(again) => assert_eq!(message, again),
                other => panic!("{message} is {other:?} when it is written again"),
            }
        }
        Rehearsed::Malformed(text) => {
            assert_eq!(direct, None, "{text}");
            assert!(!text.is_empty() && text.len() <= most, "{text}");
        }
        Rehearsed::Refused(status, answer) => {
            assert_eq!(direct, None, "{status}");
            assert_eq!(status.as_u16(), 400);
            assert!(answer.len() <= most);
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &Value::Null));
            let error = &answer["error"];
            assert!(
                matches!(error["code"].as_i64(), Some(-32_700 | -32_600)),
                "{error}"
            );
            assert!(
                error["message"].as_str().is_some_and(|text| !text.is_empty()),
                "{error}"
            );
        }
    }
}

fn call(message: &Value) -> Value {
    assert_eq!(message["method"], "tools/call");
    let (id, params) = (&message["id"], &message["params"]);
    json!({ "id": id, "meta": params["_meta"], "name": params["name"], "arguments": params["arguments"] })
}
