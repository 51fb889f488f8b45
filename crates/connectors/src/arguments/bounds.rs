//! Schemas come from strangers: what one may cost is bounded before it is compiled.
//!
//! A validator walks `$ref` and the keywords that apply to the same value (`allOf`, `anyOf` …) without getting any
//! further in the value. A cycle of those never ends, and a ladder of them doubles at every rung; both are found here.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Most bytes of a schema's text.
const MAX_BYTES: usize = 4 << 20;
/// Most applications of subschemas to one value.
const MAX_FAN_OUT: u64 = 20_000;
/// Longest chain of `$ref` and in-place keywords.
const MAX_CHAIN: usize = 200;

const IN_PLACE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const IN_PLACE: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords whose values are data, not schemas.
const DATA: [&str; 5] = ["const", "enum", "default", "example", "examples"];

/// Refuses a schema that is too large, loops, or explodes.
pub(super) fn check(schema: &Value, bytes: usize) -> Result<(), String> {
    if bytes > MAX_BYTES {
        return Err(format!("it has {bytes} bytes, more than {MAX_BYTES}"));
    }
    let mut walk = Walk {
        root: schema,
        fan_out: HashMap::new(),
    };
    walk.every_schema(schema, 0)
}

struct Walk<'a> {
    root: &'a Value,
    /// By address of the schema; none while it is being counted.
    fan_out: HashMap<*const Value, Option<u64>>,
}

impl<'a> Walk<'a> {
    fn every_schema(&mut self, node: &'a Value, depth: usize) -> Result<(), String> {
        if depth > MAX_CHAIN {
            return Err("it is nested too deeply".to_owned());
        }
        self.count(node, 0)?;
        match node {
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| !DATA.contains(&key.as_str()))
                .try_for_each(|(_, child)| self.every_schema(child, depth + 1)),
            Value::Array(items) => items
                .iter()
                .try_for_each(|child| self.every_schema(child, depth + 1)),
            _ => Ok(()),
        }
    }

    /// How many schemas apply to one value that this schema applies to.
    fn count(&mut self, node: &'a Value, chain: usize) -> Result<u64, String> {
        let Value::Object(map) = node else { return Ok(1) };
        match self.fan_out.get(&std::ptr::from_ref(node)) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err("it refers to itself without end".to_owned()),
            None if chain > MAX_CHAIN => return Err("its references form too long a chain".to_owned()),
            None => {}
        }
        self.fan_out.insert(std::ptr::from_ref(node), None);
        let mut total = 1_u64;
        for child in self.in_place(map) {
            total = total.saturating_add(self.count(child, chain + 1)?);
            if total > MAX_FAN_OUT {
                return Err("it applies too many schemas to one value".to_owned());
            }
        }
        self.fan_out.insert(std::ptr::from_ref(node), Some(total));
        Ok(total)
    }

    fn in_place(&self, map: &'a Map<String, Value>) -> Vec<&'a Value> {
        let lists = IN_PLACE_LISTS
            .iter()
            .filter_map(|key| map.get(*key)?.as_array())
            .flatten();
        let single = IN_PLACE.iter().filter_map(|key| map.get(*key));
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        let referenced = ["$ref", "$dynamicRef"]
            .iter()
            .filter_map(|key| self.resolve(map.get(*key)?.as_str()?));
        lists
            .chain(single)
            .chain(dependent.into_iter().flat_map(Map::values))
            .chain(referenced)
            .collect()
    }

    /// Only pointers into the same schema; other references are looked up by the compiler, which stays offline.
    fn resolve(&self, reference: &str) -> Option<&'a Value> {
        let fragment = reference.strip_prefix('#')?;
        let pointer = percent_encoding::percent_decode_str(fragment)
            .decode_utf8()
            .ok()?;
        self.root.pointer(&pointer)
    }
}

/// The schema without its regular expressions.
pub(super) fn without_patterns(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(key, value)| {
                    !(key.as_str() == "pattern" && value.is_string() || key.as_str() == "patternProperties")
                })
                .map(|(key, value)| {
                    let data = DATA.contains(&key.as_str());
                    (
                        key.clone(),
                        if data {
                            value.clone()
                        } else {
                            without_patterns(value)
                        },
                    )
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_patterns).collect()),
        other => other.clone(),
    }
}
