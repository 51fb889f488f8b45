//! The published hostile frames (`docs/websocket-vectors.json`), over a real connection: each with its exact answer.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use frames::{Flags, Header, Kind};
use serde_json::{Value, json};

use crate::support::{Edge, Socket, World};

fn rows() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/websocket-vectors.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    vectors["hostile"].as_array().unwrap().clone()
}

fn framed(compressed: bool, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        kind: Kind::Request,
        flags: Flags {
            compressed,
            batch: false,
        },
        sequence: 0,
        method: 0,
        size: u32::try_from(payload.len()).unwrap(),
    };
    [header.bytes().as_slice(), payload].concat()
}

fn bomb(power: u64) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::new(9));
    for _ in 0..1_u32 << (power - 20) {
        packed.write_all(&vec![0; 1 << 20]).unwrap();
    }
    framed(true, &packed.finish().unwrap())
}

async fn send(socket: &mut Socket, row: &Value) {
    if let Some(text) = row["text"].as_str() {
        return socket.send_text(text).await;
    }
    let bytes = match (row["hex"].as_str(), row["bomb"].as_u64(), row["fill"].as_u64()) {
        (Some(bytes), ..) => hex::decode(bytes).unwrap(),
        (_, Some(power), _) => bomb(power),
        (.., fill) => {
            let blanks = " ".repeat(usize::try_from(fill.unwrap()).unwrap());
            if row["form"] == "text" {
                return socket.send_text(&blanks).await;
            }
            framed(false, blanks.as_bytes())
        }
    };
    socket.send_binary(&bytes).await;
}

/// What is said to a row, and that the connection lives after what does not close it.
async fn answer(socket: &mut Socket, row: &Value) {
    let name = &row["name"];
    if let Some(code) = row["close"].as_u64() {
        let (actual, reason) = socket.closed().await;
        assert_eq!(
            (u64::from(actual), &json!(reason)),
            (code, &row["reason"]),
            "{name}"
        );
        return;
    }
    if let Some(expected) = row["answers"].as_array() {
        // What is right in the batch is answered with it, behind what is wrong.
        let actual = socket.hear().await.message();
        let actual = actual.as_array().unwrap_or_else(|| panic!("{name}: {actual}"));
        assert_eq!(actual[..expected.len()], expected[..], "{name}");
    } else if !row["answer"].is_null() {
        assert_eq!(socket.hear().await.message(), row["answer"], "{name}");
    }
    assert_eq!(socket.ask("ping", json!({})).await["result"], json!({}), "{name}");
}

#[tokio::test]
async fn every_hostile_frame_gets_exactly_its_answer_over_a_connection() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let mut socket = Socket::open(&edge, &key).await;
    let rows = rows();
    for row in &rows {
        send(&mut socket, row).await;
        answer(&mut socket, row).await;
        if row.get("close").is_some() {
            socket = Socket::open(&edge, &key).await;
        }
    }
    assert!(rows.len() >= 60);
    let page = edge.telemetry.render();
    for kind in [
        "parse_error",
        "invalid_request",
        "invalid_params",
        "method_not_found",
        "invalid_frame",
        "invalid_payload",
        "encrypted",
        "version",
        "message_too_large",
        "inflated_too_large",
    ] {
        assert!(
            page.contains(&format!(r#"error_type="{kind}"}}"#)),
            "{kind}\n{page}"
        );
    }
}
