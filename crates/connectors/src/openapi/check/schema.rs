//! Schemas have the shape of schemas.

use serde_json::{Map, Value};

use crate::openapi::document::Version;
use crate::openapi::pointer::{Faults, Pointer};

const TYPES: [&str; 7] = [
    "string", "number", "integer", "boolean", "array", "object", "null",
];

/// Notes what keeps a value from being a schema, there and in everything inside it.
pub(super) fn check(value: &Value, version: Version, at: &Pointer<'_>, faults: &mut Faults) {
    match value {
        Value::Bool(_) if version == Version::V31 => {}
        Value::Object(schema) => check_members(schema, version, at, faults),
        _ => faults.expected(at, "a schema (object)", Some(value)),
    }
}

fn check_members(schema: &Map<String, Value>, version: Version, at: &Pointer<'_>, faults: &mut Faults) {
    for (key, value) in schema {
        let at = at.key(key);
        match key.as_str() {
            "$ref" if !value.is_string() => faults.expected(at, "a reference as a string", Some(value)),
            "type" => check_type(value, &at, faults),
            "properties" | "patternProperties" => match value.as_object() {
                Some(members) => {
                    members
                        .iter()
                        .for_each(|(name, inner)| check(inner, version, &at.key(name), faults));
                }
                None => faults.expected(at, "an object of schemas", Some(value)),
            },
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => match value.as_array() {
                Some(list) => check_list(list, version, &at, faults),
                None => faults.expected(at, "an array of schemas", Some(value)),
            },
            "items" => match value {
                Value::Array(list) => check_list(list, version, &at, faults),
                Value::Bool(_) => {}
                inner => check(inner, version, &at, faults),
            },
            "additionalProperties" | "not" if !value.is_boolean() => check(value, version, &at, faults),
            // Old generators write a boolean beside the property; that says nothing and harms nothing.
            "required" if !value.is_boolean() => check_names(value, &at, faults),
            "enum" if !value.is_array() => faults.expected(at, "an array of values", Some(value)),
            "pattern" if !value.is_string() => faults.expected(at, "a regular expression", Some(value)),
            _ => {}
        }
    }
}

fn check_list(list: &[Value], version: Version, at: &Pointer<'_>, faults: &mut Faults) {
    for (index, inner) in list.iter().enumerate() {
        check(inner, version, &at.index(index), faults);
    }
}

fn check_names(value: &Value, at: &Pointer<'_>, faults: &mut Faults) {
    let Some(names) = value.as_array() else {
        faults.expected(at, "an array of property names", Some(value));
        return;
    };
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !name.is_string()) {
        faults.expected(at.index(index), "a property name", Some(name));
    }
}

fn check_type(value: &Value, at: &Pointer<'_>, faults: &mut Faults) {
    match value {
        Value::String(name) => check_type_name(name, at, faults),
        Value::Array(names) => {
            for (index, name) in names.iter().enumerate() {
                match name.as_str() {
                    Some(name) => check_type_name(name, &at.index(index), faults),
                    None => faults.expected(at.index(index), "a type's name", Some(name)),
                }
            }
        }
        _ => faults.expected(at, "a type's name", Some(value)),
    }
}

/// `file` is Swagger's own; `any` is a common way to say nothing.
fn check_type_name(name: &str, at: &Pointer<'_>, faults: &mut Faults) {
    if !TYPES.contains(&name) && !["file", "any"].contains(&name) {
        faults.add(
            at,
            format!("expected one of {}, found `{name}`", TYPES.join(", ")),
        );
    }
}
