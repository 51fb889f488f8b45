//! Every call leaves an audit record, the refused ones included.

use anyhow::{Result, ensure};
use e2e::{Mesh, Setup, Shop};
use serde_json::json;

on_both!(every_call_leaves_an_audit_record_also_when_it_is_refused);

async fn every_call_leaves_an_audit_record_also_when_it_is_refused(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, key_id) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let (agent, admin) = (mesh.mcp(&key).await?, mesh.admin()?);

    agent.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
    let of_tool = format!("tool={}", Shop::GET_ITEM);
    let record = admin
        .audit_record(&of_tool, |record| record["outcome"] == "ok")
        .await?;
    ensure!(
        record["key_id"] == key_id.as_str() && record["service"] == "mcp-server",
        "{record}"
    );
    ensure!(
        record["action"] == "tools/call" && record["provider"] == "shop" && record["status"] == 200,
        "{record}"
    );
    ensure!(
        record["arguments_sha256"]
            .as_str()
            .is_some_and(|hash| hash.len() == 64),
        "{record}"
    );
    ensure!(
        record["trace_id"].as_str().is_some_and(|id| id.len() == 32),
        "{record}"
    );

    let refused = agent.call(Shop::GET_ITEM, &json!({"id": "many"})).await?;
    ensure!(refused["isError"] == true, "{refused}");
    let record = admin
        .audit_record(&of_tool, |record| record["outcome"] == "invalid_arguments")
        .await?;
    ensure!(record["status"] == 400, "{record}");
    ensure!(
        shop.upstream().requests_to("/items/many").is_empty(),
        "it was sent"
    );

    let job = mesh
        .api(&key)?
        .call_async(Shop::ADD_ITEM, &json!({"name": "sofa"}))
        .await?;
    let of_write = format!("tool={}", Shop::ADD_ITEM);
    let record = admin
        .audit_record(&of_write, |record| record["job_id"] == job["id"])
        .await?;
    ensure!(
        record["service"] == "worker" && record["outcome"] == "ok",
        "{record}"
    );
    ensure!(record["key_id"] == key_id.as_str(), "{record}");
    a_key_without_the_scope_is_recorded(&mesh).await
}

async fn a_key_without_the_scope_is_recorded(mesh: &Mesh) -> Result<()> {
    let admin = mesh.admin()?;
    let body = json!({"name": "reader", "kind": "agent", "scopes": ["tools:read"]});
    let created = admin.post("/keys", &body).await?;
    let secret = created["secret"].as_str().unwrap_or_default();
    let client = mesh.stateless_mcp(secret)?;
    test_support::eventually(e2e::PATIENCE, || async { client.tools().await.map(drop) }).await?;
    let reply = client
        .request(
            "tools/call",
            json!({"name": Shop::GET_ITEM, "arguments": {"id": 1}}),
        )
        .await?;
    ensure!(
        reply.message["error"]["data"]["required_scope"] == "tools:call",
        "{reply:?}"
    );
    let of_key = format!("key_id={}", created["key"]["id"].as_str().unwrap_or_default());
    let record = admin
        .audit_record(&of_key, |record| record["outcome"] == "forbidden")
        .await?;
    ensure!(
        record["tool"] == Shop::GET_ITEM && record["status"] == 403,
        "{record}"
    );
    Ok(())
}
