//! What no door may let through, tried on every body and every query of the API: a list in the place of an object (serde would
//! take it field by field), U+0000 in a text (Postgres keeps none), parameters that are not described.

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
            return vec![if is("string") { json!("x") } else { json!(0) }];
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

/// The pointers of all texts.
fn texts(value: &Value, at: &str) -> Vec<String> {
    let members = value.as_object().into_iter().flatten();
    let mut found: Vec<_> = members
        .flat_map(|(name, member)| texts(member, &format!("{at}/{name}")))
        .collect();
    found.extend(value.is_string().then(|| at.to_owned()));
    found
}

fn concrete(template: &str) -> String {
    template
        .replace("{id}", "01890000-0000-7000-8000-000000000000")
        .replace("{name}", "tenant")
}

on_both! {
    async fn no_text_of_any_body_may_hold_u_0000(app: &App) {
        let described = Described(serde_json::to_value(rest_api::http::description()).unwrap());
        let mut tried = 0;
        for (method, template, schema) in described.bodies() {
            // One alternative says it of all.
            let Some(body) = described.samples(schema).into_iter().next() else { continue };
            for at in texts(&body, "") {
                let mut body = body.clone();
                *body.pointer_mut(&at).unwrap() = json!("a\0b");
                let request = app.request(&method, &concrete(&template)).bearer_auth(&app.admin).header("if-match", "*");
                let refused = App::send(request.json(&body)).await.expect(422);
                let field = at.trim_start_matches('/').replace('/', ".");
                assert_eq!(refused["errors"][0]["field"], field, "{method} {template}: {refused}");
                tried += 1;
            }
        }
        assert!(tried >= 20, "{tried}");
        let labels = json!({ "type": "build", "needs": { "labels": { "a": "b\0" } } });
        let refused = app.post(&app.admin, "/api/v1/tasks", labels).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], "needs.labels.a", "{refused}");
        let refused = app.get(&app.admin, "/api/v1/assignments?assignee=a%00b").await.expect(400);
        assert_eq!(refused["errors"][0]["field"], "assignee", "{refused}");
        app.get(&app.admin, "/api/v1/users/a%00b").await.expect(404);
        // The input of a task is JSON that nobody here reads.
        let input = json!({ "type": "build", "input": { "text": "a\0b" } });
        let task = app.post(&app.admin, "/api/v1/tasks", input).await.expect(201);
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        assert_eq!(app.get(&app.admin, &path).await.expect(200)["input"]["text"], "a\0b");
    }

    async fn a_parameter_that_a_path_does_not_know_is_refused_by_name(app: &App) {
        let described = serde_json::to_value(rest_api::http::description()).unwrap();
        let mut tried = 0;
        for (template, item) in described["paths"].as_object().unwrap() {
            if item.get("get").is_none() {
                continue;
            }
            let path = format!("{}?limitt=7", concrete(template));
            let refused = app.get(&app.admin, &path).await.expect(400);
            assert_eq!(refused["errors"][0]["field"], "limitt", "{template}: {refused}");
            tried += 1;
        }
        assert!(tried >= 30, "{tried}");
        let refused = app.get(&app.admin, "/api/v1/manifests?type=ide").await.expect(400);
        assert_eq!(refused["errors"], json!([{ "field": "type", "expected": "no parameter: this path takes none" }]));
        let refused = app.post(&app.admin, "/api/v1/tasks?dry_run=true", json!({ "type": "build" })).await.expect(400);
        assert_eq!(refused["errors"][0]["field"], "dry_run", "{refused}");
        let refused = app.get(&app.admin, "/v1/assignments?assigned=ann").await.expect(400);
        assert_eq!(refused["errors"][0]["field"], "assigned", "{refused}");
        let refused = app.get(&app.admin, "/api/v1/tasks?limit=many").await.expect(400);
        assert_eq!(refused["errors"], json!([{ "field": "limit", "expected": "a whole number" }]));
        let refused = app.get(&app.admin, "/api/v1/routing/replay").await.expect(400);
        assert_eq!(refused["errors"], json!([{ "field": "strategy", "expected": "a value: it is missing" }]));
    }

    async fn a_field_that_is_missing_or_not_known_is_named_where_it_belongs(app: &App) {
        for (body, field) in [
            (json!({ "assignee": "a" }), "title"),
            (json!({ "title": "x", "assignee": "a", "titel": "x" }), "titel"),
        ] {
            let refused = app.post(&app.admin, "/api/v1/assignments", body).await.expect(422);
            assert_eq!(refused["errors"][0]["field"], field, "{refused}");
        }
        let nested = json!({ "type": "build", "needs": { "labls": {} } });
        let refused = app.post(&app.admin, "/api/v1/tasks", nested).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], "needs.labls", "{refused}");
    }

    async fn lengths_are_counted_in_characters_as_the_description_says(app: &App) {
        let user = json!({ "name": "ann@example.com", "password": "é".repeat(1_024) });
        app.post(&app.admin, "/api/v1/users", user).await.expect(201);
        let form = |length| json!({ "username": "ann@example.com", "password": "é".repeat(length) });
        for (length, status) in [(1_024, 200), (1_025, 422)] {
            App::send(app.request("POST", "/auth/token").json(&form(length))).await.expect(status);
        }
        for (title, description, status) in [(500, 16_384, 201), (501, 1, 422), (1, 16_385, 422)] {
            let asked = json!({ "title": "ü".repeat(title), "description": "ü".repeat(description), "assignee": "ann@example.com" });
            app.post(&app.admin, "/api/v1/assignments", asked).await.expect(status);
            if description == 1 || title == 500 {
                let task = json!({ "type": "build", "title": "ü".repeat(title) });
                app.post(&app.admin, "/api/v1/tasks", task).await.expect(status);
            }
        }
    }

    async fn a_list_is_no_object_anywhere_in_any_body(app: &App) {
        let described = Described(serde_json::to_value(rest_api::http::description()).unwrap());
        let mut tried = std::collections::BTreeSet::new();
        for (method, template, schema) in described.bodies() {
            let path = concrete(&template);
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
