//! `allOf`, `anyOf`, `oneOf` and discriminators.
//!
//! A schema that lists its variants, each of which inherits from it by `allOf`, is a circle that no validator can
//! walk. It is what generators write for class hierarchies, and means: the variant has the members of the base.
//! So within such a circle `allOf` refers to a second definition of the base, without the alternatives.

use std::collections::HashSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::{Schemas, Scope, Side, Target};
use crate::openapi::document::reference;
use crate::openapi::pointer::Pointer;

impl Schemas<'_> {
    /// Adds the compositions of `schema` to `out`.
    pub(super) fn compose(
        &mut self,
        schema: &Map<String, Value>,
        out: &mut Map<String, Value>,
        scope: Scope<'_>,
    ) {
        if let Some(parts) = list(schema, "allOf") {
            let hidden = self.hidden(schema, scope);
            let inner = Scope {
                hidden: Some(&hidden),
                ..scope
            };
            let parts: Vec<Value> = parts.iter().filter_map(|part| self.part(part, inner)).collect();
            if !parts.is_empty() {
                out.insert("allOf".to_owned(), Value::Array(parts));
            }
        }
        if scope.target.is_some_and(|target| target.base) {
            return;
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(variants) = list(schema, key) {
                let (key, variants) = self.variants(schema, key, variants, scope);
                match out.get_mut(key) {
                    // Both keywords became `anyOf`: both must hold.
                    Some(_) => push_all_of(out, json!({key: variants})),
                    None => _ = out.insert(key.to_owned(), Value::Array(variants)),
                }
            }
        }
    }

    /// One part of an `allOf`; nothing where it is the schema itself.
    fn part(&mut self, part: &Value, scope: Scope<'_>) -> Option<Value> {
        let (Some(target), Some(here)) = (reference(part), scope.target) else {
            return Some(self.convert_in(part, scope));
        };
        let Ok(located) = self.document.at(target) else {
            return Some(self.convert_in(part, scope));
        };
        if !self.reachable(&located.pointer).contains(&here.pointer) {
            return Some(self.convert_in(part, scope));
        }
        let itself = *here
            == Target {
                pointer: located.pointer,
                base: true,
            };
        let name = self.name_of(target, true).filter(|_| !itself)?;
        Some(json!({"$ref": format!("#/$defs/{name}")}))
    }

    /// The alternatives, and the keyword that joins them. Exactly one may match only where upstream's
    /// discriminator is expressed: it tells alternatives apart that a validator could not.
    fn variants<'k>(
        &mut self,
        schema: &Map<String, Value>,
        key: &'k str,
        variants: &[Value],
        scope: Scope<'_>,
    ) -> (&'k str, Vec<Value>) {
        let inner = Scope {
            hidden: None,
            ..scope
        };
        if self.side == Side::Output {
            return (
                "anyOf",
                variants
                    .iter()
                    .map(|variant| self.convert_in(variant, inner))
                    .collect(),
            );
        }
        let discriminator = schema
            .get("discriminator")
            .and_then(|d| Some((d.get("propertyName")?.as_str()?, d)));
        let Some((property, discriminator)) = discriminator else {
            return (
                key,
                variants
                    .iter()
                    .map(|variant| self.convert_in(variant, inner))
                    .collect(),
            );
        };
        let mut told_apart = true;
        let mut converted = Vec::with_capacity(variants.len());
        for variant in variants {
            let plain = self.convert_in(variant, inner);
            if self.tells_itself(variant, property) {
                converted.push(plain);
                continue;
            }
            let values = mapped(discriminator, variant);
            told_apart &= !values.is_empty();
            converted.push(with_value(plain, property, &values));
        }
        (if told_apart { key } else { "anyOf" }, converted)
    }

    /// Whether the variant restricts the discriminating property by itself.
    fn tells_itself(&self, variant: &Value, property: &str) -> bool {
        let Ok(variant) = self.document.follow(variant, &Pointer::Text("")) else {
            return false;
        };
        let own = variant
            .value
            .get("properties")
            .and_then(|properties| properties.get(property));
        own.is_some_and(|schema| schema.get("enum").is_some() || schema.get("const").is_some())
    }

    /// Pointers of all schemas that describe the same value as the one at `pointer`.
    fn reachable(&mut self, pointer: &str) -> Rc<HashSet<String>> {
        if let Some(known) = self.reach.get(pointer) {
            return Rc::clone(known);
        }
        let mut found = HashSet::new();
        let mut pending = vec![pointer.to_owned()];
        while let Some(next) = pending.pop() {
            if let Ok(located) = self.document.at(&format!("#{}", percent(&next))) {
                let mut references = Vec::new();
                in_place(located.value, &mut references);
                let targets = references
                    .into_iter()
                    .filter_map(|target| self.document.at(target).ok());
                pending.extend(
                    targets
                        .map(|target| target.pointer)
                        .filter(|p| found.insert(p.clone())),
                );
            }
        }
        let found = Rc::new(found);
        self.reach.insert(pointer.to_owned(), Rc::clone(&found));
        found
    }
}

/// The references that describe the same value as `schema`.
fn in_place<'v>(schema: &'v Value, references: &mut Vec<&'v str>) {
    references.extend(reference(schema));
    let Some(members) = schema.as_object() else { return };
    for key in ["allOf", "anyOf", "oneOf"] {
        list(members, key)
            .into_iter()
            .flatten()
            .for_each(|part| in_place(part, references));
    }
}

/// A percent sign in a pointer would be decoded in a reference.
fn percent(pointer: &str) -> String {
    pointer.replace('%', "%25")
}

fn list<'v>(schema: &'v Map<String, Value>, key: &str) -> Option<&'v [Value]> {
    schema
        .get(key)
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty())
        .map(Vec::as_slice)
}

/// The values of the discriminating property that stand for `variant`.
fn mapped(discriminator: &Value, variant: &Value) -> Vec<String> {
    let Some(target) = reference(variant) else {
        return Vec::new();
    };
    let name = target.rsplit('/').next().unwrap_or_default();
    let mapping = discriminator
        .get("mapping")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    mapping
        .filter(|(_, to)| to.as_str().is_some_and(|to| to == target || to == name))
        .map(|(value, _)| value.clone())
        .collect()
}

fn with_value(schema: Value, property: &str, values: &[String]) -> Value {
    let value = match values {
        [] => return schema,
        [one] => json!({"const": one}),
        several => json!({"enum": several}),
    };
    json!({"allOf": [schema, {"properties": {property: value}, "required": [property]}]})
}

/// Adds one more schema that must hold.
pub(super) fn push_all_of(schema: &mut Map<String, Value>, part: Value) {
    match schema.get_mut("allOf") {
        Some(Value::Array(parts)) => parts.push(part),
        _ => _ = schema.insert("allOf".to_owned(), json!([part])),
    }
}
