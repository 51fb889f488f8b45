//! Local references lead somewhere.

use serde_json::Value;

use crate::openapi::document::{Document, Unresolved, reference};
use crate::openapi::pointer::{Faults, Pointer};

/// Members whose content is data, not description: a `$ref` in there is somebody's example.
const DATA: [&str; 6] = ["example", "examples", "default", "enum", "const", "value"];

/// Notes every local reference that leads nowhere or in a circle. References to elsewhere are no fault: the
/// operations that need them are left out with that reason.
pub(super) fn check(document: &Document, faults: &mut Faults) {
    visit(document, document.root(), &Pointer::Text(""), Names::No, faults);
}

/// Whether the members of an object are named by the author, and so may be called anything.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Yes,
    No,
}

fn visit(document: &Document, value: &Value, at: &Pointer<'_>, names: Names, faults: &mut Faults) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(document, item, &at.index(index), Names::No, faults);
            }
        }
        Value::Object(members) => {
            if names == Names::No && reference(value).is_some() {
                check_one(document, value, at, faults);
            }
            for (key, member) in members {
                if names == Names::No && (key.starts_with("x-") || DATA.contains(&key.as_str())) {
                    continue;
                }
                let inner = if names == Names::No && is_map(key) {
                    Names::Yes
                } else {
                    Names::No
                };
                visit(document, member, &at.key(key), inner, faults);
            }
        }
        _ => {}
    }
}

/// Members that are maps from names that the author chose.
fn is_map(key: &str) -> bool {
    matches!(
        key,
        "properties"
            | "patternProperties"
            | "$defs"
            | "definitions"
            | "schemas"
            | "parameters"
            | "responses"
            | "requestBodies"
            | "headers"
            | "paths"
    )
}

fn check_one(document: &Document, value: &Value, at: &Pointer<'_>, faults: &mut Faults) {
    let text = reference(value).unwrap_or_default();
    match document.follow(value, at) {
        Ok(_) | Err(Unresolved::Foreign(_)) => {}
        Err(Unresolved::Missing) => {
            faults.add(
                at.key("$ref"),
                format!("expected something at `{text}`, found nothing there"),
            );
        }
        Err(Unresolved::Circular) => {
            faults.add(
                at.key("$ref"),
                format!("expected `{text}` to lead somewhere, found a circle"),
            );
        }
    }
}
