//! Descriptions beyond what the worker may import: refused whole, with the name of the setting.

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shop};
use serde_json::{Value, json};
use test_support::eventually;

on_both!(
    a_description_beyond_a_bound_is_refused_with_the_name_of_the_setting,
    a_description_within_every_bound_is_imported,
);

async fn a_description_beyond_a_bound_is_refused_with_the_name_of_the_setting(setup: Setup) -> Result<()> {
    let setup = setup
        .set(Service::Worker, "import.max_bytes", "3000")
        .set(Service::Worker, "import.max_operations", "2")
        .set(Service::Worker, "import.max_depth", "20");
    let mesh = setup.start().await?;
    for (name, description, setting) in [
        (
            "many",
            described(3, 0, ""),
            "2 operations (the worker's import.max_operations)",
        ),
        (
            "deep",
            described(1, 12, ""),
            "20 levels of nesting (the worker's import.max_depth)",
        ),
        (
            "long",
            described(1, 0, &"x".repeat(3_000)),
            "3000 bytes (the worker's import.max_bytes)",
        ),
    ] {
        let job = import(&mesh, name, &description).await?;
        ensure!(job["state"] == "failed", "{name}: {job}");
        ensure!(job["error"].to_string().contains(setting), "{name}: {job}");
    }
    // The same by its address: it is not read further than that.
    let shop = Shop::open().await?;
    shop.describe(&["leak"]);
    let admin = mesh.admin()?;
    let job = admin.post("/providers", &shop.provider()).await?;
    let job = admin.finished(&job).await?;
    ensure!(job["state"] == "failed", "{job}");
    ensure!(job["error"].to_string().contains("import.max_"), "{job}");
    let tools = admin.get("/tools").await?;
    ensure!(tools["items"] == json!([]), "{tools}");
    Ok(())
}

async fn a_description_within_every_bound_is_imported(setup: Setup) -> Result<()> {
    let setup = setup.set(Service::Worker, "import.max_operations", "3").set(
        Service::Worker,
        "import.max_input_schema_bytes",
        "1024",
    );
    let mesh = setup.start().await?;
    let job = import(&mesh, "fits", &described(3, 40, "")).await?;
    ensure!(job["state"] == "done" && job["result"]["tools"] == 3, "{job}");
    let admin = mesh.admin()?;
    let listed = || async {
        let tools = admin.get("/tools").await?;
        let items = tools["items"].as_array().context("no items")?;
        ensure!(items.len() == 3, "{tools}");
        // What is deeper accepts anything.
        ensure!(
            items
                .iter()
                .all(|tool| tool["input_schema"].to_string().len() <= 1_024),
            "{tools}"
        );
        anyhow::Ok(())
    };
    eventually(PATIENCE, listed).await
}

async fn import(mesh: &Mesh, name: &str, description: &Value) -> Result<Value> {
    let admin = mesh.admin()?;
    let provider = json!({
        "name": name,
        "source": {"type": "inline", "text": description.to_string()},
        "base_url": "http://127.0.0.1:9",
        "auth": {"type": "none"},
        "allowed_hosts": ["127.0.0.1"],
    });
    let job = admin.post("/providers", &provider).await?;
    admin.finished(&job).await
}

/// So many operations, with a body that nests so deep.
fn described(operations: usize, depth: usize, words: &str) -> Value {
    let body = (0..depth).fold(
        json!({"type": "string"}),
        |inner, _| json!({"type": "object", "properties": {"inner": inner}}),
    );
    let operation = |number: usize| {
        let content = json!({"application/json": {"schema": {"type": "object", "properties": {"a": body}}}});
        let operation = json!({"operationId": format!("op{number}"), "description": words,
            "requestBody": {"content": content}, "responses": {"204": {"description": "done"}}});
        (format!("/op{number}"), json!({ "post": operation }))
    };
    let paths: serde_json::Map<String, Value> = (0..operations).map(operation).collect();
    json!({"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": paths})
}
