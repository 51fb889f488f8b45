//! Every object of every body of the API, replaced by a list of the same values: serde would take it field by field.

use serde_json::{Value, json};

use crate::app::App;
use crate::on_both;

struct Described(Value);

impl Described {
    /// Every (method, path, schema of the body).
    fn bodies(&self) -> Vec<(String, String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (method, path, operation))
        });
        operations
            .filter_map(|(method, path, operation)| {
                let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
                Some((method.to_uppercase(), path.clone(), schema))
            })
            .collect()
    }

    /// A value with everything that the schema describes, one for each alternative.
    fn samples(&self, schema: &Value) -> Vec<Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
            return self.samples(&self.0["components"]["schemas"][name]);
        }
        if let Some(several) = schema["oneOf"].as_array() {
            return several.iter().flat_map(|one| self.samples(one)).collect();
        }
        let is = |kind: &str| {
            schema["type"] == kind
                || schema["type"]
                    .as_array()
                    .is_some_and(|all| all.contains(&json!(kind)))
        };
        if !is("object") {
            return vec![json!("x")];
        }
        let mut samples = vec![json!({})];
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let values = self.samples(property);
            let with = |sample: &Value, value: &Value| {
                let mut sample = sample.clone();
                sample[name] = value.clone();
                sample
            };
            samples = samples
                .iter()
                .flat_map(|sample| values.iter().map(move |value| with(sample, value)))
                .collect();
        }
        samples
    }
}

/// The pointers of all objects.
fn objects(value: &Value, at: &str) -> Vec<String> {
    let members = value.as_object().into_iter().flatten();
    let mut found: Vec<_> = members
        .flat_map(|(name, member)| objects(member, &format!("{at}/{name}")))
        .collect();
    found.extend(value.is_object().then(|| at.to_owned()));
    found
}

fn with_a_list(body: &Value, at: &str) -> Value {
    let mut body = body.clone();
    let place = body.pointer_mut(at).unwrap();
    *place = place.as_object().unwrap().values().cloned().collect();
    body
}

on_both! {
    async fn a_list_is_no_object_anywhere_in_any_body(app: &App) {
        let described = Described(serde_json::to_value(rest_api::http::description()).unwrap());
        let mut tried = std::collections::BTreeSet::new();
        for (method, template, schema) in described.bodies() {
            let path = template.replace("{id}", "01890000-0000-7000-8000-000000000000").replace("{name}", "tenant");
            for body in described.samples(schema) {
                for at in objects(&body, "") {
                    let request = app.request(&method, &path).bearer_auth(&app.admin).header("if-match", "*");
                    let refused = App::send(request.json(&with_a_list(&body, &at))).await.expect(422);
                    let field = at.trim_start_matches('/').replace('/', ".");
                    let field = if field.is_empty() { "body" } else { &field };
                    let errors = json!([{ "field": field, "expected": "expected an object" }]);
                    assert_eq!(refused["errors"], errors, "{method} {template} {at}");
                    tried.insert(format!("{method} {template} {at}"));
                }
            }
        }
        assert!(tried.len() >= 20, "{tried:#?}");
    }
}
