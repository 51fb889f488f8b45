//! A hostile description and how its parts are put together.

use serde_json::{Value, json};

/// One description.
pub struct Case {
    /// What is hostile about it.
    pub name: String,
    /// The text that is imported.
    pub text: String,
}

pub fn case(name: &str, text: impl ToString) -> Case {
    Case {
        name: name.to_owned(),
        text: text.to_string(),
    }
}

/// OpenAPI 3.1 with these paths and components.
pub fn described(paths: Value, components: Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Acme", "version": "1"},
        "servers": [{"url": "https://api.acme.test/v1"}],
        "paths": paths,
        "components": components,
    })
}

/// `POST /a` with this schema of its body.
pub fn posting(schema: Value, schemas: Value) -> Value {
    let body = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    described(
        json!({"/a": {"post": {"operationId": "post", "requestBody": body, "responses": {"204": {}}}}}),
        json!({"schemas": schemas}),
    )
}

/// `GET` of this path with these parameters.
pub fn getting(path: &str, parameters: Value) -> Value {
    described(
        json!({path: {"get": {"operationId": "get", "parameters": parameters, "responses": {"204": {}}}}}),
        json!({}),
    )
}

/// `GET /a` with these members of the operation.
pub fn operation(members: Value) -> Value {
    let mut operation = json!({"operationId": "get", "responses": {"204": {}}});
    for (key, value) in members.as_object().expect("an object") {
        operation[key] = value.clone();
    }
    described(json!({"/a": {"get": operation}}), json!({}))
}
