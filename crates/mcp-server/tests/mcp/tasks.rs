//! Calls that run as tasks: jobs of the control plane behind the tasks extension.

use domain::CallOutcome;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Edge, World};

/// What a client that takes tasks declares.
fn takes_tasks() -> Value {
    json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } })
}

async fn ask(client: &Client, method: &str, params: Value) -> Value {
    Answer::of(client.new_era(method, params, &takes_tasks()))
        .await
        .message()
}

async fn start(client: &Client) -> Value {
    let params = json!({ "name": "acme_add", "arguments": {}, "_meta": { "io.devmesh/async": true } });
    ask(client, "tools/call", params).await["result"].clone()
}

#[tokio::test]
async fn a_call_that_is_asked_as_a_task_is_a_job_that_the_task_follows() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let client = edge.client(&key);
    let created = start(&client).await;
    assert_eq!(
        (&created["resultType"], &created["status"]),
        (&json!("task"), &json!("working"))
    );

    let job = edge.jobs.only();
    let id = created["taskId"].as_str().unwrap();
    assert_eq!(id, job.id.to_string());
    assert_eq!(job.payload, json!({ "tool": "acme_add", "arguments": {} }));
    assert_eq!(job.effect, domain::Effect::Write);
    let record = edge.audit.with_outcome("ok").await;
    assert_eq!(record.job_id, id);
    assert!(
        world.upstream.requests().is_empty(),
        "a worker runs it, not the edge"
    );

    let working = ask(&client, "tasks/get", json!({ "taskId": id })).await;
    assert_eq!(working["result"]["status"], "working");
    edge.jobs.finish(job.id, &CallOutcome::text("added"));
    let done = ask(&client, "tasks/get", json!({ "taskId": id })).await;
    assert_eq!(done["result"]["status"], "completed");
    assert_eq!(done["result"]["result"]["content"][0]["text"], "added");
}

#[tokio::test]
async fn a_call_is_no_task_unless_it_is_asked_and_the_client_takes_tasks() {
    let mut world = World::new().await;
    let key = world.key();
    world
        .upstream
        .on("POST", "/items", test_support::Reply::json(200, &json!({})));
    let edge = Edge::start(&world).await;
    let client = edge.client(&key);
    let unasked = ask(
        &client,
        "tools/call",
        json!({ "name": "acme_add", "arguments": {} }),
    )
    .await;
    assert_eq!(unasked["result"]["resultType"], "complete");
    let params = json!({ "name": "acme_add", "arguments": {}, "_meta": { "io.devmesh/async": true } });
    let cannot = client.ask_new("tools/call", params).await;
    assert_eq!(cannot["result"]["resultType"], "complete");
    assert_eq!(edge.jobs.len(), 0);
    let undeclared = client.ask_new("tasks/get", json!({ "taskId": "x" })).await;
    assert_eq!(undeclared["error"]["code"], -32_021);
}

#[tokio::test]
async fn a_slow_provider_is_called_by_task_without_being_asked() {
    let mut world = World::new().await;
    world.tenant().provider.limits.timeout_ms = 300_000;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let created = ask(
        &edge.client(&key),
        "tools/call",
        json!({ "name": "acme_add", "arguments": {} }),
    )
    .await;
    assert_eq!(created["result"]["resultType"], "task");
}

#[tokio::test]
async fn a_task_of_another_key_does_not_exist() {
    let mut world = World::new().await;
    let (key, other) = (world.key(), world.key());
    let edge = Edge::start(&world).await;
    let id = start(&edge.client(&key)).await["taskId"].clone();
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let mut told = Vec::new();
        for id in [
            id.as_str().unwrap(),
            "0192d3c0-0000-7000-8000-000000000000",
            "made-up",
        ] {
            let params = json!({ "taskId": id, "inputResponses": {} });
            let error = ask(&edge.client(&other), method, params).await["error"].clone();
            assert_eq!(error["code"], -32_602, "{error}");
            told.push(error["message"].as_str().unwrap().replace(id, "ID"));
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:?}");
    }
    assert_eq!(edge.jobs.only().state, domain::JobState::Pending);
}

#[tokio::test]
async fn a_task_is_cancelled_before_it_begins_and_goes_on_once_it_has() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let client = edge.client(&key);
    let id = start(&client).await["taskId"].clone();
    let ack = ask(&client, "tasks/cancel", json!({ "taskId": id })).await;
    assert_eq!(ack["result"], json!({ "resultType": "complete" }));
    let cancelled = ask(&client, "tasks/get", json!({ "taskId": id })).await;
    assert_eq!(cancelled["result"]["status"], "cancelled");
    let actions: Vec<_> = edge.audit.all().into_iter().map(|record| record.action).collect();
    assert_eq!(actions, ["tools/call", "tasks/cancel"]);

    let edge = Edge::start(&world).await;
    let client = edge.client(&key);
    let id = start(&client).await["taskId"].clone();
    edge.jobs.begin(edge.jobs.only().id);
    let ack = ask(&client, "tasks/cancel", json!({ "taskId": id })).await;
    assert_eq!(ack["result"], json!({ "resultType": "complete" }));
    assert_eq!(
        ask(&client, "tasks/get", json!({ "taskId": id })).await["result"]["status"],
        "working"
    );
}
