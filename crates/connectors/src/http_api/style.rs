//! How a parameter's value is written (OpenAPI 3.1.1, section 4.8.12.2 "Style Values"; RFC 6570).
//!
//! What the specification leaves open: `null` and empty lists are undefined and so not sent (RFC 6570, 2.3); arrays
//! and objects inside a list are written as JSON; `deepObject` goes on with further brackets, `a[b][c]` and `a[0]`.

use domain::tool::{Parameter, Style};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Number, Value};

/// Everything but the unreserved characters of RFC 3986 is encoded.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `allowReserved`: reserved characters stay, except for those that would end the value or the query.
const RESERVED: &AsciiSet = &STRICT
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// A value as RFC 6570 sees it.
enum Shape {
    One(String),
    List(Vec<String>),
    Fields(Vec<(String, String)>),
}

impl Shape {
    /// None for what is undefined.
    fn of(parameter: &Parameter, value: &Value) -> Option<Self> {
        match value {
            _ if parameter.json => Some(Self::One(value.to_string())),
            Value::Null => None,
            Value::Array(items) if items.is_empty() => None,
            Value::Object(map) if map.is_empty() => None,
            Value::Array(items) => Some(Self::List(items.iter().map(text).collect())),
            Value::Object(map) => Some(Self::Fields(
                map.iter().map(|(key, item)| (key.clone(), text(item))).collect(),
            )),
            other => Some(Self::One(text(other))),
        }
    }
}

/// A scalar as it is, anything else as JSON. A whole number is written as one: JSON Schema takes `1.0` for an integer, an
/// API that reads its path does not.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(number) => whole(number).unwrap_or_else(|| number.to_string()),
        other => other.to_string(),
    }
}

/// The digits of a whole number that was written with a fraction, as far as a float is exact.
fn whole(number: &Number) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64().filter(|_| number.is_f64())?;
    let is_whole = float.fract() == 0.0 && float.abs() <= EXACT;
    // Without the sign of a negative zero.
    is_whole.then(|| format!("{:.0}", float + 0.0))
}

/// The text that stands in the path in place of `{name}`; none if the value is undefined.
pub(super) fn in_path(parameter: &Parameter, value: &Value) -> Option<String> {
    let shape = Shape::of(parameter, value)?;
    let name = strict(&parameter.name);
    let joined = |separator: &str| join(&shape, separator, parameter.explode, strict);
    Some(match (parameter.style, parameter.explode) {
        (Style::Label, false) => format!(".{}", joined(",")),
        (Style::Label, true) => format!(".{}", joined(".")),
        (Style::Matrix, _) => matrix(&shape, &name, parameter.explode),
        _ => joined(","),
    })
}

/// The text of a header; nothing is encoded there.
pub(super) fn in_header(parameter: &Parameter, value: &Value) -> Option<String> {
    let shape = Shape::of(parameter, value)?;
    Some(join(&shape, ",", parameter.explode, ToOwned::to_owned))
}

/// The `name=value` pairs of a query or a cookie, encoded.
pub(super) fn pairs(parameter: &Parameter, value: &Value) -> Vec<(String, String)> {
    let encode = if parameter.allow_reserved {
        reserved
    } else {
        strict
    };
    let name = strict(&parameter.name);
    if parameter.style == Style::DeepObject && !parameter.json {
        let mut pairs = Vec::new();
        deep(&parameter.name, value, encode, &mut pairs);
        return pairs;
    }
    let Some(shape) = Shape::of(parameter, value) else {
        return Vec::new();
    };
    let separator = match parameter.style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    match (parameter.explode, shape) {
        (true, Shape::List(items)) => items.iter().map(|item| (name.clone(), encode(item))).collect(),
        (true, Shape::Fields(fields)) => fields
            .iter()
            .map(|(key, item)| (strict(key), encode(item)))
            .collect(),
        (_, shape) => vec![(name, join(&shape, separator, false, encode))],
    }
}

fn join(shape: &Shape, separator: &str, explode: bool, encode: fn(&str) -> String) -> String {
    let between = if explode { "=" } else { separator };
    match shape {
        Shape::One(text) => encode(text),
        Shape::List(items) => items
            .iter()
            .map(|item| encode(item))
            .collect::<Vec<_>>()
            .join(separator),
        Shape::Fields(fields) => fields
            .iter()
            .map(|(key, item)| format!("{}{between}{}", encode(key), encode(item)))
            .collect::<Vec<_>>()
            .join(separator),
    }
}

fn matrix(shape: &Shape, name: &str, explode: bool) -> String {
    match (shape, explode) {
        (Shape::One(text), _) if text.is_empty() => format!(";{name}"),
        (Shape::List(items), true) => items
            .iter()
            .map(|item| format!(";{name}={}", strict(item)))
            .collect(),
        (Shape::Fields(fields), true) => fields
            .iter()
            .map(|(key, item)| format!(";{}={}", strict(key), strict(item)))
            .collect(),
        _ => format!(";{name}={}", join(shape, ",", false, strict)),
    }
}

fn deep(path: &str, value: &Value, encode: fn(&str) -> String, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            map.iter()
                .for_each(|(key, item)| deep(&format!("{path}[{key}]"), item, encode, pairs));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, item)| deep(&format!("{path}[{i}]"), item, encode, pairs));
        }
        scalar => pairs.push((strict(path), encode(&text(scalar)))),
    }
}

fn strict(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// Triplets that are there already stay as well (RFC 6570, section 3.2.3).
fn reserved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.extend(utf8_percent_encode(before, RESERVED));
        let is_triplet = after
            .get(..2)
            .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        out.push_str(if is_triplet { "%" } else { "%25" });
        rest = after;
    }
    out.extend(utf8_percent_encode(rest, RESERVED));
    out
}

#[cfg(test)]
mod tests;
