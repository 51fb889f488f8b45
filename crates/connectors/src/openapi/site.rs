//! Where the operations stand.

use domain::provider::Skipped;
use serde_json::{Map, Value};

use super::document::{Document, Unresolved};
use super::operation;
use super::pointer::{Faults, Pointer, escape};

/// The methods that a path item may describe; anything else in it is not an operation.
pub(super) const METHODS: [&str; 9] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace", "query",
];

/// One operation of the description.
pub(super) struct Site<'d> {
    /// Upper-case method.
    pub(super) method: String,
    /// Path template.
    pub(super) path: &'d str,
    /// The path item that holds it.
    pub(super) item: &'d Map<String, Value>,
    /// The operation itself.
    pub(super) operation: &'d Map<String, Value>,
    /// JSON pointer to the operation.
    pub(super) pointer: String,
}

impl Site<'_> {
    /// `METHOD /path`.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The operation's id, where it has one.
    pub(super) fn id(&self) -> Option<&str> {
        self.operation.get("operationId").and_then(Value::as_str)
    }

    /// The operation's tags.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        let tags = self.operation.get("tags").and_then(Value::as_array);
        tags.into_iter().flatten().filter_map(Value::as_str)
    }
}

/// Every operation, by path and method. What is no operation is passed over: the check has told of it.
pub(super) fn list(document: &Document) -> Vec<Site<'_>> {
    let mut sites: Vec<_> = document
        .paths()
        .flat_map(|(path, item)| of_path(document, path, item))
        .collect();
    sites.sort_by(|a, b| (a.path, &a.method).cmp(&(b.path, &b.method)));
    sites
}

fn of_path<'d>(document: &'d Document, path: &'d str, item: &'d Value) -> Vec<Site<'d>> {
    let root = Pointer::Text("/paths");
    let Ok(item) = document.follow(item, &root.key(path)) else {
        return Vec::new();
    };
    let Some(members) = item.value.as_object() else {
        return Vec::new();
    };
    let named = METHODS.iter().filter_map(|method| {
        let pointer = format!("{}/{method}", item.pointer);
        Some((method.to_ascii_uppercase(), members.get(*method)?, pointer))
    });
    // OpenAPI 3.2 has operations with methods of other names.
    let more = members.get("additionalOperations").and_then(Value::as_object);
    let more = more.into_iter().flatten().map(|(method, operation)| {
        let pointer = format!("{}/additionalOperations/{}", item.pointer, escape(method));
        (method.clone(), operation, pointer)
    });
    let site = |(method, operation, pointer): (String, &'d Value, String)| {
        let operation = operation.as_object()?;
        Some(Site {
            method,
            path,
            item: members,
            operation,
            pointer,
        })
    };
    named.chain(more).filter_map(site).collect()
}

/// The path items that stand in other documents: what is in them is not known, so each is left out as one.
pub(super) fn elsewhere(document: &Document) -> Vec<Skipped> {
    let root = Pointer::Text("/paths");
    let foreign = document.paths().filter_map(|(path, item)| {
        let Err(Unresolved::Foreign(reference)) = document.follow(item, &root.key(path)) else {
            return None;
        };
        Some(Skipped {
            operation: path.to_owned(),
            reason: operation::foreign(&reference).0,
        })
    });
    foreign.collect()
}

/// Refuses a description with more operations than `most`.
pub(super) fn check_count(sites: &[Site<'_>], most: usize, faults: &mut Faults) {
    if sites.len() > most {
        faults.add(
            "/paths",
            format!(
                "expected at most {most} operations (the worker's import.max_operations), found {}",
                sites.len()
            ),
        );
    }
}
