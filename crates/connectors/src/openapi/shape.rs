//! Whether an object body can be given property by property.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::document::{Document, Version, reference};
use super::pointer::Pointer;

/// Deepest nesting of `allOf` and references.
const MAX_DEPTH: usize = 16;

/// An object that its properties describe completely.
#[derive(Default)]
pub(super) struct Shape<'d> {
    /// The properties' schemas, as described.
    pub(super) properties: IndexMap<&'d str, &'d Value>,
    /// Those that must be given.
    pub(super) required: Vec<&'d str>,
    /// The schemas that have been added: a second time changes nothing.
    seen: HashSet<*const Value>,
}

/// The shape of a schema; nothing where more than its properties describes it (alternatives, further properties,
/// conditions, null), for which one argument has to be the whole object.
pub(super) fn of<'d>(document: &'d Document, schema: &'d Value) -> Option<Shape<'d>> {
    let mut shape = Shape::default();
    add(document, schema, &mut shape, 0)?;
    (!shape.properties.is_empty()).then_some(shape)
}

fn add<'d>(document: &'d Document, schema: &'d Value, shape: &mut Shape<'d>, depth: usize) -> Option<()> {
    if depth == MAX_DEPTH {
        return None;
    }
    let members = schema.as_object()?;
    if !shape.seen.insert(std::ptr::from_ref(schema)) {
        return Some(());
    }
    if reference(schema).is_some() {
        let target = document.follow(schema, &Pointer::Text("")).ok()?;
        if document.version() == Version::V31 {
            add_members(document, members, shape, depth)?;
        }
        return add(document, target.value, shape, depth + 1);
    }
    add_members(document, members, shape, depth)
}

fn add_members<'d>(
    document: &'d Document,
    members: &'d Map<String, Value>,
    shape: &mut Shape<'d>,
    depth: usize,
) -> Option<()> {
    for (key, value) in members {
        match key.as_str() {
            "properties" => {
                for (name, property) in value.as_object()? {
                    let known = shape.properties.insert(name, property);
                    if known.is_some_and(|known| known != property) {
                        return None;
                    }
                }
            }
            "required" => {
                let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                let new: Vec<_> = names.filter(|name| !shape.required.contains(name)).collect();
                shape.required.extend(new);
            }
            "allOf" => {
                value
                    .as_array()?
                    .iter()
                    .try_for_each(|part| add(document, part, shape, depth + 1))?;
            }
            // A variant inherits the discriminator of its base; the base itself has variants that are not listed.
            "discriminator" if depth == 0 => return None,
            key if says_more(key, value) => return None,
            _ => {}
        }
    }
    Some(())
}

fn says_more(key: &str, value: &Value) -> bool {
    match key {
        "type" => value != "object" && value.as_array().is_none_or(|types| *types != ["object"]),
        "additionalProperties" | "unevaluatedProperties" => value != &Value::Bool(false),
        "nullable" | "x-nullable" => value == &Value::Bool(true),
        "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "enum" | "const" | "patternProperties"
        | "propertyNames" | "minProperties" | "maxProperties" | "dependentRequired" | "dependentSchemas"
        | "items" => true,
        _ => false,
    }
}
