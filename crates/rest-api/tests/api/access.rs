//! Every route and every RPC with the wrong key. The lists come from the router's own description and from the proto
//! descriptors, so a new one is walked too; one whose path cannot be filled in fails the test.

use domain::{KeyId, StoreError};
use prost::Message;
use serde_json::json;
use uuid::Uuid;

use crate::app::{App, SERVICE_KEY};
use crate::on_both;

/// Every (method, path template) of the router.
fn routes() -> Vec<(String, String)> {
    let description = serde_json::to_value(rest_api::http::description()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| key.len() <= 7) {
            routes.push((method.to_uppercase(), path.clone()));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

/// The path with what it names: ids and names that are real in one tenant, or exist nowhere.
struct Things {
    key: String,
    job: String,
    provider: String,
    tool: String,
    limit: String,
    alert: String,
    agent: String,
    task: String,
    manifest: String,
    user: String,
    assignment: String,
    message: String,
}

impl Things {
    fn nowhere() -> Self {
        let id = || Uuid::now_v7().to_string();
        Self {
            key: id(),
            job: id(),
            provider: "nowhere".into(),
            tool: "nowhere_get".into(),
            limit: "tool:nowhere_get".into(),
            alert: id(),
            agent: id(),
            task: id(),
            manifest: "nowhere".into(),
            user: "nowhere".into(),
            assignment: id(),
            message: id(),
        }
    }

    fn fill(&self, template: &str) -> String {
        if template == "/auth/token" {
            return template.to_owned();
        }
        let (_, rest) = template.split_once("/api/v1/").unwrap();
        let noun = rest.split('/').next().unwrap();
        let thing = match noun {
            "keys" => &self.key,
            "jobs" => &self.job,
            "providers" => &self.provider,
            "tools" => &self.tool,
            "limits" => &self.limit,
            "alerts" => &self.alert,
            "agents" => &self.agent,
            "tasks" => &self.task,
            "manifests" => &self.manifest,
            "users" => &self.user,
            "assignments" => &self.assignment,
            "messages" => &self.message,
            // A tenant of another organization, of which there is none here.
            "grants" => "0197b0c0-0000-7000-8000-000000000000",
            // Of the installation; here it keeps none.
            "traces" => "4bf92f3577b34da6a3ce929d0e0e4736",
            _ => "",
        };
        let path = template.replace("{id}", thing).replace("{name}", thing);
        assert!(
            !path.contains('{') && !path.ends_with('/'),
            "the matrix does not know how to fill in {template}"
        );
        path
    }
}

/// A body that fits the route, so that nothing but the key stands in its way.
fn body(path: &str) -> serde_json::Value {
    match path {
        _ if path.ends_with("/resolve") => json!({ "as": "done" }),
        _ if path.ends_with("/readback") => {
            json!({ "tool": "x", "done": { "status": 200 }, "failed": { "status": 404 } })
        }
        _ if path.ends_with("/review") => json!({ "verdict": "actionable" }),
        _ if path.ends_with("/heartbeat") || path.ends_with("/leave") => json!({ "epoch": 1 }),
        _ if path.starts_with("/api/v1/tasks/")
            && ["/accept", "/reject", "/complete"]
                .iter()
                .any(|end| path.ends_with(end)) =>
        {
            assignment()
        }
        _ if path.ends_with("/progress") => with(assignment(), "percent", json!(1)),
        _ if path.ends_with("/fail") => with(assignment(), "kind", json!("x")),
        "/auth/token" => json!({ "username": "x", "password": "x" }),
        "/api/v1/users" => json!({ "name": "x", "password": "correct horse" }),
        _ if path.ends_with("/password") => json!({ "password": "correct horse" }),
        "/api/v1/assignments" => json!({ "title": "x", "assignee": "x" }),
        _ if path.ends_with("/ack") => json!({ "agent_id": Uuid::now_v7() }),
        "/api/v1/isolation" => json!({ "mode": "strict" }),
        _ if path.starts_with("/api/v1/grants/") => json!({ "verbs": ["message"] }),
        "/api/v1/messages" => json!({ "to": { "agent": "x" } }),
        "/api/v1/agents" => json!({ "name": "x" }),
        "/api/v1/manifests" => json!({ "name": "x", "type": "ide" }),
        "/api/v1/tasks" => json!({ "type": "x" }),
        "/api/v1/alerts" => crate::alerts::notification("x", "firing"),
        _ if path.ends_with("/rotate") => json!({ "grace_seconds": 0 }),
        _ if path.ends_with("/calls") => json!({ "arguments": {} }),
        _ if path.starts_with("/api/v1/keys/") && !path.ends_with("/revoke") => json!({ "pins": [] }),
        _ if path.starts_with("/api/v1/limits/") => json!({ "rate": "10/s" }),
        "/api/v1/keys" => json!({ "name": "x", "kind": "agent" }),
        "/api/v1/tenants" => json!({ "name": "x" }),
        "/api/v1/providers" => json!({ "name": "x", "source": { "type": "inline", "text": "{}" } }),
        _ => json!({}),
    }
}

fn assignment() -> serde_json::Value {
    json!({ "agent_id": Uuid::now_v7(), "fence": 1 })
}

fn with(mut body: serde_json::Value, name: &str, value: serde_json::Value) -> serde_json::Value {
    body[name] = value;
    body
}

async fn ask(app: &App, key: Option<&str>, method: &str, path: &str) -> crate::app::Answer {
    let mut request = app.request(method, path);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if method != "GET" {
        request = request.header("if-match", "*").json(&body(path));
    }
    App::send(request).await
}

on_both! {
    async fn every_route_refuses_callers_without_a_valid_key(app: &App) {
        let (expired, expired_id) = app.key(&app.admin, json!({ "name": "old", "kind": "admin" })).await;
        let id: KeyId = expired_id.parse().unwrap();
        let tenant = app.control.authenticate(&expired).await.unwrap().unwrap().tenant_id;
        expire(app, tenant, id).await;
        let (revoked, revoked_id) = app.key(&app.admin, json!({ "name": "gone", "kind": "admin" })).await;
        app.post(&app.admin, &format!("/api/v1/keys/{revoked_id}/revoke"), json!({})).await.expect(200);
        let wrong_secret = format!("{}{}", &app.admin[..app.admin.len() - 4], "0000");
        let keys = [None, Some("nonsense"), Some(wrong_secret.as_str()), Some(&expired), Some(&revoked), Some(SERVICE_KEY)];
        for (method, template) in routes() {
            let path = Things::nowhere().fill(&template);
            for key in keys {
                let answer = ask(app, key, &method, &path).await;
                assert_eq!(answer.status, 401, "{method} {path} with {key:?}: {}", answer.text);
                assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            }
        }
    }

    async fn another_tenants_things_answer_exactly_as_things_that_do_not_exist(app: &App) {
        app.provider(&app.admin, "theirs").await;
        let (_, key) = app.key(&app.admin, json!({ "name": "theirs", "kind": "agent" })).await;
        let call = app.post(&app.admin, "/api/v1/tools/theirs_get/calls", json!({ "arguments": {} })).await.expect(202);
        let job = call["id"].as_str().unwrap().to_owned();
        app.post(&app.admin, "/api/v1/alerts", crate::alerts::notification("theirs", "firing")).await.expect(200);
        let alerts = app.get(&app.admin, "/api/v1/alerts").await.expect(200);
        let alert = alerts["items"][0]["id"].as_str().unwrap().to_owned();
        app.post(&app.admin, "/api/v1/manifests", json!({ "name": "theirs", "type": "custom" })).await.expect(200);
        let agent = app.post(&app.admin, "/api/v1/agents", json!({ "name": "theirs" })).await.expect(201);
        let task = app.post(&app.admin, "/api/v1/tasks", json!({ "type": "theirs" })).await.expect(201);
        app.post(&app.admin, "/api/v1/users", json!({ "name": "theirs-user", "password": "correct horse" })).await.expect(201);
        let given = json!({ "title": "theirs", "assignee": "theirs-user" });
        let given = app.post(&app.admin, "/api/v1/assignments", given).await.expect(201);
        let assignment = given["id"].as_str().unwrap().to_owned();
        let message = json!({ "to": { "agent_id": agent["id"] }, "subject": "theirs" });
        let message = app.post(&app.admin, "/api/v1/messages", message).await.expect(201);
        let [agent, task, message] = [agent, task, message].map(|made| made["id"].as_str().unwrap().to_owned());
        let theirs = Things { key, job, provider: "theirs".into(), tool: "theirs_get".into(), limit: "tool:theirs_get".into(), alert, agent, task, manifest: "theirs".into(), user: "theirs-user".into(), assignment, message };
        app.put(&app.admin, "/api/v1/limits/tool:theirs_get", json!({ "rate": "1/s" })).await.expect(200);
        let stranger = app.tenant("stranger").await;
        for (method, template) in routes().into_iter().filter(|(_, template)| template.contains('{')) {
            let real = ask(app, Some(&stranger), &method, &theirs.fill(&template)).await;
            let none = ask(app, Some(&stranger), &method, &Things::nowhere().fill(&template)).await;
            assert_eq!(real.status, 404, "{method} {template}: {}", real.text);
            assert_eq!(real.without_ids(), none.without_ids(), "{method} {template}");
            let names = |answer: &crate::app::Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(names(&real), names(&none), "{method} {template}");
        }
        for (_, template) in routes().into_iter().filter(|(method, path)| method == "GET" && !path.contains('{')) {
            let answer = ask(app, Some(&stranger), "GET", &template).await;
            assert!(!answer.text.contains("theirs"), "{template}: {}", answer.text);
        }
    }

    async fn every_rpc_refuses_callers_without_the_service_key(app: &App) {
        let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
        for method in rpcs() {
            for key in [None, Some("nonsense"), Some(app.admin.as_str())] {
                let mut request = client.post(format!("http://{}{method}", app.grpc)).header("content-type", "application/grpc");
                if let Some(key) = key {
                    request = request.bearer_auth(key);
                }
                let response = request.body(vec![0_u8; 5]).send().await.unwrap();
                let status = response.headers().get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
                assert_eq!(status.as_deref(), Some("16"), "{method} with {key:?} (16 is UNAUTHENTICATED)");
            }
        }
    }
}

/// `/package.Service/Method` of every RPC.
fn rpcs() -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let mut rpcs = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                rpcs.push(format!(
                    "/{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    assert!(rpcs.len() > 10, "{rpcs:?}");
    rpcs
}

/// Lets a key run out a moment ago, which no call of the API can do.
async fn expire(app: &App, tenant: domain::TenantId, id: KeyId) {
    let (old, now) = (
        app.control.storage.keys.get(tenant, id).await.unwrap(),
        app.control.clock.now(),
    );
    let other = domain::ApiKey {
        id: KeyId::generate(),
        pins: Vec::new(),
        prefix: "0123456789ab".into(),
        name: "next".into(),
        ..old
    };
    let past = now - chrono::Duration::seconds(1);
    let rotated: Result<(), StoreError> = app.control.storage.keys.rotate(tenant, id, past, &other).await;
    rotated.unwrap();
}
