//! Names, descriptions, annotations, order.

use connectors::openapi::{ImportRequest, Limits, import};
use domain::provider::Selection;
use serde_json::{Map, Value, json};

use crate::support::{description, http, imported};

fn operation(id: &str) -> Value {
    json!({"operationId": id, "responses": {"204": {"description": "done"}}})
}

fn names(paths: Value) -> Vec<(String, String)> {
    let imported = imported(&description("3.0.0", paths, json!({})));
    let label = |tool: &connectors::openapi::ToolDraft| format!("{} {}", http(tool).method, http(tool).path);
    imported
        .tools
        .iter()
        .map(|tool| (label(tool), tool.name.clone()))
        .collect()
}

fn name_of<'n>(names: &'n [(String, String)], label: &str) -> &'n str {
    names
        .iter()
        .find(|(known, _)| known == label)
        .map(|(_, name)| name.as_str())
        .expect(label)
}

#[test]
fn names_are_words_of_the_operation_id_or_of_method_and_path() {
    let no_id = json!({"responses": {"204": {"description": "done"}}});
    let names = names(json!({
        "/a": {"get": operation("repos/list-forOrg"), "post": no_id},
        "/b": {"get": operation("获取用户")},
    }));
    assert_eq!(name_of(&names, "GET /a"), "acme_repos_list_for_org");
    assert_eq!(name_of(&names, "POST /a"), "acme_post_a");
    assert_eq!(name_of(&names, "GET /b"), "acme_get_b");
}

#[test]
fn names_that_would_collide_or_are_too_long_end_in_a_hash_that_depends_on_nothing_else() {
    let long = "a_very_long_operation_id_that_says_everything_about_what_the_operation_does";
    let paths = json!({
        "/a": {"get": operation("listThings")},
        "/b": {"get": operation("list_things")},
        "/c": {"get": operation(long)},
    });
    let before = names(paths.clone());
    assert!(name_of(&before, "GET /a").starts_with("acme_list_things_"));
    assert_ne!(name_of(&before, "GET /a"), name_of(&before, "GET /b"));
    assert!(name_of(&before, "GET /c").starts_with("acme_a_very_long_operation_id_"));

    let mut more: Map<String, Value> = paths.as_object().unwrap().clone().into_iter().rev().collect();
    more.insert("/0".to_owned(), json!({"get": operation("another")}));
    let after = names(Value::Object(more));
    for (label, name) in &before {
        assert_eq!(name_of(&after, label), name, "{label}");
    }
    assert!(after.is_sorted_by_key(|(_, name)| name.clone()), "{after:?}");
}

#[test]
fn annotations_follow_the_method() {
    let methods = ["get", "head", "options", "put", "delete", "patch", "post"];
    let item: Map<String, Value> = methods.iter().map(|m| ((*m).to_owned(), operation(m))).collect();
    let imported = imported(&description("3.0.0", json!({"/a": item}), json!({})));
    for tool in &imported.tools {
        let (read_only, destructive, idempotent) = match http(tool).method.as_str() {
            "GET" | "HEAD" | "OPTIONS" => (true, false, true),
            "PUT" | "DELETE" => (false, true, true),
            "PATCH" => (false, true, false),
            _ => (false, false, false),
        };
        let found = tool.annotations;
        assert_eq!(
            (
                found.read_only,
                found.destructive,
                found.idempotent,
                found.open_world
            ),
            (read_only, destructive, idempotent, true),
            "{}",
            tool.name
        );
    }
    assert_eq!(imported.tools.len(), methods.len());
}

#[test]
fn descriptions_are_short_and_say_what_is_deprecated() {
    let long = "This sentence is repeated until it is too long. ".repeat(60);
    let item = json!({"get": {
        "summary": "List things", "description": long, "deprecated": true, "tags": ["things", "lists"],
        "responses": {"204": {"description": "done"}},
    }});
    let imported = imported(&description("3.0.0", json!({"/a": item}), json!({})));
    let tool = &imported.tools[0];
    assert!(
        tool.description
            .starts_with("Deprecated. List things.\n\nThis sentence"),
        "{}",
        tool.description
    );
    assert!(tool.description.ends_with("too long."), "{}", tool.description);
    assert!(tool.description.chars().count() <= 1_024);
    assert_eq!(
        (tool.title.as_deref(), tool.tags.join(" ").as_str()),
        (Some("List things"), "things lists")
    );
}

#[test]
fn methods_that_cannot_be_tools_are_left_out_with_the_reason() {
    let whole = json!({"name": "q", "in": "querystring", "content": {"application/json": {}}});
    let paths = json!({
        "/a": {"trace": operation("t"), "query": operation("q"), "additionalOperations": {"COPY": operation("c")}},
        "/b": {"get": {"parameters": [whole], "responses": {}}},
    });
    let imported = imported(&description("3.2.0", paths, json!({})));
    let labels: Vec<&str> = imported
        .skipped
        .iter()
        .map(|skipped| skipped.operation.as_str())
        .collect();
    assert_eq!(labels, ["COPY /a", "QUERY /a", "TRACE /a", "GET /b"]);
    assert_eq!(imported.tools.len(), 0);
}

#[test]
fn an_operation_never_takes_the_name_of_a_tool_of_the_mesh() {
    let paths = json!({ "/a": { "get": operation("tools"), "post": operation("search_tools") } });
    let text = description("3.0.0", paths, json!({})).to_string();
    let request = ImportRequest {
        provider_name: "search",
        base_url: None,
        description_url: None,
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    let imported = import(&text, &request).unwrap();
    let names: Vec<&str> = imported.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert!(names.contains(&"search_search_tools"), "{names:?}");
    assert!(!names.contains(&"search_tools"), "{names:?}");
    assert!(
        names.iter().any(|name| name.starts_with("search_tools_")),
        "{names:?}"
    );
}
