//! Turns the schemas of a description into JSON Schema 2020-12, each tool's complete in itself.
//!
//! A reference becomes `#/$defs/NAME`; [`Schemas::close`] then gathers the definitions that one tool needs, writes
//! the small ones in place and keeps the rest (recursive ones always) as `$defs`. Keywords are taken by an explicit
//! list with their types checked, so that what comes out always compiles.
//!
//! The two sides differ. Arguments are described as strictly as upstream describes them: an agent can mend a
//! mistake. Answers are described so that the schema holds for what upstreams really send: members may be missing or
//! null, enumerations may grow, several alternatives may match.

mod closure;
mod compose;
mod cycles;
mod keywords;
mod nullable;
mod prune;
mod visible;
mod walk;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value, json};

use self::closure::Definition;
use self::keywords::Patterns;
use super::document::{Document, Version, reference};
use super::name;
use super::prose;

/// Which way data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Arguments: `readOnly` goes, everything else is checked as described.
    Input,
    /// Answers: `writeOnly` goes, what upstreams break most is not claimed.
    Output,
}

/// Converts the schemas of one description for one side; definitions are converted once for all tools.
pub(super) struct Schemas<'d> {
    document: &'d Document,
    side: Side,
    max_bytes: usize,
    definitions: HashMap<Rc<str>, Rc<Definition>>,
    targets: HashMap<Rc<str>, Target>,
    reach: HashMap<String, Rc<HashSet<String>>>,
    recursive: HashMap<Rc<str>, bool>,
    patterns: Patterns,
    foreign: Option<String>,
}

/// What a definition is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::openapi::schema) struct Target {
    /// JSON pointer to the schema.
    pointer: String,
    /// Without its alternatives: what a variant inherits from the schema whose variant it is.
    base: bool,
}

/// Where a schema stands, as far as that changes what it becomes. Only compositions pass it on: they describe the
/// same value.
#[derive(Clone, Copy, Default)]
pub(in crate::openapi::schema) struct Scope<'s> {
    /// The definition that is being converted.
    target: Option<&'s Target>,
    /// Properties that a composition around this schema hides.
    hidden: Option<&'s HashSet<String>>,
}

/// A schema that stands by itself.
pub(super) struct Closed {
    /// The schema, with its `$defs`.
    pub(super) schema: Value,
    /// A reference into another document that it would need.
    pub(super) foreign: Option<String>,
}

impl<'d> Schemas<'d> {
    /// A converter whose schemas have at most `max_bytes` of JSON.
    pub(super) fn new(document: &'d Document, side: Side, max_bytes: usize) -> Self {
        Self {
            document,
            side,
            max_bytes,
            definitions: HashMap::new(),
            targets: HashMap::new(),
            reach: HashMap::new(),
            recursive: HashMap::new(),
            patterns: Patterns::default(),
            foreign: None,
        }
    }

    /// Whether the property is not for this side (`readOnly` in arguments, `writeOnly` in answers).
    pub(super) fn is_hidden(&self, property: &Value) -> bool {
        visible::is_hidden(self.document, self.side, property)
    }

    /// Converts a schema; what it refers to stays a reference into `$defs` until [`Self::close`].
    pub(super) fn convert(&mut self, schema: &Value) -> Value {
        self.convert_in(schema, Scope::default())
    }

    fn convert_in(&mut self, schema: &Value, scope: Scope<'_>) -> Value {
        match schema {
            Value::Bool(false) if self.side == Side::Input => json!({"not": {}}),
            Value::Object(members) => match reference(schema) {
                Some(target) => self.convert_reference(target, members, scope),
                None => Value::Object(self.convert_members(members, scope)),
            },
            _ => json!({}),
        }
    }

    fn convert_reference(&mut self, target: &str, members: &Map<String, Value>, scope: Scope<'_>) -> Value {
        let referred = match self.name_of(target, false) {
            Some(name) => json!({"$ref": format!("#/$defs/{name}")}),
            None => json!({}),
        };
        let mut beside = if self.document.version() == Version::V31 {
            let rest: Map<String, Value> = members
                .iter()
                .filter(|(key, _)| *key != "$ref")
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            self.convert_members(&rest, scope)
        } else {
            self.annotations(members)
        };
        if keywords::are_annotations(&beside) {
            keywords::merge_reference(&mut beside, referred);
        } else {
            compose::push_all_of(&mut beside, referred);
        }
        // Before 3.1, members beside a reference are ignored; `nullable` is the one that generators write there
        // and mean.
        if self.document.version() != Version::V31 && nullable::is_declared(members) {
            beside = self.allow_null(beside);
        }
        Value::Object(beside)
    }

    fn allow_null(&self, schema: Map<String, Value>) -> Map<String, Value> {
        match self.side {
            Side::Input => nullable::allow(schema),
            Side::Output => schema,
        }
    }

