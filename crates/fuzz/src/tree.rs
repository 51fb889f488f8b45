//! Changes of a JSON tree.

use serde_json::{Map, Value, json};

use crate::Dice;

/// Names that mean something in a description, a schema or a JSON-RPC message.
const NAMES: [&str; 71] = [
    "$ref",
    "$defs",
    "$schema",
    "additionalProperties",
    "allOf",
    "allowReserved",
    "anyOf",
    "arguments",
    "basePath",
    "body",
    "collectionFormat",
    "components",
    "const",
    "consumes",
    "content",
    "contentType",
    "cookie",
    "default",
    "definitions",
    "dependentRequired",
    "deprecated",
    "description",
    "discriminator",
    "encoding",
    "enum",
    "example",
    "explode",
    "format",
    "formData",
    "header",
    "host",
    "id",
    "if",
    "in",
    "items",
    "jsonrpc",
    "maxLength",
    "maximum",
    "method",
    "name",
    "not",
    "nullable",
    "oneOf",
    "openapi",
    "operationId",
    "parameters",
    "params",
    "path",
    "pattern",
    "patternProperties",
    "properties",
    "propertyNames",
    "query",
    "readOnly",
    "required",
    "requestBody",
    "responses",
    "result",
    "schema",
    "schemas",
    "schemes",
    "servers",
    "style",
    "summary",
    "swagger",
    "tags",
    "then",
    "type",
    "url",
    "variables",
    "_meta",
];

/// Values of those, and texts that parsers stumble over.
const TEXTS: [&str; 72] = [
    "",
    " ",
    ".",
    "..",
    "../..",
    "%2e%2e",
    "%",
    "%zz",
    "/",
    "\\",
    "?",
    "#",
    "&a=b",
    "a+b",
    ";",
    ",",
    "{",
    "}",
    "{a}",
    "{{a}}",
    "\r\nX-Evil: 1",
    "\0",
    "\u{7f}",
    "\u{feff}",
    "\u{2028}",
    "\u{1f600}",
    "é",
    "a\tb",
    "#/",
    "#/paths",
    "#/components/schemas/A",
    "#/definitions/A",
    "#/$defs/A",
    "https://a.test/v1",
    "//b.test",
    "http://[::1]/",
    "/v2/",
    "https://{a}.test",
    "file:///etc",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/octet-stream",
    "text/plain",
    "*/*",
    "application/merge-patch+json",
    "string",
    "object",
    "array",
    "integer",
    "number",
    "boolean",
    "null",
    "simple",
    "label",
    "matrix",
    "form",
    "spaceDelimited",
    "pipeDelimited",
    "deepObject",
    "csv",
    "multi",
    "binary",
    "byte",
    "date-time",
    "2.0",
    "3.0.3",
    "3.1.0",
    "(a+)+$",
    "^[a-z]*$",
    "--devmesh-part-boundary",
    "tools/call",
];

/// One to three changes of the text's tree, written again; none where the text is no JSON.
pub(crate) fn changed(text: &str, dice: &mut Dice) -> Option<String> {
    let mut root: Value = serde_json::from_str(text).ok()?;
    for _ in 0..=dice.below(3) {
        change(&mut root, dice);
    }
    Some(root.to_string())
}

fn change(root: &mut Value, dice: &mut Dice) {
    let count = count(root);
    let other = nth(root, &mut dice.below(count)).cloned().unwrap_or_default();
    let Some(node) = nth(root, &mut dice.below(count)) else {
        return;
    };
    match (dice.below(6), node) {
        (0, node) => *node = scalar(dice),
        (1, node) => *node = other,
        (2, Value::Object(members)) => _ = members.shift_remove(&key(members, dice)),
        (2 | 3, Value::Array(items)) if !items.is_empty() => _ = items.remove(dice.below(items.len())),
        (3, Value::Object(members)) => {
            let value = members.shift_remove(&key(members, dice)).unwrap_or_default();
            members.insert(name(dice), value);
        }
        (4, Value::Object(members)) => _ = members.insert(name(dice), other),
        (4, Value::Array(items)) => items.push(other),
        (_, Value::String(text)) => text.insert_str(boundary(text, dice), dice.one_of::<&str>(&TEXTS)),
        (5, Value::Object(members)) => _ = members.insert(name(dice), scalar(dice)),
        (_, node) => {
            let inner = node.take();
            *node = if dice.below(2) == 0 {
                json!([inner])
            } else {
                json!({ name(dice): inner })
            };
        }
    }
}

fn boundary(text: &str, dice: &mut Dice) -> usize {
    text.floor_char_boundary(dice.below(text.len() + 1))
}

fn name(dice: &mut Dice) -> String {
    let names: &[&str] = if dice.below(8) == 0 { &TEXTS } else { &NAMES };
    (*dice.one_of(names)).to_owned()
}

fn key(members: &Map<String, Value>, dice: &mut Dice) -> String {
    let at = dice.below(members.len().max(1));
    members.keys().nth(at).cloned().unwrap_or_default()
}

fn scalar(dice: &mut Dice) -> Value {
    match dice.below(10) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(*dice.one_of(&[0_i64, 1, -1, 200, 4_294_967_296, i64::MIN, i64::MAX])),
        3 => json!(*dice.one_of(&[0.5, -0.0, 1e-7, 1e21, 1.797e308, 0.1 + 0.2])),
        4 => json!({}),
        5 => json!([]),
        6 | 7 => json!(*dice.one_of(&NAMES)),
        _ => json!(*dice.one_of(&TEXTS)),
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, left)),
        _ => None,
    }
}
