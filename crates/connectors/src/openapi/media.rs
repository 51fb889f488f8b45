//! Media types: which of those that are described is used.

use domain::tool::BodyEncoding;
use serde_json::{Map, Value};

use super::document::Document;
use super::operation::Media;
use super::pointer::Pointer;

/// Whether a media type (lower case, without parameters) is JSON.
pub(super) fn is_json(name: &str) -> bool {
    name == "application/json" || name == "text/json" || name.ends_with("+json")
}

/// A media type that a body can be written in.
pub(super) struct Choice<'m, 'd> {
    /// The description's entry.
    pub(super) media: &'m Media<'d>,
    /// How the body is written.
    pub(super) encoding: BodyEncoding,
    /// The media type to send; never a range.
    pub(super) media_type: String,
}

/// The best media type for a body: JSON, then forms, then text, then bytes; of equals, the first described.
pub(super) fn choose<'m, 'd>(document: &Document, content: &'m [Media<'d>]) -> Option<Choice<'m, 'd>> {
    let choices = content.iter().filter_map(|media| {
        let (rank, encoding, media_type) = rank(document, media)?;
        Some((
            rank,
            Choice {
                media,
                encoding,
                media_type: media_type.to_owned(),
            },
        ))
    });
    choices.min_by_key(|(rank, _)| *rank).map(|(_, choice)| choice)
}

fn rank<'m>(document: &Document, media: &'m Media<'_>) -> Option<(u8, BodyEncoding, &'m str)> {
    const BYTES: &str = "application/octet-stream";
    let name = media.name.as_str();
    let content = content(document, media.schema.as_deref());
    match name {
        "application/json" => Some((0, BodyEncoding::Json, name)),
        _ if is_json(name) => Some((1, BodyEncoding::Json, name)),
        "*/*" | "application/*" if content == Content::Bytes => Some((7, BodyEncoding::Binary, BYTES)),
        "*/*" | "application/*" => Some((2, BodyEncoding::Json, "application/json")),
        "application/x-www-form-urlencoded" => Some((3, BodyEncoding::Form, name)),
        "multipart/form-data" => Some((4, BodyEncoding::Multipart, name)),
        "text/*" => Some((5, BodyEncoding::Text, "text/plain")),
        _ if name.starts_with("text/") && content != Content::Structure => {
            Some((5, BodyEncoding::Text, name))
        }
        BYTES => Some((6, BodyEncoding::Binary, name)),
        _ if name.starts_with("multipart/") || content == Content::Structure => None,
        _ if content == Content::Text => Some((8, BodyEncoding::Text, name)),
        _ if name.ends_with("/*") => Some((9, BodyEncoding::Binary, BYTES)),
        _ if is_media_type(name) => Some((7, BodyEncoding::Binary, name)),
        _ => None,
    }
}

fn is_media_type(name: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    name.split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// What a schema says about content that is not JSON.
#[derive(PartialEq)]
enum Content {
    Text,
    Bytes,
    Structure,
}

fn content(document: &Document, schema: Option<&Value>) -> Content {
    let schema = schema.and_then(|schema| document.follow(schema, &Pointer::Text("")).ok());
    let Some(schema) = schema.map(|schema| schema.value) else {
        return Content::Bytes;
    };
    match schema.get("type").and_then(Value::as_str) {
        Some(_) if schema.as_object().is_some_and(is_binary) => Content::Bytes,
        Some("string") => Content::Text,
        None if schema.as_object().is_none_or(Map::is_empty) => Content::Bytes,
        _ => Content::Structure,
    }
}

/// Whether a string schema stands for bytes: `format: binary` (3.0), Swagger's `file`, or a content media type that
/// is not text (3.1).
pub(super) fn is_binary(schema: &Map<String, Value>) -> bool {
    let text = |key| schema.get(key).and_then(Value::as_str);
    let by_media = text("contentMediaType").is_some_and(|name| !name.starts_with("text/") && !is_json(name));
    text("type") == Some("file")
        || text("format") == Some("binary")
        || text("type") == Some("string") && by_media && text("contentEncoding").is_none()
}
