//! One model of an operation, whichever version describes it.

mod openapi3;
mod swagger2;

use std::borrow::Cow;

use domain::tool::{Location, Style};
use http::HeaderName;
use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::document::{Document, Located, Unresolved, Version};
use super::pointer::Pointer;
use super::site::Site;

/// Longest path template, in bytes: common servers take no longer line.
const MAX_PATH: usize = 8_192;

/// Why an operation cannot be a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skip(pub(super) String);

impl From<Unresolved> for Skip {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::Foreign(reference) => foreign(&reference),
            Unresolved::Missing => Self("it refers to nothing".to_owned()),
            Unresolved::Circular => Self("it refers to itself".to_owned()),
        }
    }
}

/// The reason of an operation whose description is partly elsewhere.
pub(super) fn foreign(reference: &str) -> Skip {
    Skip(format!(
        "it refers to another document, `{reference}`; only references inside the description are read"
    ))
}

/// An operation, read.
pub(super) struct Operation<'d> {
    /// What the caller gives outside the body.
    pub(super) parameters: Vec<Input<'d>>,
    /// The body, where there is one.
    pub(super) body: Option<RequestBody<'d>>,
    /// The successful answers.
    pub(super) answers: Vec<Answer<'d>>,
}

/// One parameter.
pub(super) struct Input<'d> {
    /// Its name upstream.
    pub(super) name: &'d str,
    /// Where it goes.
    pub(super) location: Location,
    /// Whether a call without it is refused.
    pub(super) required: bool,
    /// Its schema, as described.
    pub(super) schema: Cow<'d, Value>,
    /// What it means.
    pub(super) description: Option<&'d str>,
    /// Whether callers should stop using it.
    pub(super) deprecated: bool,
    /// How arrays and objects are written.
    pub(super) style: Style,
    /// Whether each item stands by itself.
    pub(super) explode: bool,
    /// Whether reserved characters stay.
    pub(super) allow_reserved: bool,
    /// Whether it is JSON text.
    pub(super) json: bool,
}

/// A request body.
pub(super) struct RequestBody<'d> {
    /// Whether a call without it is refused.
    pub(super) required: bool,
    /// What it is.
    pub(super) description: Option<&'d str>,
    /// What it may be written in.
    pub(super) content: Vec<Media<'d>>,
}

/// Content of one media type.
pub(super) struct Media<'d> {
    /// The media type, without parameters, in lower case.
    pub(super) name: String,
    /// Its schema, as described.
    pub(super) schema: Option<Cow<'d, Value>>,
    /// How properties are written (an OpenAPI 3 map of Encoding Objects).
    pub(super) encoding: Option<Cow<'d, Map<String, Value>>>,
}

/// One successful answer.
pub(super) struct Answer<'d> {
    /// What it may be written in; empty for an answer without content.
    pub(super) content: Vec<Media<'d>>,
}

/// Reads an operation.
///
/// # Errors
/// Why it cannot be a tool.
pub(super) fn read<'d>(document: &'d Document, site: &Site<'d>) -> Result<Operation<'d>, Skip> {
    match site.method.as_str() {
        "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "PATCH" | "POST" => {}
        "TRACE" => {
            return Err(Skip(
                "TRACE answers with the request, credentials included".to_owned(),
            ));
        }
        other => return Err(Skip(format!("its method {other} is not supported"))),
    }
    if let Some(reference) = site.operation.get("$ref").and_then(Value::as_str) {
        return Err(Skip(format!(
            "it is a reference, `{reference}`; only whole path items may be"
        )));
    }
    check_path(site.path)?;
    let merged = merged_parameters(document, site)?;
    match document.version() {
        Version::Swagger2 => swagger2::read(document, site, &merged),
        Version::V30 | Version::V31 => openapi3::read(document, site, &merged),
    }
}

