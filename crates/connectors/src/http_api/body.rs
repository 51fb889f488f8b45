//! The body of a request (OpenAPI 3.1.1, sections 4.8.14 and 4.8.15).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use domain::tool::{Body, BodyEncoding, BodySource, HttpBinding, Location, Parameter, Part};
use memchr::memmem;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::style::{pairs, text};
use crate::failure::CallFailure;

/// Takes base64 with or without padding; `-` and `_` are turned into `+` and `/` before.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A body and what it is.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// Writes the body of a call; none if the call has none.
pub(super) fn build(
    binding: &HttpBinding,
    arguments: &Map<String, Value>,
) -> Result<Option<Written>, CallFailure> {
    let Some(body) = &binding.body else {
        return Ok(None);
    };
    let Some(value) = value(body, arguments)? else {
        return Ok(None);
    };
    let (media_type, bytes) = match body.encoding {
        BodyEncoding::Json => (body.media_type.clone(), value.to_string().into_bytes()),
        BodyEncoding::Form => (body.media_type.clone(), form(&value, &body.parts).into_bytes()),
        BodyEncoding::Text => (body.media_type.clone(), text(&value).into_bytes()),
        BodyEncoding::Binary => (body.media_type.clone(), decode(&value, "the body")?),
        BodyEncoding::Multipart => multipart(&pieces(&value, &body.parts)?, &body.media_type),
    };
    Ok(Some(Written {
        media_type,
        bytes: bytes.into(),
    }))
}

/// What the arguments say that the body is.
fn value(body: &Body, arguments: &Map<String, Value>) -> Result<Option<Value>, CallFailure> {
    match &body.source {
        BodySource::Argument { argument } => match arguments.get(argument) {
            None if body.required => Err(CallFailure::arguments(format!(
                "`{argument}`: required, but missing; it is the body"
            ))),
            given => Ok(given.cloned()),
        },
        BodySource::Properties { properties } => {
            let given: Map<String, Value> = properties
                .iter()
                .filter_map(|(argument, property)| Some((property.clone(), arguments.get(argument)?.clone())))
                .collect();
            Ok((body.required || !given.is_empty()).then_some(Value::Object(given)))
        }
    }
}

/// `application/x-www-form-urlencoded`: a property that the description says nothing about repeats its name for each
/// item of an array, and an object is JSON (OpenAPI 3.1.1, section 4.8.15.1).
fn form(value: &Value, parts: &[Part]) -> String {
    let mut form = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        match parts.iter().find(|part| part.name == *name) {
            Some(part) => {
                let written = pairs(&as_parameter(part), value);
                form.extend(written.into_iter().map(|(name, value)| format!("{name}={value}")));
            }
            None => form.extend(fields(name, value)),
        }
    }
    form.join("&")
}

fn as_parameter(part: &Part) -> Parameter {
    Parameter {
        argument: part.name.clone(),
        name: part.name.clone(),
        location: Location::Query,
        style: part.style,
        explode: part.explode,
        allow_reserved: false,
        json: part.content_type.as_deref().is_some_and(is_json),
    }
}

fn fields(name: &str, value: &Value) -> Vec<String> {
    let field = |value: &Value| {
        let mut field = url::form_urlencoded::Serializer::new(String::new());
        field.append_pair(name, &text(value));
        field.finish()
    };
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(field).collect(),
        other => vec![field(other)],
    }
}

/// Base64 as agents write it: either alphabet, with or without padding, with line breaks.
fn decode(value: &Value, name: &str) -> Result<Vec<u8>, CallFailure> {
    let refused = || CallFailure::arguments(format!("`{name}`: expected bytes in base64"));
    let text: String = value
        .as_str()
        .ok_or_else(refused)?
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .map(|character| match character {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    BASE64.decode(text).map_err(|_| refused())
}

struct Piece {
    name: String,
    media_type: Option<String>,
    /// Upstreams take a piece for a file when it has a file name.
    is_file: bool,
    bytes: Vec<u8>,
}

/// The pieces of a multipart body: one for each property, or for each item of an array.
fn pieces(value: &Value, parts: &[Part]) -> Result<Vec<Piece>, CallFailure> {
    let mut pieces = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let part = parts.iter().find(|part| part.name == *name);
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items {
                    pieces.push(piece(name, item, part)?);
                }
            }
            other => pieces.push(piece(name, other, part)?),
        }
    }
    Ok(pieces)
}