    /// The name of the definition for a reference, which is made where it is new. Nothing for a reference that
    /// leads out of the description; that is remembered.
    fn name_of(&mut self, reference: &str, base: bool) -> Option<Rc<str>> {
        let pointer = match self.document.at(reference) {
            Ok(located) => located.pointer,
            Err(_) => {
                self.foreign.get_or_insert_with(|| reference.to_owned());
                return None;
            }
        };
        let components = self.document.components_pointer("schemas");
        let target = Target { pointer, base };
        let mut name = definition_name(&target, &components);
        while self
            .targets
            .get(name.as_str())
            .is_some_and(|other| *other != target)
        {
            name = format!("{name}_{}", name::digest(&target.pointer, 6));
        }
        let name: Rc<str> = name.into();
        self.targets.insert(Rc::clone(&name), target);
        Some(name)
    }

    fn convert_members(&mut self, schema: &Map<String, Value>, scope: Scope<'_>) -> Map<String, Value> {
        let mut out = keywords::types(schema, self.side);
        for (key, value) in schema {
            if let Some((key, value)) = self.convert_member(schema, key, value, scope) {
                out.insert(key.to_owned(), value);
            }
        }
        keywords::finish(schema, &mut out, self.side);
        self.compose(schema, &mut out, scope);
        if nullable::is_declared(schema) {
            self.allow_null(out)
        } else {
            out
        }
    }

    /// One keyword, where it is kept. Types and compositions are apart.
    fn convert_member<'k>(
        &mut self,
        schema: &Map<String, Value>,
        key: &'k str,
        value: &Value,
        scope: Scope<'_>,
    ) -> Option<(&'k str, Value)> {
        let input = self.side == Side::Input;
        let converted = match key {
            "properties" => self.properties(schema, value, scope)?,
            "required" if input => self.required(schema, value, scope)?,
            "patternProperties" => self.pattern_properties(value)?,
            "dependentSchemas" if input => self.map(value)?,
            "items" if value.is_array() => return Some(("prefixItems", self.list(value)?)),
            "prefixItems" => self.list(value)?,
            "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems" if value.is_boolean() => {
                return (input && value == &Value::Bool(false)).then(|| (key, value.clone()));
            }
            "items" | "additionalProperties" => self.convert(value),
            "unevaluatedProperties"
            | "unevaluatedItems"
            | "not"
            | "if"
            | "then"
            | "else"
            | "contains"
            | "propertyNames"
                if input =>
            {
                self.convert(value)
            }
            "pattern" if input => self.patterns.compiles(value.as_str()?).then(|| value.clone())?,
            _ => keywords::plain(key, value, self.side)?,
        };
        Some((key, converted))
    }

    fn properties(&mut self, schema: &Map<String, Value>, value: &Value, scope: Scope<'_>) -> Option<Value> {
        let hidden = self.hidden(schema, scope);
        let mut out = Map::new();
        for (name, property) in value
            .as_object()?
            .iter()
            .filter(|(name, _)| !hidden.contains(*name))
        {
            out.insert(name.clone(), self.convert(property));
        }
        Some(Value::Object(out))
    }

    fn required(&mut self, schema: &Map<String, Value>, value: &Value, scope: Scope<'_>) -> Option<Value> {
        let hidden = self.hidden(schema, scope);
        let mut names: Vec<&str> = Vec::new();
        for name in value.as_array()?.iter().filter_map(Value::as_str) {
            if !hidden.contains(name) && !names.contains(&name) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| json!(names))
    }

    fn hidden(&self, schema: &Map<String, Value>, scope: Scope<'_>) -> HashSet<String> {
        let mut hidden = visible::hidden_names(self.document, self.side, schema);
        hidden.extend(scope.hidden.into_iter().flatten().cloned());
        hidden
    }

    fn pattern_properties(&mut self, value: &Value) -> Option<Value> {
        let mut out = Map::new();
        for (pattern, property) in value.as_object()? {
            if self.patterns.compiles(pattern) {
                out.insert(pattern.clone(), self.convert(property));
            }
        }
        Some(Value::Object(out))
    }

    fn map(&mut self, value: &Value) -> Option<Value> {
        let members = value.as_object()?.iter();
        Some(Value::Object(
            members
                .map(|(key, inner)| (key.clone(), self.convert(inner)))
                .collect(),
        ))
    }

    fn list(&mut self, value: &Value) -> Option<Value> {
        let list = value.as_array().filter(|list| !list.is_empty())?;
        Some(Value::Array(
            list.iter().map(|inner| self.convert(inner)).collect(),
        ))
    }

    /// Annotations of a place, without what it asserts.
    fn annotations(&self, schema: &Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::new();
        for key in ["description", "deprecated"] {
            if let Some(value) = schema
                .get(key)
                .and_then(|value| keywords::plain(key, value, self.side))
            {
                out.insert(key.to_owned(), value);
            }
        }
        out
    }
}

/// Longest description inside a schema of this side, in characters.
fn prose_limit(side: Side) -> usize {
    match side {
        Side::Input => prose::ARGUMENT,
        Side::Output => prose::ANSWER,
    }
}

/// The schema's own name where it has a clean one, else one with a hash of where it stands.
fn definition_name(target: &Target, components: &str) -> String {
    let token = target.pointer.rsplit('/').next().unwrap_or_default();
    let clean: String = token
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    let own = target
        .pointer
        .strip_prefix(components)
        .and_then(|rest| rest.strip_prefix('/'))
        == Some(&clean);
    let name = if own {
        clean
    } else {
        format!("{clean}_{}", name::digest(&target.pointer, 6))
    };
    if target.base { format!("{name}_base") } else { name }
}
