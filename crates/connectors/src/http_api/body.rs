//! The body of a request (OpenAPI 3.1.1, sections 4.8.14 and 4.8.15).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use domain::Tool;
use domain::tool::{Body, BodyEncoding, BodySource, HttpBinding};
use serde_json::{Map, Value};

use super::style::text;
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
    tool: &Tool,
    binding: &HttpBinding,
    arguments: &Map<String, Value>,
) -> Result<Option<Written>, CallFailure> {
    let Some(body) = &binding.body else {
        return Ok(None);
    };
    let Some(value) = value(body, arguments)? else {
        return Ok(None);
    };
    let schema_of = |property: &str| property_schema(tool, body, property);
    let (media_type, bytes) = match body.encoding {
        BodyEncoding::Json => (body.media_type.clone(), value.to_string().into_bytes()),
        BodyEncoding::Form => (body.media_type.clone(), form(&value).into_bytes()),
        BodyEncoding::Text => (body.media_type.clone(), text(&value).into_bytes()),
        BodyEncoding::Binary => (body.media_type.clone(), decode(&value, "the body")?),
        BodyEncoding::Multipart => multipart(&parts(&value, schema_of)?, &body.media_type),
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

/// The schema of one property of the body, as the tool's input schema has it.
fn property_schema<'a>(tool: &'a Tool, body: &Body, property: &str) -> Option<&'a Value> {
    let inputs = tool.input_schema.get("properties")?;
    let found = match &body.source {
        BodySource::Argument { argument } => inputs.get(argument)?.get("properties")?.get(property)?,
        BodySource::Properties { properties } => {
            let (argument, _) = properties.iter().find(|(_, name)| name == property)?;
            inputs.get(argument)?
        }
    };
    match found
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.strip_prefix('#'))
    {
        Some(pointer) => tool.input_schema.pointer(pointer),
        None => Some(found),
    }
}

/// `application/x-www-form-urlencoded`: arrays repeat the name, objects are JSON (OpenAPI 3.1.1, section 4.8.15.1).
fn form(value: &Value) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(items) => items.iter().for_each(|item| {
                form.append_pair(name, &text(item));
            }),
            other => {
                form.append_pair(name, &text(other));
            }
        }
    }
    form.finish()
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

struct Part {
    name: String,
    media_type: Option<String>,
    /// Upstreams take a part for a file when it has a file name.
    is_file: bool,
    bytes: Vec<u8>,
}

fn parts<'a>(value: &Value, schema_of: impl Fn(&str) -> Option<&'a Value>) -> Result<Vec<Part>, CallFailure> {
    let mut parts = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let schema = schema_of(name);
        match value {
            Value::Null => {}
            Value::Array(items) => {
                let schema = schema.and_then(|schema| schema.get("items"));
                for item in items {
                    parts.push(part(name, item, schema)?);
                }
            }
            other => parts.push(part(name, other, schema)?),
        }
    }
    Ok(parts)
}

fn part(name: &str, value: &Value, schema: Option<&Value>) -> Result<Part, CallFailure> {
    let keyword = |key: &str| schema.and_then(|schema| schema.get(key)?.as_str());
    let is_file = keyword("contentEncoding") == Some("base64")
        || matches!(keyword("format"), Some("binary" | "byte" | "base64"));
    let (media_type, bytes) = match value {
        _ if is_file => {
            let media_type = keyword("contentMediaType").unwrap_or("application/octet-stream");
            (Some(media_type.replace(['\r', '\n'], "")), decode(value, name)?)
        }
        Value::Object(_) | Value::Array(_) => (
            Some("application/json".to_owned()),
            value.to_string().into_bytes(),
        ),
        scalar => (None, text(scalar).into_bytes()),
    };
    Ok(Part {
        name: name.to_owned(),
        media_type,
        is_file,
        bytes,
    })
}

/// `multipart/form-data` (RFC 7578), under a boundary that is in none of the parts.
fn multipart(parts: &[Part], media_type: &str) -> (String, Vec<u8>) {
    let boundary = boundary(parts);
    let mut out = Vec::new();
    for part in parts {
        let name = escape(&part.name);
        out.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes(),
        );
        if part.is_file {
            out.extend_from_slice(format!("; filename=\"{name}\"").as_bytes());
        }
        if let Some(media_type) = &part.media_type {
            out.extend_from_slice(format!("\r\nContent-Type: {media_type}").as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&part.bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("{media_type}; boundary={boundary}"), out)
}

fn boundary(parts: &[Part]) -> String {
    let mut number = 0_u64;
    loop {
        let boundary = format!("devmesh-part-boundary-{number}");
        let line = format!("--{boundary}");
        let is_in = |part: &Part| {
            part.bytes
                .windows(line.len())
                .any(|window| window == line.as_bytes())
        };
        if !parts.iter().any(is_in) {
            return boundary;
        }
        number += 1;
    }
}

/// A name in a header (WHATWG, "multipart/form-data encoding algorithm").
fn escape(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_repeat_arrays_and_write_objects_as_json() {
        let written =
            form(&json!({"a": "x y&z", "list": [1, "b"], "o": {"k": true}, "none": null, "n": 1.5}));
        assert_eq!(written, "a=x+y%26z&list=1&list=b&o=%7B%22k%22%3Atrue%7D&n=1.5");
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
            "x\r\n--devmesh-part-boundary-0\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\n1";
        let parts = parts(&json!({"a\"\r\nX: 1": hostile}), |_| None).unwrap();
        let (media_type, bytes) = multipart(&parts, "multipart/form-data");
        assert_eq!(
            media_type,
            "multipart/form-data; boundary=devmesh-part-boundary-1"
        );
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("--devmesh-part-boundary-1").count(), 2);
        assert!(text.contains("name=\"a%22%0D%0AX: 1\"\r\n\r\nx"), "{text}");
    }
}
