//! Schemas within a bound on their size. What is cut off becomes `{}`, which is true of every value; keywords that
//! would turn that into a refusal go.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::closure::references;
use super::walk;

/// Deepest schema that is tried when one is too long as it is.
const DEPTHS: [usize; 8] = [12, 9, 7, 6, 5, 4, 3, 2];

/// Deepest nesting of the schema's JSON text: parsers refuse what is deeper than 128, and it is sent inside more.
const MAX_NESTING: usize = 100;

/// The schema, cut at the greatest depth that makes it short and flat enough.
pub(super) fn fit(schema: Value, max_bytes: usize) -> Value {
    let fits = |schema: &Value| walk::bytes(schema) <= max_bytes && is_flat(schema, MAX_NESTING);
    if fits(&schema) {
        return schema;
    }
    let mut shorter = schema;
    relax(&mut shorter);
    for depth in DEPTHS {
        cut_below(&mut shorter, depth);
        drop_unused(&mut shorter);
        if fits(&shorter) {
            return shorter;
        }
    }
    cut_below(&mut shorter, 1);
    drop_unused(&mut shorter);
    shorter
}

fn is_flat(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| is_flat(item, left - 1)),
        Value::Object(members) => left > 0 && members.values().all(|member| is_flat(member, left - 1)),
        _ => true,
    }
}

fn cut_below(schema: &mut Value, depth: usize) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if depth > 0 {
        // A definition stands as deep as where it is used at best: directly below the root.
        walk::each_mut(members, &mut |inner| cut_below(inner, depth - 1));
        return;
    }
    let kept = members
        .shift_remove("description")
        .map(|text| ("description".to_owned(), text));
    *members = Map::from_iter(kept);
}

fn drop_unused(schema: &mut Value) {
    let mut used = HashSet::new();
    let Some(definitions) = schema.get("$defs").and_then(Value::as_object) else {
        return;
    };
    let mut outer = schema.clone();
    _ = outer
        .as_object_mut()
        .and_then(|members| members.shift_remove("$defs"));
    let mut pending = references(&outer);
    while let Some(name) = pending.pop() {
        if used.insert(name.to_string())
            && let Some(definition) = definitions.get(&*name)
        {
            pending.extend(references(definition));
        }
    }
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        definitions.retain(|name, _| used.contains(name));
    }
}

/// Removes the keywords by which a looser schema inside makes a stricter one outside.
pub(super) fn relax(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    members.retain(|key, _| {
        !matches!(
            key.as_str(),
            "not" | "if" | "then" | "else" | "unevaluatedProperties" | "unevaluatedItems" | "maxContains"
        )
    });
    if let Some(variants) = members.shift_remove("oneOf") {
        if members.contains_key("anyOf") {
            super::compose::push_all_of(members, serde_json::json!({"anyOf": variants}));
        } else {
            members.insert("anyOf".to_owned(), variants);
        }
    }
    walk::each_mut(members, &mut relax);
}