fn piece(name: &str, value: &Value, part: Option<&Part>) -> Result<Piece, CallFailure> {
    let is_file = part.is_some_and(|part| part.binary);
    let declared = part
        .and_then(|part| part.content_type.clone())
        .map(|text| text.replace(['\r', '\n'], ""));
    let (fallback, bytes) = match value {
        _ if is_file => (Some("application/octet-stream"), decode(value, name)?),
        Value::Object(_) | Value::Array(_) => (Some("application/json"), value.to_string().into_bytes()),
        other if declared.as_deref().is_some_and(is_json) => (None, other.to_string().into_bytes()),
        scalar => (None, text(scalar).into_bytes()),
    };
    let media_type = declared.or_else(|| fallback.map(ToOwned::to_owned));
    Ok(Piece {
        name: name.to_owned(),
        media_type,
        is_file,
        bytes,
    })
}

fn is_json(media_type: &str) -> bool {
    let name = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    name == "application/json" || name.ends_with("+json")
}

/// `multipart/form-data` (RFC 7578), under a boundary that is in none of the parts.
fn multipart(pieces: &[Piece], media_type: &str) -> (String, Vec<u8>) {
    let boundary = boundary(pieces);
    let mut out = Vec::new();
    for piece in pieces {
        let name = escape(&piece.name);
        out.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes(),
        );
        if piece.is_file {
            out.extend_from_slice(format!("; filename=\"{name}\"").as_bytes());
        }
        if let Some(media_type) = &piece.media_type {
            out.extend_from_slice(format!("\r\nContent-Type: {media_type}").as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&piece.bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("{media_type}; boundary={boundary}"), out)
}

/// The usual boundary, or where a piece has that in it, one that no piece can name: it is the hash of them all.
fn boundary(pieces: &[Piece]) -> String {
    const USUAL: &str = "devmesh-part-boundary";
    let is_in = |piece: &Piece| memmem::find(&piece.bytes, USUAL.as_bytes()).is_some();
    if !pieces.iter().any(is_in) {
        return USUAL.to_owned();
    }
    let hash = pieces
        .iter()
        .fold(Sha256::new(), |hash, piece| hash.chain_update(&piece.bytes));
    let digits: String = hash
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("devmesh-part-{digits}")
}

/// A name in a header (WHATWG, "multipart/form-data encoding algorithm").
fn escape(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use domain::tool::Style;
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_repeat_arrays_and_write_objects_as_json() {
        let written = form(
            &json!({"a": "x y&z", "list": [1, "b"], "o": {"k": true}, "none": null, "n": 1.5}),
            &[],
        );
        assert_eq!(written, "a=x+y%26z&list=1&list=b&o=%7B%22k%22%3Atrue%7D&n=1.5");
    }

    #[test]
    fn forms_write_a_property_in_the_style_that_the_description_gives() {
        let part = |name: &str, style, explode| Part {
            name: name.to_owned(),
            binary: false,
            content_type: None,
            style,
            explode,
        };
        let parts = [
            part("meta", Style::DeepObject, true),
            part("tags", Style::Form, false),
        ];
        let written = form(&json!({"meta": {"a b": 1}, "tags": ["x", "y"], "z": 1}), &parts);
        assert_eq!(written, "meta%5Ba%20b%5D=1&tags=x,y&z=1");
    }

    #[test]
    fn base64_is_taken_as_agents_write_it_and_refused_without_being_repeated() {
        for text in ["+/8=", "+/8", "-_8", "-_8=", " +/\n8= "] {
            assert_eq!(decode(&json!(text), "file").unwrap(), [0xfb, 0xff], "{text}");
        }
        for wrong in [json!("hunter2!"), json!(5)] {
            let failure = decode(&wrong, "file").unwrap_err();
            assert_eq!(failure.message, "`file`: expected bytes in base64");
        }
    }

    #[test]
    fn a_part_cannot_forge_a_boundary_or_a_header() {
        let hostile =
            "x\r\n--devmesh-part-boundary\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\n1";
        let pieces = pieces(&json!({"a\"\r\nX: 1": hostile}), &[]).unwrap();
        let (media_type, bytes) = multipart(&pieces, "multipart/form-data");
        let (_, boundary) = media_type.split_once("multipart/form-data; boundary=").unwrap();
        assert!(boundary.len() <= 70 && !hostile.contains(boundary), "{boundary}");
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches(&format!("--{boundary}")).count(), 2);
        assert!(text.contains("name=\"a%22%0D%0AX: 1\"\r\n\r\nx"), "{text}");
    }
}
