//! Operations, their parameters, bodies and responses.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::schema;
use crate::openapi::document::{Document, Located, Version};
use crate::openapi::pointer::{Faults, Pointer};
use crate::openapi::server;

/// Checks operations, and whatever they refer to once only.
pub(super) struct Checker<'d, 'f> {
    document: &'d Document,
    /// Where faults go.
    pub(super) faults: &'f mut Faults,
    seen: HashSet<String>,
}

impl<'d, 'f> Checker<'d, 'f> {
    /// A checker that has seen nothing.
    pub(super) fn new(document: &'d Document, faults: &'f mut Faults) -> Self {
        Self {
            document,
            faults,
            seen: HashSet::new(),
        }
    }

    /// One operation of `path`.
    pub(super) fn operation(
        &mut self,
        item: &Map<String, Value>,
        operation: &Map<String, Value>,
        path: &str,
        at: &Pointer<'_>,
    ) {
        server::check(operation.get("servers"), &at.key("servers"), self.faults);
        self.parameters(operation.get("parameters"), &at.key("parameters"));
        self.template(item, operation, path, at);
        if let Some(body) = operation.get("requestBody")
            && self.document.version() != Version::Swagger2
        {
            self.body(body, &at.key("requestBody"));
        }
        match operation.get("responses") {
            Some(Value::Object(responses)) => {
                for (code, response) in responses.iter().filter(|(code, _)| !code.starts_with("x-")) {
                    self.response(response, &at.key("responses").key(code));
                }
            }
            None if self.document.version() == Version::V31 => {}
            found => self
                .faults
                .expected(at.key("responses"), "an object of responses", found),
        }
    }

    /// A list of parameters: each one good, none twice.
    pub(super) fn parameters(&mut self, list: Option<&Value>, at: &Pointer<'_>) {
        let Some(list) = list else { return };
        let Some(parameters) = list.as_array() else {
            self.faults.expected(at, "an array of parameters", Some(list));
            return;
        };
        let mut first: HashMap<(String, String), usize> = HashMap::new();
        for (index, parameter) in parameters.iter().enumerate() {
            let at = at.index(index);
            let Some(key) = self.parameter(parameter, &at) else {
                continue;
            };
            match first.get(&key) {
                Some(&other) if parameters.get(other) != Some(parameter) => self.faults.add(
                    at,
                    format!(
                        "expected each parameter once, found `{}` in {} again (see {other})",
                        key.1, key.0
                    ),
                ),
                _ => _ = first.insert(key, index),
            }
        }
    }

