//! Arguments from the command line, as JSON.

use serde_json::{Map, Value};

use crate::failure::Failure;

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// A JSON object, or `@FILE` with one.
pub(super) fn whole(text: &str) -> Result<Map<String, Value>, Failure> {
    let read = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("--args {text}: {error}")))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&read)
        .map_err(|error| Failure::Usage(format!("--args: expected a JSON object: {error}")))
}

/// Each value as the schema's property wants it: a text stays one where a string is allowed. A name that comes
/// several times is a list.
pub(super) fn typed(pairs: &[(String, String)], schema: &Value) -> Result<Map<String, Value>, Failure> {
    let mut arguments = Map::new();
    for (name, text) in pairs {
        let property = schema
            .get("properties")
            .and_then(|properties| properties.get(name))
            .unwrap_or(&Value::Null);
        let several = pairs.iter().filter(|(other, _)| other == name).count() > 1;
        let is_list = takes(property, "array") && (several || !text.starts_with('['));
        if is_list || several {
            let item = value_of(text, property.get("items").unwrap_or(&Value::Null));
            match arguments
                .entry(name.clone())
                .or_insert_with(|| Value::Array(Vec::new()))
            {
                Value::Array(items) => items.push(item),
                _ => {
                    return Err(Failure::Usage(format!(
                        "--arg {name}: given as a list and as a value"
                    )));
                }
            }
        } else {
            arguments.insert(name.clone(), value_of(text, property));
        }
    }
    Ok(arguments)
}

fn value_of(text: &str, property: &Value) -> Value {
    let as_text = || Value::String(text.to_owned());
    match serde_json::from_str::<Value>(text) {
        Ok(value) if !takes(property, "string") && !value.is_string() => value,
        _ => as_text(),
    }
}

/// Whether the schema names this type. Behind `$ref` and `anyOf` it is not looked for: the value is read as JSON then.
fn takes(property: &Value, kind: &str) -> bool {
    match property.get("type") {
        Some(Value::String(only)) => only == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(pairs: &[(&str, &str)], schema: &Value) -> Value {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Value::Object(typed(&pairs, schema).unwrap())
    }

    #[test]
    fn values_are_read_as_the_schema_wants_them() {
        let schema = json!({"properties": {
            "zip": {"type": "string"}, "limit": {"type": "integer"}, "deep": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}}, "note": {"type": ["string", "null"]}}});
        let pairs = [
            ("zip", "08150"),
            ("limit", "5"),
            ("deep", "true"),
            ("tags", "1"),
            ("tags", "b"),
            ("note", "null"),
        ];
        assert_eq!(
            given(&pairs, &schema),
            json!({"zip": "08150", "limit": 5, "deep": true, "tags": ["1", "b"], "note": "null"})
        );
    }

    #[test]
    fn without_a_schema_json_is_json_and_the_rest_is_text() {
        assert_eq!(
            given(&[("a", "1"), ("b", "x y"), ("c", r#"{"d":[2]}"#)], &Value::Null),
            json!({"a": 1, "b": "x y", "c": {"d": [2]}})
        );
    }

    #[test]
    fn one_value_for_a_list_is_a_list_of_one() {
        let schema = json!({"properties": {"ids": {"type": "array", "items": {"type": "integer"}}}});
        assert_eq!(given(&[("ids", "7")], &schema), json!({"ids": [7]}));
        assert_eq!(given(&[("ids", "[7,8]")], &schema), json!({"ids": [7, 8]}));
    }
}
