//! Which operations become tools.

use connectors::openapi::Limits;
use domain::provider::Selection;
use serde_json::{Value, json};

use crate::support::{description, http, import_with};

fn selected(allow: &[&str], deny: &[&str]) -> (Vec<String>, usize) {
    let operation = |id: &str, tag: &str| json!({"operationId": id, "tags": [tag], "responses": {"204": {"description": "done"}}});
    let owner = json!([{"name": "owner", "in": "path", "required": true, "schema": {"type": "string"}}]);
    let paths = json!({
        "/repos/{owner}": {"parameters": owner, "get": operation("repos/get", "repos"), "delete": operation("repos/delete", "repos")},
        "/users": {"get": operation("users/list", "users")},
    });
    let strings = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
    let selection = Selection {
        allow: strings(allow),
        deny: strings(deny),
    };
    let text = description("3.0.0", paths, json!({})).to_string();
    let imported = import_with(&text, &selection, Limits::default()).unwrap();
    assert_eq!(imported.skipped, []);
    let label = |tool| format!("{} {}", http(tool).method, http(tool).path);
    let mut labels: Vec<String> = imported.tools.iter().map(label).collect();
    labels.sort();
    (labels, imported.deselected)
}

#[test]
fn globs_match_ids_methods_with_paths_and_tags() {
    let all = ["DELETE /repos/{owner}", "GET /repos/{owner}", "GET /users"];
    for (allow, deny, want) in [
        (vec![], vec![], all.to_vec()),
        (vec!["repos/*"], vec![], all[..2].to_vec()),
        (vec!["repos"], vec!["delete *"], vec![all[1]]),
        (vec!["GET /repos/{owner}"], vec![], vec![all[1]]),
        (vec!["{users,repos}/{get,list}"], vec![], vec![all[1], all[2]]),
        (vec![], vec!["*"], vec![]),
    ] {
        let (labels, deselected) = selected(&allow, &deny);
        assert_eq!(labels, want, "{allow:?} {deny:?}");
        assert_eq!(labels.len() + deselected, 3);
    }
}

#[test]
fn a_glob_that_does_not_compile_is_a_fault() {
    let selection = Selection {
        allow: vec!["ok".to_owned(), "[".to_owned()],
        deny: vec![],
    };
    let text = description("3.0.0", Value::Object(serde_json::Map::new()), json!({})).to_string();
    let faults = import_with(&text, &selection, Limits::default()).unwrap_err();
    assert_eq!(
        faults
            .iter()
            .map(|fault| fault.pointer.as_str())
            .collect::<Vec<_>>(),
        ["selection.allow[1]"]
    );
}