    /// One parameter; its place and name, where it has both.
    pub(super) fn parameter(&mut self, parameter: &Value, at: &Pointer<'_>) -> Option<(String, String)> {
        let document = self.document;
        let Located { value, pointer } = document.follow(parameter, at).ok()?;
        let new = self.seen.insert(pointer.clone());
        let at = Pointer::Text(&pointer);
        let Some(members) = value.as_object() else {
            self.once(new, |faults| {
                faults.expected(at, "a parameter (object)", Some(value))
            });
            return None;
        };
        let places: &[&str] = match document.version() {
            Version::Swagger2 => &["path", "query", "header", "formData", "body"],
            Version::V30 => &["path", "query", "header", "cookie"],
            Version::V31 => &["path", "query", "header", "cookie", "querystring"],
        };
        let name = members
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty());
        let place = members
            .get("in")
            .and_then(Value::as_str)
            .filter(|place| places.contains(place));
        if new {
            if name.is_none() {
                self.faults
                    .expected(at.key("name"), "the parameter's name", members.get("name"));
            }
            if place.is_none() {
                let found = members
                    .get("in")
                    .map_or_else(|| "nothing".to_owned(), Value::to_string);
                self.faults.add(
                    at.key("in"),
                    format!("expected one of {}, found {found}", places.join(", ")),
                );
            }
            self.parameter_schema(members, &at);
        }
        Some((place?.to_owned(), name?.to_owned()))
    }

    fn parameter_schema(&mut self, members: &Map<String, Value>, at: &Pointer<'_>) {
        let version = self.document.version();
        if let Some(inner) = members.get("schema") {
            schema::check(inner, version, &at.key("schema"), self.faults);
        }
        if version == Version::Swagger2 && members.get("in").and_then(Value::as_str) == Some("body") {
            if !members.contains_key("schema") {
                self.faults
                    .expected(at.key("schema"), "the schema of the body", None);
            }
        } else if version == Version::Swagger2
            && let Some(items) = members.get("items")
        {
            schema::check(items, version, &at.key("items"), self.faults);
        }
        self.content(members.get("content"), &at.key("content"));
    }

    /// Every variable of the path is a parameter.
    fn template(
        &mut self,
        item: &Map<String, Value>,
        operation: &Map<String, Value>,
        path: &str,
        at: &Pointer<'_>,
    ) {
        let Some(variables) = variables(path) else {
            self.faults.add(
                at,
                format!("expected each `{{` of the path to be closed, found `{path}`"),
            );
            return;
        };
        let lists = [item, operation].map(|level| level.get("parameters").and_then(Value::as_array));
        let mut given = HashSet::new();
        for parameter in lists.into_iter().flatten().flatten() {
            // What is wrong with a parameter is told elsewhere; it may be the one that is looked for.
            let Ok(parameter) = self.document.follow(parameter, at) else {
                return;
            };
            let member = |key| parameter.value.get(key).and_then(Value::as_str);
            let (Some(name), Some(place)) = (member("name"), member("in")) else {
                return;
            };
            if place == "path" {
                given.insert(name);
            }
        }
        for variable in variables.into_iter().filter(|variable| !given.contains(variable)) {
            self.faults.add(
                at,
                format!("expected a path parameter `{variable}`, as `{path}` says, found none"),
            );
        }
    }

    /// A request body.
    pub(super) fn body(&mut self, body: &Value, at: &Pointer<'_>) {
        let document = self.document;
        let Ok(Located { value, pointer }) = document.follow(body, at) else {
            return;
        };
        let new = self.seen.insert(pointer.clone());
        let at = Pointer::Text(&pointer);
        match value.get("content") {
            Some(content) if new => self.content(Some(content), &at.key("content")),
            found @ None => {
                self.once(new, |faults| {
                    faults.expected(at.key("content"), "media types", found)
                });
            }
            Some(_) => {}
        }
    }

    /// A response.
    pub(super) fn response(&mut self, response: &Value, at: &Pointer<'_>) {
        let document = self.document;
        let Ok(Located { value, pointer }) = document.follow(response, at) else {
            return;
        };
        let at = Pointer::Text(&pointer);
        if !self.seen.insert(pointer.clone()) {
            return;
        }
        if !value.is_object() {
            self.faults.expected(at, "a response (object)", Some(value));
        } else if document.version() == Version::Swagger2 {
            if let Some(inner) = value.get("schema") {
                schema::check(inner, document.version(), &at.key("schema"), self.faults);
            }
        } else {
            self.content(value.get("content"), &at.key("content"));
        }
    }

    fn content(&mut self, content: Option<&Value>, at: &Pointer<'_>) {
        let Some(content) = content else { return };
        let Some(types) = content.as_object() else {
            self.faults
                .expected(at, "an object of media types", Some(content));
            return;
        };
        for (name, media) in types.iter().filter(|(name, _)| !name.starts_with("x-")) {
            let at = at.key(name);
            if !media.is_object() {
                self.faults.expected(at, "a media type (object)", Some(media));
            } else if let Some(inner) = media.get("schema") {
                schema::check(inner, self.document.version(), &at.key("schema"), self.faults);
            }
        }
    }

    fn once(&mut self, new: bool, note: impl FnOnce(&mut Faults)) {
        if new {
            note(self.faults);
        }
    }
}

/// The names between braces; nothing when a brace is not closed.
pub(in crate::openapi) fn variables(path: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        names.push(name);
        rest = tail;
    }
    Some(names)
}
