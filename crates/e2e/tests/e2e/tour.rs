//! A tour through everything that the mesh does, for the tests that look at what it emitted meanwhile.

use anyhow::{Context, Result, ensure};
use e2e::{Mcp, Mesh, Shop};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use test_support::http::Request;

use crate::agents::Agent;
use crate::agents::socket::Socket;

/// What was seen on the way.
pub struct Tour {
    /// The texts that must never be shown.
    pub secrets: Vec<String>,
    /// Every answer to the tour's requests that was an error, and every tool result.
    pub answers: Vec<String>,
}

/// Keeps what was answered.
#[derive(Default)]
struct Notes(Vec<String>);

/// Calls that work and calls that are refused, at every door.
pub async fn take(mesh: &Mesh, shop: &Shop) -> Result<Tour> {
    let (key, key_id) = mesh.agent_key().await?;
    shop.add_to(mesh, &key).await?;
    let mut notes = Notes::default();
    for url in mesh.mcp_urls() {
        calls(&mut notes, &url, &key).await?;
    }
    sessions(mesh, &mut notes, &key).await?;
    jobs(mesh, &mut notes, &key).await?;
    limits(mesh, &mut notes, &key, &key_id).await?;
    refusals(mesh, &mut notes).await?;
    alerts(mesh, &mut notes).await?;
    tasks(mesh, &mut notes, &key).await?;
    let admin = mesh.admin()?;
    admin.post(&format!("/keys/{key_id}/revoke"), &json!({})).await?;
    let mut secrets = mesh.secrets()?;
    secrets.extend([key, shop.secret().to_owned()]);
    Ok(Tour {
        secrets,
        answers: notes.0,
    })
}

/// What the tour's agent runs on; it has a price where the settings say so.
const MODEL: &str = "guide-1";

/// A task that is done, one that nobody can do, and an agent that is missed.
async fn tasks(mesh: &Mesh, notes: &mut Notes, key: &str) -> Result<()> {
    let (admin, api) = (mesh.admin()?, mesh.api(key)?);
    let allowed = json!({ "name": "tourists", "type": "custom" });
    notes.keep(&admin.post("/manifests", &allowed).await?);
    let body = json!({ "name": "guide", "model": MODEL, "capabilities": ["show"], "heartbeat_seconds": 600 });
    let guide = Agent::start(&api, &body).await?;
    notes.keep(&api.get("/agents/discover?capability=show").await?);
    let silent = Agent::start(&api, &json!({ "name": "silent", "heartbeat_seconds": 2 })).await?;
    let told =
        json!({ "agent_id": guide.id, "to": { "agent": "silent" }, "body": { "text": "are you there?" } });
    notes.keep(&api.post("/messages", &told).await?);
    for url in mesh.mcp_urls() {
        let mut socket = Socket::open(&url, key).await?;
        notes.keep(&socket.ask("agent.discover", json!({})).await?);
        ensure!(socket.ask("agent.dance", json!({})).await.is_err());
    }
    let asked = json!({ "type": "tour", "needs": { "capabilities": ["show"] } });
    admin.post("/tasks", &asked).await?;
    let shown = guide.offered().await?;
    let done = json!({ "result": "seen", "usage": { "input_tokens": 1000, "output_tokens": 10 } });
    for (verb, said) in [("accept", json!({})), ("complete", done)] {
        let (status, answer) = guide.say(&shown, verb, said).await?;
        ensure!(status == 200, "{answer}");
        notes.keep(&answer);
    }
    let beyond = json!({ "type": "tour", "needs": { "capabilities": ["fly"] } });
    notes.keep(&admin.post("/tasks", &beyond).await?);
    let gone = || async {
        let agent = api.get(&format!("/agents/{}", silent.id)).await?;
        ensure!(agent["state"] == "offline", "{agent}");
        anyhow::Ok(agent)
    };
    notes.keep(&test_support::eventually(e2e::PATIENCE, gone).await?);
    Ok(())
}

/// An alert that fires, is resolved, and was not worth it.
async fn alerts(mesh: &Mesh, notes: &mut Notes) -> Result<()> {
    let admin = mesh.admin()?;
    for (status, ends) in [
        ("firing", "0001-01-01T00:00:00Z"),
        ("resolved", "2026-11-21T12:05:00Z"),
    ] {
        let alert = json!({
            "status": status, "fingerprint": "f", "startsAt": "2026-11-21T12:00:00Z", "endsAt": ends,
            "labels": {"alertname": "Tour", "priority": "P1", "severity": "critical", "team": "sre"},
            "annotations": {"summary": "A tour.", "runbook_url": "https://example.org/tour"},
        });
        let told = json!({"version": "4", "alerts": [alert]});
        notes.keep(&admin.post("/alerts", &told).await?);
    }
    let listed = admin.get("/alerts").await?;
    let id = listed["items"][0]["id"].as_str().unwrap_or_default();
    let judged = json!({"verdict": "false_positive"});
    notes.keep(&admin.post(&format!("/alerts/{id}/review"), &judged).await?);
    Ok(())
}

