//! Finds everything that is wrong with the structure of a description, before anything is made of it.
//!
//! Tolerant where real descriptions deviate without harm: unknown members, missing titles and descriptions, a path
//! parameter that does not say `required`. Strict where a tool would be wrong or missing.

mod operation;
mod references;
mod schema;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use self::operation::Checker;
use super::document::Document;
use super::pointer::{Faults, Pointer};
use super::server;
use super::site::{self, METHODS};

/// Notes every fault of the description.
pub(super) fn check(document: &Document, faults: &mut Faults) {
    let root = Pointer::Text("");
    if !document.root().is_object() {
        return;
    }
    references::check(document, faults);
    server::check(document.root().get("servers"), &root.key("servers"), faults);
    let mut checker = Checker::new(document, faults);
    check_paths(document, &mut checker);
    check_components(document, &mut checker);
    check_ids(document, faults);
}

fn check_paths(document: &Document, checker: &mut Checker<'_, '_>) {
    let root = Pointer::Text("");
    let at = root.key("paths");
    let Some(paths) = document.root().get("paths").and_then(Value::as_object) else {
        checker
            .faults
            .expected(at, "an object of paths", document.root().get("paths"));
        return;
    };
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        let at = at.key(path);
        if !path.starts_with('/') {
            checker.faults.add(at, "expected a path that begins with `/`");
        } else if let Some(members) = item.as_object() {
            check_item(checker, members, path, &at);
        } else {
            checker.faults.expected(at, "a path item (object)", Some(item));
        }
    }
}

fn check_item(
    checker: &mut Checker<'_, '_>,
    item: &serde_json::Map<String, Value>,
    path: &str,
    at: &Pointer<'_>,
) {
    server::check(item.get("servers"), &at.key("servers"), checker.faults);
    checker.parameters(item.get("parameters"), &at.key("parameters"));
    for method in METHODS {
        match item.get(method) {
            None => {}
            Some(Value::Object(operation)) => checker.operation(item, operation, path, &at.key(method)),
            found => checker
                .faults
                .expected(at.key(method), "an operation (object)", found),
        }
    }
}

/// Reusable objects, each at its own place, so that a fault is told once however often it is used.
fn check_components(document: &Document, checker: &mut Checker<'_, '_>) {
    for kind in ["schemas", "parameters", "requestBodies", "responses"] {
        let pointer = document.components_pointer(kind);
        let at = Pointer::Text(&pointer);
        for (name, member) in document.components(kind).into_iter().flatten() {
            let at = at.key(name);
            match kind {
                "schemas" => schema::check(member, document.version(), &at, checker.faults),
                "parameters" => _ = checker.parameter(member, &at),
                "requestBodies" => checker.body(member, &at),
                _ => checker.response(member, &at),
            }
        }
    }
}

/// Operation ids are unique; a path item that two paths share is one place.
fn check_ids(document: &Document, faults: &mut Faults) {
    let mut first: HashMap<&str, &str> = HashMap::new();
    let mut places = HashSet::new();
    let sites = site::list(document);
    for site in sites.iter().filter(|site| places.insert(&site.pointer)) {
        let Some(id) = site.operation.get("operationId") else {
            continue;
        };
        let at = format!("{}/operationId", site.pointer);
        let Some(id) = id.as_str() else {
            faults.expected(at, "a string", Some(id));
            continue;
        };
        match first.get(id) {
            Some(other) => faults.add(
                at,
                format!("expected a unique id, found `{id}`, which {other} has too"),
            ),
            None => _ = first.insert(id, &site.pointer),
        }
    }
}
