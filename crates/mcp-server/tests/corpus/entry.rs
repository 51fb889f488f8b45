//! What the fuzz target of `/mcp` runs, and what has to hold of any body. `crates/fuzz` takes this file as it is.

use mcp_server::transport::{Rehearsed, is_read_directly, rehearse};

/// A body is a message, or is refused as JSON-RPC refuses: by a 400 or by a text. What the short way of a call reads is
/// a message to rmcp too.
pub fn body(bytes: &[u8]) {
    let judged = rehearse(bytes);
    let admitted = matches!(judged, Rehearsed::Admitted(_));
    assert!(
        admitted || !is_read_directly(bytes),
        "read by one of two: {judged:?}"
    );
    match judged {
        Rehearsed::Admitted(_) => {
            let value: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
            assert!(value.is_object(), "{value}");
        }
        Rehearsed::Malformed(message) => assert!(!message.is_empty()),
        Rehearsed::Refused(response) => assert_eq!(response.status().as_u16(), 400),
    }
}