async fn calls(notes: &mut Notes, url: &str, key: &str) -> Result<()> {
    let session = Mcp::open(url, key).await?;
    let stream = session.listen().await?;
    session.tools().await?;
    notes.keep(&session.call(Shop::GET_ITEM, &json!({"id": 1})).await?);
    notes.keep(&session.call(Shop::GET_ITEM, &json!({"id": 0})).await?);
    notes.keep(&session.call(Shop::BREAK, &json!({})).await?);
    let echoed = session.call(Shop::ECHO, &json!({})).await?;
    ensure!(
        echoed.to_string().contains("authorization"),
        "the echo shows headers: {echoed}"
    );
    notes.keep(&echoed);
    let unknown = session
        .request("tools/call", json!({"name": "shop_nothing", "arguments": {}}))
        .await?;
    ensure!(unknown.message.get("error").is_some(), "{unknown:?}");
    notes.keep(&unknown.message);
    drop(stream);
    ensure!(session.close().await?.is_success());
    let stateless = Mcp::stateless(url, key);
    stateless.result("server/discover", json!({})).await?;
    notes.keep(&stateless.call(Shop::GET_ITEM, &json!({"id": 2})).await?);
    Ok(())
}

/// A session that another replica opened, and one that nobody opened.
async fn sessions(mesh: &Mesh, notes: &mut Notes, key: &str) -> Result<()> {
    let session = mesh.mcp(key).await?;
    for url in mesh.mcp_urls() {
        session.presented(&url, key).tools().await?;
        let unknown = Mcp::with_session(&url, key, "6d2c1f0e-9b1a-4c57-8f3e-0d9a7b6c5e41");
        let reply = unknown.request("tools/list", json!({})).await?;
        ensure!(reply.status == StatusCode::NOT_FOUND, "{reply:?}");
        notes.keep(&reply.message);
    }
    Ok(())
}

async fn jobs(mesh: &Mesh, notes: &mut Notes, key: &str) -> Result<()> {
    let (agent, admin) = (mesh.api(key)?, mesh.admin()?);
    for (tool, arguments) in [
        (Shop::ADD_ITEM, json!({"name": "bed"})),
        (Shop::ADD_ITEM, json!({"name": ""})),
        (Shop::ECHO, json!({})),
    ] {
        let job = agent.call_async(tool, &arguments).await?;
        notes.keep(&agent.finished(&job).await?);
    }
    // A read that fails is tried again: the job waits, which is one retry.
    let broken = agent.call_async(Shop::BREAK, &json!({})).await?;
    let retried = || async {
        let job = agent.job(&broken).await?;
        ensure!(
            job["attempt"].as_u64() >= Some(1) && job["state"] == "pending",
            "{job}"
        );
        anyhow::Ok(job)
    };
    notes.keep(&test_support::eventually(e2e::PATIENCE, retried).await?);
    let refresh = admin.post("/providers/shop/refresh", &json!({})).await?;
    notes.keep(&admin.result_of(&refresh).await?);
    Ok(())
}

/// A limit of each kind, until it refuses a call.
async fn limits(mesh: &Mesh, notes: &mut Notes, key: &str, key_id: &str) -> Result<()> {
    let admin = mesh.admin()?;
    let named = admin.get(&format!("/keys/{key_id}")).await?;
    let name = named["name"].as_str().context("no name")?;
    let client = mesh.stateless_mcp(key)?;
    let ends = async |refused: bool| {
        let probe = || async {
            let answer = client.call(Shop::GET_ITEM, &json!({"id": 3})).await?;
            let waits = answer["_meta"]["io.devmesh/retry-after-seconds"].is_u64();
            ensure!(waits == refused, "{answer}");
            anyhow::Ok(answer)
        };
        test_support::eventually(e2e::PATIENCE, probe).await
    };
    for subject in [
        "tenant".to_owned(),
        format!("key:{name}"),
        format!("tool:{}", Shop::GET_ITEM),
    ] {
        let path = format!("/limits/{subject}");
        admin.put(&path, &json!({"rate": "1/h", "burst": 1})).await?;
        notes.keep(&ends(true).await?);
        admin.delete(&path).await?;
        ends(false).await?;
    }
    Ok(())
}

async fn refusals(mesh: &Mesh, notes: &mut Notes) -> Result<()> {
    let admin = mesh.admin_key()?;
    let wrong = format!("{}x", admin.get(..admin.len() - 1).context("short")?);
    for key in ["", "not-a-key", &wrong] {
        let api = mesh.api(key)?;
        notes
            .refused(api.request(Method::GET, "/tools"), StatusCode::UNAUTHORIZED)
            .await?;
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        for url in mesh.mcp_urls() {
            let request = Request::new(Method::POST, &url).header("authorization", &format!("Bearer {key}"));
            let request = request
                .header("accept", "application/json, text/event-stream")
                .json(&call);
            notes.refused(request, StatusCode::UNAUTHORIZED).await?;
        }
    }
    let api = mesh.admin()?;
    notes
        .refused(api.request(Method::GET, "/providers/none"), StatusCode::NOT_FOUND)
        .await?;
    // The secret is in a request that is refused: the problem must not quote it.
    let mut provider = Shop::open().await?.provider();
    provider["name"] = "Not A Name".into();
    let request = api.request(Method::POST, "/providers").json(&provider);
    notes.refused(request, StatusCode::UNPROCESSABLE_ENTITY).await?;
    provider["surplus"] = true.into();
    let answer = api
        .request(Method::POST, "/providers")
        .json(&provider)
        .send()
        .await?;
    ensure!(answer.status.is_client_error(), "{}", answer.text());
    notes.0.push(answer.text());
    Ok(())
}

impl Notes {
    fn keep(&mut self, answer: &Value) {
        self.0.push(answer.to_string());
    }

    async fn refused(&mut self, request: Request, status: StatusCode) -> Result<()> {
        let answer = request.send().await?;
        ensure!(answer.status == status, "{} {}", answer.status, answer.text());
        self.0.push(answer.text());
        Ok(())
    }
}