/// The path's parameters and the operation's, the latter winning where place and name are the same; without those
/// that are not the caller's to give.
fn merged_parameters<'d>(
    document: &'d Document,
    site: &Site<'d>,
) -> Result<Vec<&'d Map<String, Value>>, Skip> {
    let credentials = credentials(document);
    let mut merged: IndexMap<(&str, String), &Map<String, Value>> = IndexMap::new();
    for parameter in parameters(site) {
        let Located { value, .. } = document.follow(parameter, &Pointer::Text(""))?;
        let Some(parameter) = value.as_object() else {
            continue;
        };
        if member(parameter, "in") == "querystring" {
            return Err(Skip(
                "its query is one parameter as a whole, which is not supported".to_owned(),
            ));
        }
        let identity = identity(parameter);
        if is_ignored(parameter, site.path) || credentials.contains(&identity) {
            continue;
        }
        if identity.0 == "header" && HeaderName::from_bytes(identity.1.as_bytes()).is_err() {
            if flag(parameter, "required") {
                return Err(Skip(format!(
                    "it needs the header {:?}, which is no header's name",
                    identity.1
                )));
            }
            continue;
        }
        merged.insert(identity, parameter);
    }
    Ok(merged.into_values().collect())
}

fn parameters<'d>(site: &Site<'d>) -> impl Iterator<Item = &'d Value> {
    let lists = [site.item, site.operation].map(|level| level.get("parameters").and_then(Value::as_array));
    lists.into_iter().flatten().flatten()
}

/// A path that can be sent as it is written, below the path of the server.
fn check_path(path: &str) -> Result<(), Skip> {
    let refused = |why: &str| Err(Skip(format!("its path {why}")));
    if path.len() > MAX_PATH {
        return refused(&format!("has more than {MAX_PATH} bytes"));
    }
    if path.chars().any(char::is_control) {
        return refused("has line breaks or other control characters");
    }
    let own = path.split('?').next().unwrap_or_default();
    let decoded = percent_decode_str(own).decode_utf8_lossy();
    if decoded.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
        return refused("has `.` or `..` as a segment");
    }
    Ok(())
}

fn member<'a>(parameter: &'a Map<String, Value>, key: &str) -> &'a str {
    parameter.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn identity(parameter: &Map<String, Value>) -> (&str, String) {
    let (place, name) = (member(parameter, "in"), member(parameter, "name"));
    (
        place,
        if place == "header" {
            name.to_ascii_lowercase()
        } else {
            name.to_owned()
        },
    )
}

/// Headers that OpenAPI says to ignore as parameters, and those that belong to the connection, not to the caller;
/// and path parameters without a place in the path.
fn is_ignored(parameter: &Map<String, Value>, path: &str) -> bool {
    const HEADERS: [&str; 14] = [
        "accept",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    match identity(parameter) {
        ("header", name) => HEADERS.contains(&name.as_str()),
        ("path", name) => !path.contains(&format!("{{{name}}}")),
        _ => false,
    }
}

/// Place and name of what carries a credential: the mesh gives it, not the agent.
fn credentials(document: &Document) -> Vec<(&str, String)> {
    let schemes = document.components("securitySchemes").into_iter().flatten();
    schemes
        .filter_map(|(_, scheme)| scheme.as_object())
        .filter(|scheme| member(scheme, "type") == "apiKey")
        .map(identity)
        .collect()
}

/// A flag of an object, false where it is missing.
fn flag(members: &Map<String, Value>, key: &str) -> bool {
    members.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// A text of an object.
fn text<'a>(members: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    members.get(key).and_then(Value::as_str)
}

/// The successful responses, those without a code of their own last: `200` … `2XX`, else `default`.
fn successes(site: &Site<'_>) -> Vec<String> {
    let codes = |select: fn(&str) -> bool| -> Vec<String> {
        let responses = site.operation.get("responses").and_then(Value::as_object);
        responses
            .into_iter()
            .flatten()
            .map(|(code, _)| code.clone())
            .filter(|code| select(code))
            .collect()
    };
    let mut found = codes(|code| code.len() == 3 && code.starts_with('2'));
    found.sort();
    if found.is_empty() {
        codes(|code| code == "default")
    } else {
        found
    }
}

/// A media type without parameters, in lower case.
fn media_name(name: &str) -> String {
    name.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}
