//! The description as a value, its version, and its references.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::pointer::{Faults, Pointer, escape, unescape};

/// Longest chain of references to references.
const MAX_HOPS: usize = 32;

/// The version of the specification that a description follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Swagger 2.0.
    Swagger2,
    /// OpenAPI 3.0.
    V30,
    /// OpenAPI 3.1, and 3.2, which adds to it.
    V31,
}

/// Why a reference leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// It points into another file or address, or to an anchor.
    Foreign(String),
    /// Nothing is there.
    Missing,
    /// It leads back to itself.
    Circular,
}

/// A value, and where it stands.
pub(super) struct Located<'d> {
    /// The value.
    pub(super) value: &'d Value,
    /// JSON pointer to it.
    pub(super) pointer: String,
}

/// A parsed description.
pub(super) struct Document {
    root: Value,
    version: Version,
}

impl Document {
    /// Takes a parsed description and notes a fault where its version is not one that is understood.
    pub(super) fn new(root: Value, faults: &mut Faults) -> Self {
        let version = version(&root, faults);
        Self { root, version }
    }

    /// The version it follows.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The whole description.
    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// Its title, or nothing.
    pub(super) fn title(&self) -> &str {
        self.root
            .pointer("/info/title")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The path items by path, without extensions.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &Value)> {
        let paths = self.root.get("paths").and_then(Value::as_object);
        paths
            .into_iter()
            .flatten()
            .filter(|(path, _)| path.starts_with('/'))
            .map(|(p, item)| (p.as_str(), item))
    }

    /// The map of reusable objects of one kind, by the name that OpenAPI 3 gives the kind.
    pub(super) fn components(&self, kind: &str) -> Option<&Map<String, Value>> {
        self.root
            .pointer(&self.components_pointer(kind))
            .and_then(Value::as_object)
    }

    /// Where reusable objects of one kind stand.
    pub(super) fn components_pointer(&self, kind: &str) -> String {
        match (self.version, kind) {
            (Version::Swagger2, "schemas") => "/definitions".to_owned(),
            (Version::Swagger2, "securitySchemes") => "/securityDefinitions".to_owned(),
            (Version::Swagger2, kind) => format!("/{kind}"),
            (_, kind) => format!("/components/{kind}"),
        }
    }

    /// What `reference` (a URI with a fragment) points to; one hop.
    ///
    /// # Errors
    /// Why it leads nowhere.
    pub(super) fn at(&self, reference: &str) -> Result<Located<'_>, Unresolved> {
        self.walk(reference, MAX_HOPS)
    }

    /// `value` itself, or what it refers to, over any number of hops. The pointer is that of the target, or
    /// `pointer` when `value` is no reference.
    ///
    /// # Errors
    /// Why a reference leads nowhere.
    pub(super) fn follow<'d>(
        &'d self,
        value: &'d Value,
        pointer: &Pointer<'_>,
    ) -> Result<Located<'d>, Unresolved> {
        let Some(mut reference) = reference(value) else {
            return Ok(Located {
                value,
                pointer: pointer.to_string(),
            });
        };
        for _ in 0..MAX_HOPS {
            let target = self.at(reference)?;
            match self::reference(target.value) {
                Some(next) => reference = next,
                None => return Ok(target),
            }
        }
        Err(Unresolved::Circular)
    }

    fn walk(&self, reference: &str, hops: usize) -> Result<Located<'_>, Unresolved> {
        let fragment = reference
            .strip_prefix('#')
            .ok_or_else(|| Unresolved::Foreign(reference.to_owned()))?;
        let path = percent_decode_str(fragment).decode_utf8_lossy();
        if !path.is_empty() && !path.starts_with('/') {
            return Err(Unresolved::Foreign(reference.to_owned()));
        }
        let mut here = Located {
            value: &self.root,
            pointer: String::new(),
        };
        for token in path.split('/').skip(1).map(unescape) {
            here = match step(&here, &token) {
                Some(next) => next,
                None => {
                    // A reference may point through another one, where a bundler put it.
                    let through = self::reference(here.value).ok_or(Unresolved::Missing)?;
                    let hops = hops.checked_sub(1).ok_or(Unresolved::Circular)?;
                    step(&self.walk(through, hops)?, &token).ok_or(Unresolved::Missing)?
                }
            };
        }
        Ok(here)
    }
}

fn step<'d>(here: &Located<'d>, token: &str) -> Option<Located<'d>> {
    let value = match here.value {
        Value::Object(members) => members.get(token)?,
        Value::Array(items) => items.get(token.parse::<usize>().ok()?)?,
        _ => return None,
    };
    Some(Located {
        value,
        pointer: format!("{}/{}", here.pointer, escape(token)),
    })
}

/// The reference that a value is, if it is one.
pub(super) fn reference(value: &Value) -> Option<&str> {
    value.get("$ref").and_then(Value::as_str)
}

fn version(root: &Value, faults: &mut Faults) -> Version {
    const EXPECTED: &str = "`openapi: 3.0.x`, `openapi: 3.1.x` or `swagger: \"2.0\"`";
    let (key, found) = match (root.get("openapi"), root.get("swagger")) {
        (Some(found), _) => ("/openapi", found),
        (None, Some(found)) => ("/swagger", found),
        (None, None) => {
            let (pointer, found) = if root.is_object() {
                ("/openapi", None)
            } else {
                ("", Some(root))
            };
            faults.expected(pointer, EXPECTED, found);
            return Version::V31;
        }
    };
    // YAML without quotes makes a number of it.
    let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
    match (key, text.as_str()) {
        ("/openapi", t) if is_minor(t, "3.0") => Version::V30,
        ("/openapi", t) if is_minor(t, "3.1") || is_minor(t, "3.2") => Version::V31,
        ("/swagger", t) if is_minor(t, "2.0") || t == "2" => Version::Swagger2,
        _ => {
            faults.add(key, format!("expected {EXPECTED}, found {found}"));
            Version::V31
        }
    }
}

fn is_minor(text: &str, minor: &str) -> bool {
    text.strip_prefix(minor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}
