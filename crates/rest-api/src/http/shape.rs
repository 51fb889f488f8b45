//! Lists in the place of objects. serde reads a list as a struct, field by field, at any depth; what the API describes as
//! an object is refused here, for every body alike, by the description that the router itself gives. So is U+0000 in texts.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// The schemas of the description, by name.
static SCHEMAS: LazyLock<Value> = LazyLock::new(|| {
    let description = serde_json::to_value(super::description()).unwrap_or_default();
    description["components"]["schemas"].clone()
});

/// A body whose type the description does not name.
static OBJECT: LazyLock<Value> = LazyLock::new(|| json!({ "type": "object" }));

/// Where the body is not as described, with dots between levels, empty for the body itself; and what was expected. Only what
/// serde and the verbs do not see: a list instead of an object, and U+0000, which Postgres keeps in no text.
pub(super) fn misfit(body: &[u8], schema: &str) -> Option<(String, &'static str)> {
    let has_nul = body.windows(6).any(|six| six == br"\u0000");
    if !body.contains(&b'[') && !has_nul {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let schema = SCHEMAS.get(schema).unwrap_or(&OBJECT);
    find(&value, &alternatives(schema), "")
}

fn find(value: &Value, schemas: &[&Value], path: &str) -> Option<(String, &'static str)> {
    const TEXT: &str = "text without the character U+0000";
    match value {
        Value::Array(_) if !schemas.iter().any(|schema| takes_lists(schema)) => {
            Some((path.to_owned(), "expected an object"))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| {
            let schemas = within(schemas, |schema| schema.get("items"));
            find(item, &schemas, &format!("{path}[{at}]"))
        }),
        // What is not described is kept as JSON, in which it is an escape as any other.
        Value::String(text) if text.contains('\0') && is_described(schemas) => Some((path.to_owned(), TEXT)),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let schemas = within(schemas, |schema| {
                let named = schema.get("properties").and_then(|all| all.get(name));
                named.or_else(|| schema.get("additionalProperties"))
            });
            if name.contains('\0') && is_described(&schemas) {
                return Some((path.to_owned(), "names without the character U+0000"));
            }
            let dot = if path.is_empty() { "" } else { "." };
            find(member, &schemas, &format!("{path}{dot}{name}"))
        }),
        _ => None,
    }
}

fn is_described(schemas: &[&Value]) -> bool {
    schemas.iter().any(|schema| schema.get("type").is_some())
}

/// The schemas of a part of the value. None at all: it is not described, and may be anything.
fn within<'s>(schemas: &[&'s Value], part: impl Fn(&'s Value) -> Option<&'s Value>) -> Vec<&'s Value> {
    let parts = schemas.iter().filter_map(|schema| part(schema));
    let parts: Vec<_> = parts.flat_map(alternatives).collect();
    if parts.is_empty() {
        vec![&Value::Null]
    } else {
        parts
    }
}

/// The schema, or those that it is made of, behind their references.
fn alternatives(schema: &Value) -> Vec<&Value> {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return alternatives(&SCHEMAS[name]);
    }
    let several = ["oneOf", "anyOf", "allOf"];
    let mut parts = several
        .iter()
        .filter_map(|word| schema[word].as_array())
        .peekable();
    if parts.peek().is_none() {
        return vec![schema];
    }
    parts.flatten().flat_map(alternatives).collect()
}

fn takes_lists(schema: &Value) -> bool {
    match &schema["type"] {
        Value::String(one) => one == "array",
        Value::Array(several) => several.iter().any(|one| one == "array"),
        _ => true,
    }
}
