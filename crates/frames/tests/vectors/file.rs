//! The file.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    pub protocol: String,
    #[serde(rename = "about")]
    _about: String,
    pub binary: Vec<Binary>,
    pub text: Vec<Text>,
    pub hostile: Vec<Hostile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    pub name: String,
    #[serde(with = "hex")]
    pub hex: Vec<u8>,
    pub kind: String,
    pub sequence: u64,
    pub method: u16,
    pub compressed: bool,
    /// A message, an array of them, or the bytes of a ping or pong in hex.
    pub content: Value,
    /// Whether exactly these bytes are written.
    pub canonical: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub name: String,
    pub text: String,
    pub sequence: u64,
    pub content: Value,
    pub canonical: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hostile {
    pub name: String,
    pub text: Option<String>,
    pub hex: Option<String>,
    /// So many blanks, in `form`.
    pub fill: Option<usize>,
    pub form: Option<String>,
    /// Two to this power zeros, compressed.
    pub bomb: Option<u32>,
    pub close: Option<u16>,
    pub reason: Option<String>,
    #[serde(default, deserialize_with = "there")]
    pub answer: Option<Value>,
    pub answers: Option<Vec<Value>>,
}

fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

pub fn read() -> Vectors {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/websocket-vectors.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}
