//! Static stability: while rest-api is away the edge serves from what it knows for a time, then it refuses.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Mcp, Mesh, PATIENCE, Service, Setup, Shop};
use serde_json::{Value, json};
use test_support::{Reply, eventually, http};

/// Longer than rest-api is silent in health (5 s), much shorter than the defaults (5 minutes and 30 s).
const MAX_AGE: (&str, Duration) = ("20s", Duration::from_secs(20));
const DESTRUCTIVE_MAX_AGE: (&str, Duration) = ("8s", Duration::from_secs(8));
const REMOVE_ITEM: &str = "shop_remove_item";

#[tokio::test]
async fn without_rest_api_the_edge_serves_for_a_while_destructive_tools_for_less_and_recovers() -> Result<()>
{
    let setup = Setup::cluster()
        .set(Service::McpServer, "catalogue.max_age", MAX_AGE.0)
        .set(
            Service::McpServer,
            "catalogue.destructive_max_age",
            DESTRUCTIVE_MAX_AGE.0,
        );
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    with_removal(&shop);
    shop.add_to(&mesh, &key).await?;
    let clients: Vec<Mcp> = mesh
        .mcp_urls()
        .iter()
        .map(|url| Mcp::stateless(url, &key))
        .collect();
    // Neither replica has called the provider: its credential is asked for ahead.
    for url in mesh.mcp_urls() {
        eventually(PATIENCE, || holds_a_credential(&url)).await?;
    }
    mesh.kill(Service::RestApi).await?;
    for client in &clients {
        served(client, Shop::GET_ITEM).await?;
        served(client, REMOVE_ITEM).await?;
    }
    for client in &clients {
        let told = refused(client, REMOVE_ITEM, DESTRUCTIVE_MAX_AGE.1).await?;
        ensure!(told.contains("tools that may destroy something wait"), "{told}");
        served(client, Shop::GET_ITEM).await?;
    }
    let reached = shop.upstream().requests().len();
    for client in &clients {
        let told = refused(client, Shop::GET_ITEM, MAX_AGE.1).await?;
        ensure!(told.contains("calls wait until it is back"), "{told}");
        refused(client, REMOVE_ITEM, Duration::ZERO).await?;
    }
    let quiet = shop.upstream().requests().len();
    ensure!(quiet > reached, "the plain tool was served until then");
    recovers(&mut mesh, &clients).await
}

async fn recovers(mesh: &mut Mesh, clients: &[Mcp]) -> Result<()> {
    mesh.start_again(Service::RestApi).await?;
    for client in clients {
        for tool in [Shop::GET_ITEM, REMOVE_ITEM] {
            let again = eventually(PATIENCE, || served(client, tool));
            again.await.context("it has not caught up")?;
        }
    }
    Ok(())
}

/// The shop, with an operation that destroys something.
fn with_removal(shop: &Shop) {
    let item =
        json!({"description": "The item", "content": {"application/json": {"schema": {"type": "object"}}}});
    let id = json!([{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}]);
    let operation =
        |name: &str| json!({"operationId": name, "parameters": id, "responses": {"200": item.clone()}});
    let description = json!({
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "1"},
        "paths": {"/items/{id}": {"get": operation("getItem"), "delete": operation("removeItem")}},
    });
    let upstream = shop.upstream();
    upstream.on("GET", "/openapi.json", Reply::json(200, &description));
    upstream.on("DELETE", "/items/*", Reply::json(200, &json!({"id": 1})));
}

async fn holds_a_credential(mcp: &str) -> Result<()> {
    let page = http::get(&mcp.replace("/mcp", "/metrics")).await?.text();
    let held = |line: &str| line.starts_with("mcp_credentials_held{") && line.ends_with(" 1");
    ensure!(page.lines().any(held), "no credential is held at {mcp}");
    Ok(())
}

async fn call(client: &Mcp, tool: &str) -> Result<Value> {
    client.call(tool, &json!({"id": 1})).await
}

async fn served(client: &Mcp, tool: &str) -> Result<()> {
    let result = call(client, tool).await?;
    ensure!(result["structuredContent"]["id"] == 1, "{tool}: {result}");
    Ok(())
}

/// Calls until it is refused, for `within` and a little more; what the agent is told.
async fn refused(client: &Mcp, tool: &str, within: Duration) -> Result<String> {
    let asked = || async {
        let result = call(client, tool).await?;
        ensure!(result["isError"] == true, "{tool} is still served: {result}");
        Ok(result.to_string())
    };
    eventually(within + Duration::from_secs(2), asked).await
}
