//! A tool call, from the agent to the API behind the mesh and back, at once and as a job.

use anyhow::{Context, Result, ensure};
use e2e::{Setup, Shop};
use futures::future::try_join_all;
use serde_json::{Value, json};

on_both!(
    a_call_reaches_the_api_with_arguments_secret_and_trace,
    an_asynchronous_call_has_one_effect_and_keeps_its_result,
    one_idempotency_key_is_one_effect_however_often_it_is_sent,
    a_wrong_description_is_refused_with_every_fault_and_saves_nothing,
);

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

async fn a_call_reaches_the_api_with_arguments_secret_and_trace(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    let imported = shop.add_to(&mesh, &key).await?;
    ensure!(imported["tools"] == 4, "{imported}");

    let session = mesh.mcp(&key).await?;
    ensure!(session.tools().await?.iter().any(|tool| tool == Shop::GET_ITEM));
    let params = json!({"name": Shop::GET_ITEM, "arguments": {"id": 42, "verbose": true}});
    let traceparent = format!("00-{TRACE_ID}-b7ad6b7169203331-01");
    let headers = [
        ("x-request-id", "from-the-agent-1"),
        ("traceparent", traceparent.as_str()),
    ];
    let reply = session.request_with("tools/call", params, &headers).await?;
    ensure!(
        reply.header("x-request-id").as_deref() == Some("from-the-agent-1"),
        "{reply:?}"
    );
    ensure!(
        reply.header("x-trace-id").as_deref() == Some(TRACE_ID),
        "{reply:?}"
    );
    let result = reply.result()?;
    ensure!(
        result["structuredContent"] == json!({"id": 42, "name": "lamp"}),
        "{result}"
    );
    let text = result["content"][0]["text"].as_str().context("no text")?;
    ensure!(
        serde_json::from_str::<Value>(text)? == json!({"id": 42, "name": "lamp"}),
        "{text}"
    );
    ensure!(
        result["_meta"]["io.devmesh/request-id"] == "from-the-agent-1",
        "{result}"
    );
    ensure!(result["_meta"]["io.devmesh/trace-id"] == TRACE_ID, "{result}");

    let [request] = &shop.upstream().requests_to("/items/42")[..] else {
        anyhow::bail!("{:?}", shop.upstream().requests());
    };
    ensure!(
        request.query_pairs() == [("verbose".to_owned(), "true".to_owned())],
        "{request:?}"
    );
    ensure!(
        request.header("authorization") == Some(&format!("Bearer {}", shop.secret())),
        "{request:?}"
    );
    let sent = request.header("traceparent").context("no traceparent")?;
    ensure!(sent.contains(TRACE_ID) && sent != traceparent, "{sent}");
    Ok(())
}

async fn an_asynchronous_call_has_one_effect_and_keeps_its_result(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let agent = mesh.api(&key)?;
    let job = agent
        .call_async(Shop::ADD_ITEM, &json!({"name": "chair"}))
        .await?;
    ensure!(
        job["state"] == "pending" && job["subject"] == Shop::ADD_ITEM,
        "{job}"
    );
    let result = agent.result_of(&job).await?;
    ensure!(
        result["structured"] == json!({"id": 7, "name": "chair"}),
        "{result}"
    );
    let [addition] = &shop.additions()[..] else {
        anyhow::bail!("{:?}", shop.additions())
    };
    ensure!(addition.json()? == json!({"name": "chair"}), "{addition:?}");
    Ok(())
}

async fn one_idempotency_key_is_one_effect_however_often_it_is_sent(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let agent = mesh.api(&key)?;
    let path = format!("/tools/{}/calls?mode=async", Shop::ADD_ITEM);
    let send = || {
        let request = agent
            .request(http::Method::POST, &path)
            .header("idempotency-key", "order-17");
        request.json(&json!({"arguments": {"name": "chair"}})).send()
    };
    let mut ids = std::collections::BTreeSet::new();
    for answer in try_join_all((0..8).map(|_| send())).await? {
        ensure!(answer.status == 202, "{} {}", answer.status, answer.text());
        ids.insert(answer.json()?["id"].to_string());
    }
    let job = send().await?.json()?;
    ids.insert(job["id"].to_string());
    ensure!(ids.len() == 1, "{ids:?}");
    agent.result_of(&job).await?;
    ensure!(shop.additions().len() == 1, "{:?}", shop.additions());
    Ok(())
}

async fn a_wrong_description_is_refused_with_every_fault_and_saves_nothing(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let admin = mesh.admin()?;
    let description = json!({"openapi": "3.0.3", "info": {"title": "Broken"}, "paths": {
        "/a": {"get": {"parameters": [{"in": "nowhere", "name": "x"}], "responses": {}}},
    }});
    let provider = json!({
        "name": "broken", "base_url": "https://api.example.com",
        "source": {"type": "inline", "text": description.to_string()},
    });
    let job = admin
        .finished(&admin.post("/providers", &provider).await?)
        .await?;
    ensure!(
        job["state"] == "failed" && job["error"]["kind"] == "invalid_description",
        "{job}"
    );
    let faults = job["error"]["details"]["faults"]
        .as_array()
        .context("no faults")?;
    let pointers: Vec<_> = faults
        .iter()
        .filter_map(|fault| fault["pointer"].as_str())
        .collect();
    ensure!(
        pointers
            .iter()
            .any(|at| at.contains("/paths/~1a/get/parameters/0")),
        "{pointers:?}"
    );
    let answer = admin
        .request(http::Method::GET, "/providers/broken")
        .send()
        .await?;
    ensure!(answer.status == 404, "{}", answer.text());
    Ok(())
}
