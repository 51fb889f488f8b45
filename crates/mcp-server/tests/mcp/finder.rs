//! Large catalogues: three tools stand for all, and a call through them is a call like any other.

use domain::{Entity, KeyKind, Scope};
use serde_json::{Value, json};
use test_support::Reply;

use crate::support::{Answer, Edge, Events, Options, Tenant, World, tool};

const SOON: std::time::Duration = std::time::Duration::from_secs(5);

const OWN: [&str; 3] = ["call_tool", "describe_tool", "search_tools"];

/// Lists at most one tool by itself; the tenant has four.
fn few() -> Options {
    let mut options = Options::default();
    options.engine.tools.direct_limit = 1;
    options
}

async fn world() -> World {
    let mut world = World::new().await;
    let tenant = world.tenant();
    for (name, method, path, tag, title) in [
        ("acme_star", "PUT", "/stars/{id}", "Stars", "Star a project"),
        ("acme_stars", "GET", "/stars", "Stars", "List stargazers"),
    ] {
        let mut more = tool(&tenant.provider, name, method, path);
        more.tags.push(tag.to_owned());
        more.title = Some(title.to_owned());
        tenant.tools.push(more);
    }
    world
}

async fn listed(edge: &Edge, key: &str) -> Vec<String> {
    let answer = edge.client(key).ask_new("tools/list", json!({})).await;
    let tools = answer["result"]["tools"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn call(edge: &Edge, key: &str, name: &str, arguments: Value) -> Value {
    let params = json!({ "name": name, "arguments": arguments });
    edge.client(key).ask_new("tools/call", params).await
}

fn pinned(tenant: &mut Tenant, pins: &[&str]) -> String {
    let key = tenant.key(KeyKind::Agent.default_scopes(), None);
    let stored = tenant.keys.last_mut().unwrap();
    stored.pins = pins.iter().map(|pin| (*pin).to_owned()).collect();
    key
}

#[tokio::test]
async fn above_the_limit_three_tools_and_the_pinned_ones_are_listed() {
    let mut world = world().await;
    let tenant = world.tenant();
    let plain = pinned(tenant, &[]);
    let by_name = pinned(tenant, &["ACME_G*"]);
    let by_tag = pinned(tenant, &["tag:stars", "acme_gone"]);
    let by_provider = pinned(tenant, &["provider:acme"]);
    let edge = Edge::with(&world, few()).await;
    assert_eq!(listed(&edge, &plain).await, OWN);
    assert_eq!(
        listed(&edge, &by_name).await,
        ["acme_get", "call_tool", "describe_tool", "search_tools"]
    );
    assert_eq!(listed(&edge, &by_tag).await[..2], ["acme_star", "acme_stars"]);
    assert_eq!(listed(&edge, &by_provider).await.len(), 4 + OWN.len());
}

#[tokio::test]
async fn up_to_the_limit_all_tools_are_listed_and_the_three_do_not_exist() {
    let mut world = world().await;
    let key = pinned(world.tenant(), &["acme_get"]);
    let mut options = few();
    options.engine.tools.direct_limit = 4;
    let edge = Edge::with(&world, options).await;
    assert_eq!(
        listed(&edge, &key).await,
        ["acme_add", "acme_get", "acme_star", "acme_stars"]
    );
    for name in OWN {
        let answer = call(&edge, &key, name, json!({})).await;
        assert_eq!(answer["error"]["message"], format!("Unknown tool: {name}"));
    }
}

#[tokio::test]
async fn a_tool_is_found_described_and_called_under_its_own_name() {
    let mut world = world().await;
    let key = world.key();
    world
        .upstream
        .on("GET", "/items/7", Reply::json(200, &json!({ "id": 7 })));
    let edge = Edge::with(&world, few()).await;

    let found = call(
        &edge,
        &key,
        "search_tools",
        json!({ "query": "which stars did people give?" }),
    )
    .await;
    let result = &found["result"];
    assert_eq!(
        result["structuredContent"]["tools"][0]["name"], "acme_stars",
        "{found}"
    );
    assert_eq!(result["structuredContent"]["tools"][0]["read_only"], true);
    assert_eq!(result["structuredContent"]["searched"], 4);

    let described = call(&edge, &key, "describe_tool", json!({ "name": "acme_get" })).await;
    let schema = &described["result"]["structuredContent"]["inputSchema"];
    assert_eq!(schema["required"], json!(["id"]), "{described}");

    let through = json!({ "name": "acme_get", "arguments": { "id": 7 } });
    let answer = call(&edge, &key, "call_tool", through).await;
    assert_eq!(answer["result"]["content"][0]["text"], r#"{"id":7}"#, "{answer}");
    let direct = call(&edge, &key, "acme_get", json!({ "id": 7 })).await;
    assert_eq!(direct["result"]["content"], answer["result"]["content"]);

    let records = edge.audit.all();
    let tools: Vec<&str> = records.iter().map(|record| record.tool.as_str()).collect();
    assert_eq!(tools, ["search_tools", "describe_tool", "acme_get", "acme_get"]);
    assert_eq!(records[2].arguments_sha256, records[3].arguments_sha256);
    assert_eq!(records[2].provider, "acme");
    let page = edge.telemetry.render();
    let counted = r#"endpoint="tools/call",method="POST",tool="acme_get",status="200"} 2"#;
    assert!(page.contains(counted), "{page}");
}

#[tokio::test]
async fn a_wrong_call_says_what_to_mend() {
    let mut world = world().await;
    let key = world.key();
    let edge = Edge::with(&world, few()).await;
    for (name, arguments, says) in [
        (
            "call_tool",
            json!({ "name": "acme_get", "arguments": { "id": "x" } }),
            "id",
        ),
        (
            "call_tool",
            json!({ "name": "acme_got", "arguments": {} }),
            "did you mean acme_",
        ),
        (
            "call_tool",
            json!({ "name": "acme_get", "arguments": [] }),
            "expected a map",
        ),
        ("call_tool", json!({ "arguments": {} }), "missing field `name`"),
        (
            "describe_tool",
            json!({ "name": "acme_star_project" }),
            "did you mean acme_star",
        ),
        ("search_tools", json!({ "query": " " }), "query"),
        (
            "search_tools",
            json!({ "query": "x", "limit": 21 }),
            "limit: 1 to 20",
        ),
        (
            "search_tools",
            json!({ "query": "x", "tags": [] }),
            "unknown field `tags`",
        ),
    ] {
        let answer = call(&edge, &key, name, arguments.clone()).await;
        let text = answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_default();
        assert_eq!(answer["result"]["isError"], true, "{name} {arguments}: {answer}");
        assert!(text.contains(says), "{name} {arguments}: {text}");
    }
}

#[tokio::test]
async fn filters_leave_out_what_was_not_asked_for() {
    let mut world = world().await;
    let key = world.key();
    let edge = Edge::with(&world, few()).await;
    for (filter, names) in [
        (json!({ "read_only": true }), vec!["acme_stars"]),
        (json!({ "read_only": false }), vec!["acme_star"]),
        (
            json!({ "tag": "stars", "provider": "acme" }),
            vec!["acme_star", "acme_stars"],
        ),
        (json!({ "provider": "other" }), vec![]),
    ] {
        let mut arguments = json!({ "query": "star" });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(filter.as_object().unwrap().clone());
        let answer = call(&edge, &key, "search_tools", arguments).await;
        let tools = answer["result"]["structuredContent"]["tools"].as_array().unwrap();
        let mut found: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, names, "{filter}");
    }
}

#[tokio::test]
async fn looking_needs_the_scope_to_list_and_calling_the_scope_to_call() {
    let mut world = world().await;
    let reader = world.tenant().key([Scope::ToolsRead].into(), None);
    let caller = world.tenant().key([Scope::ToolsCall].into(), None);
    let edge = Edge::with(&world, few()).await;
    let query = json!({ "query": "star" });
    assert_eq!(
        call(&edge, &reader, "search_tools", query.clone()).await["result"]["isError"],
        false
    );
    let refused = call(&edge, &caller, "search_tools", query).await;
    assert_eq!(refused["error"]["data"]["required_scope"], "tools:read");
    let through = json!({ "name": "acme_add" });
    let refused = call(&edge, &reader, "call_tool", through).await;
    assert_eq!(refused["error"]["data"]["required_scope"], "tools:call");
    let guessed = call(&edge, &caller, "call_tool", json!({ "name": "acme_gat" })).await;
    assert_eq!(
        guessed["result"]["content"][0]["text"],
        "there is no tool `acme_gat`"
    );
}

#[tokio::test]
async fn a_new_tool_is_found_at_once_and_a_removed_one_no_more() {
    let mut world = world().await;
    let key = world.key();
    let edge = Edge::with(&world, few()).await;
    let query = json!({ "query": "launch a rocket" });
    let before = call(&edge, &key, "search_tools", query.clone()).await;
    assert_eq!(before["result"]["structuredContent"]["tools"], json!([]));
    let mut rocket = tool(&world.tenants[0].provider, "acme_rocket", "POST", "/rockets");
    rocket.title = Some("Launch a rocket".to_owned());
    let id = rocket.id.0;
    edge.catalogue.put(Entity::Tool(Box::new(rocket)));
    let after = call(&edge, &key, "search_tools", query.clone()).await;
    assert_eq!(
        after["result"]["structuredContent"]["tools"][0]["name"],
        "acme_rocket"
    );
    edge.catalogue.remove(domain::catalogue::EntityKind::Tool, id);
    let gone = call(&edge, &key, "search_tools", query).await;
    assert_eq!(gone["result"]["structuredContent"]["tools"], json!([]));
}

#[tokio::test]
async fn a_call_through_another_runs_as_a_task_and_is_cancelled_like_any_call() {
    let mut world = world().await;
    let key = pinned(world.tenant(), &[]);
    world.upstream.on("GET", "/items/1", Reply::hang());
    let edge = Edge::with(&world, few()).await;
    let mut client = edge.client(&key);

    let meta = json!({ "io.devmesh/async": true });
    let through =
        json!({ "name": "call_tool", "arguments": { "name": "acme_add", "arguments": {} }, "_meta": meta });
    let takes_tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let created = Answer::of(client.new_era("tools/call", through, &takes_tasks)).await;
    let job = edge.jobs.only();
    assert_eq!(created.message()["result"]["taskId"], job.id.to_string());
    assert_eq!(job.payload, json!({ "tool": "acme_add", "arguments": {} }));

    client.initialize().await;
    let params =
        json!({ "name": "call_tool", "arguments": { "name": "acme_get", "arguments": { "id": 1 } } });
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params });
    let mut stream = Events::of(client.old(&call)).await;
    world.upstream.wait_for_requests(1, SOON).await.unwrap();
    let cancelled =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } });
    Answer::of(client.old(&cancelled)).await;
    assert_eq!(edge.audit.with_outcome("cancelled").await.tool, "acme_get");
    assert!(stream.message().await.is_none());
}
