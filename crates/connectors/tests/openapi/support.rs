//! Imports a description and looks at what came out.

use connectors::openapi::{ImportRequest, Imported, Limits, ToolDraft, import};
use domain::provider::{Fault, Selection};
use domain::tool::{Binding, Body, HttpBinding, Parameter, Schema};
use serde_json::{Value, json};

/// Imports with the given selection and limits, as provider `acme`.
pub fn import_with(text: &str, selection: &Selection, limits: Limits) -> Result<Imported, Vec<Fault>> {
    let request = ImportRequest {
        provider_name: "acme",
        base_url: None,
        description_url: None,
        selection,
        limits,
    };
    import(text, &request)
}

/// Imports a good description; every schema compiles, every name has its form.
pub fn imported(description: &Value) -> Imported {
    let text = description.to_string();
    let imported = import_with(&text, &Selection::default(), Limits::default())
        .unwrap_or_else(|faults| panic!("faults: {faults:#?}"));
    imported.tools.iter().for_each(check_tool);
    imported
}

/// The faults of a bad description, as pointer and message.
pub fn faults(description: &Value) -> Vec<(String, String)> {
    faults_of_text(&description.to_string())
}

/// The faults of a bad text.
pub fn faults_of_text(text: &str) -> Vec<(String, String)> {
    match import_with(text, &Selection::default(), Limits::default()) {
        Ok(imported) => panic!("imported {} tools", imported.tools.len()),
        Err(faults) => faults
            .into_iter()
            .map(|fault| (fault.pointer, fault.message))
            .collect(),
    }
}

/// The pointers of the faults.
pub fn pointers(description: &Value) -> Vec<String> {
    faults(description)
        .into_iter()
        .map(|(pointer, _)| pointer)
        .collect()
}

/// What must hold of every tool.
pub fn check_tool(tool: &ToolDraft) {
    let name = &tool.name;
    assert!(
        name.len() <= 64
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)),
        "{name}"
    );
    assert!(tool.description.chars().count() <= 1_024, "{name}: description");
    for schema in std::iter::once(&tool.input_schema).chain(&tool.output_schema) {
        assert_eq!(schema.value()["type"], "object", "{name}: {schema}");
        validator(schema);
    }
    let schema = tool.input_schema.value();
    let properties = schema["properties"].as_object().unwrap();
    for argument in arguments(http(tool)) {
        assert!(
            properties.contains_key(&argument),
            "{name}: `{argument}` is bound but not described"
        );
    }
}

fn arguments(binding: &HttpBinding) -> Vec<String> {
    let parameters = binding
        .parameters
        .iter()
        .map(|parameter| parameter.argument.clone());
    let body = binding.body.iter().flat_map(|body| match &body.source {
        domain::tool::BodySource::Argument { argument } => vec![argument.clone()],
        domain::tool::BodySource::Properties { properties } => {
            properties.iter().map(|(argument, _)| argument.clone()).collect()
        }
    });
    parameters.chain(body).collect()
}

/// The schema, compiled.
pub fn validator(schema: &impl Tree) -> jsonschema::Validator {
    let schema = &schema.tree();
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(schema)
        .unwrap_or_else(|error| panic!("does not compile: {error}\n{schema:#}"))
}

/// The tool's HTTP binding.
pub fn http(tool: &ToolDraft) -> &HttpBinding {
    let Binding::Http(binding) = &tool.binding;
    binding
}

/// The tool's body.
pub fn body(tool: &ToolDraft) -> &Body {
    http(tool).body.as_ref().expect("a body")
}

/// The parameter with this name upstream.
pub fn parameter<'t>(tool: &'t ToolDraft, name: &str) -> &'t Parameter {
    http(tool)
        .parameters
        .iter()
        .find(|parameter| parameter.name == name)
        .expect("a parameter")
}

/// The only tool of a description.
pub fn only_tool(description: &Value) -> ToolDraft {
    let mut imported = imported(description);
    assert_eq!(imported.skipped, [], "skipped");
    assert_eq!(imported.tools.len(), 1);
    imported.tools.remove(0)
}

/// A description of this version with these paths and components.
pub fn description(version: &str, paths: Value, components: Value) -> Value {
    json!({
        "openapi": version,
        "info": {"title": "Acme", "version": "1"},
        "servers": [{"url": "https://api.acme.test/v1"}],
        "paths": paths,
        "components": components,
    })
}

/// A description with `POST /things`, whose JSON body has this schema.
pub fn posting(version: &str, schema: Value, components: Value) -> Value {
    let operation = json!({
        "operationId": "post",
        "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}},
        "responses": {"204": {"description": "done"}},
    });
    description(version, json!({"/things": {"post": operation}}), components)
}

/// A description with `GET /things`, whose answer has this schema.
pub fn answering(version: &str, schema: Value, components: Value) -> Value {
    let operation = json!({
        "operationId": "get",
        "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}},
    });
    description(version, json!({"/things": {"get": operation}}), components)
}

/// A description with `GET /things/{id}` that has these parameters besides `id`.
pub fn asking(version: &str, parameters: Value) -> Value {
    let id = json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}});
    let mut all = vec![id];
    all.extend(parameters.as_array().expect("an array").iter().cloned());
    let operation =
        json!({"operationId": "get", "parameters": all, "responses": {"204": {"description": "done"}}});
    description(version, json!({"/things/{id}": {"get": operation}}), json!({}))
}

/// Asserts which arguments the tool accepts and which it refuses.
pub fn assert_arguments(tool: &ToolDraft, accepted: &[Value], refused: &[Value]) {
    assert_values(&tool.input_schema, accepted, refused);
}

/// Asserts which values a schema holds for.
pub fn assert_values(schema: &impl Tree, accepted: &[Value], refused: &[Value]) {
    let schema = schema.tree();
    let validator = validator(&schema);
    for value in accepted {
        if let Err(error) = validator.validate(value) {
            panic!("refuses {value}: {error}\n{schema:#}");
        }
    }
    for value in refused {
        assert!(!validator.is_valid(value), "accepts {value}\n{schema:#}");
    }
}

/// A schema, or a part of one.
pub trait Tree {
    fn tree(&self) -> Value;
}

impl Tree for Value {
    fn tree(&self) -> Value {
        self.clone()
    }
}

impl Tree for Schema {
    fn tree(&self) -> Value {
        self.value()
    }
}
