//! `devmesh users`, and what users may do with their tokens at every door.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use test_support::eventually;
use test_support::http::Request;

use crate::mesh::{Mesh, PATIENCE};

struct Doors {
    api: String,
    mcp: String,
}

impl Doors {
    /// The addresses that the mesh has written down for its own command line.
    fn of(mesh: &Mesh) -> Result<Self> {
        let text = std::fs::read_to_string(mesh.data().join("running.json"))?;
        let addresses: Value = serde_json::from_str(&text)?;
        let url = |name: &str| -> Result<String> {
            let url = addresses[name].as_str().with_context(|| text.clone())?;
            Ok(url.trim_end_matches('/').to_owned())
        };
        Ok(Self {
            api: url("api_url")?,
            mcp: url("mcp_url")?,
        })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let mut request = Request::new(method, &format!("{}{path}", self.api));
        if let Some(token) = token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        Ok((answer.status.as_u16(), answer.json().unwrap_or(Value::Null)))
    }

    async fn token(&self, name: &str, password: &str) -> Result<String> {
        let body = json!({ "username": name, "password": password });
        let (status, answer) = self.ask(Method::POST, "/auth/token", None, Some(&body)).await?;
        ensure!(status == 200, "{status}: {answer}");
        Ok(answer["access_token"].as_str().context("no token")?.to_owned())
    }

    /// What mcp-server says to somebody who lists its tools.
    async fn list_tools(&self, token: &str) -> Result<u16> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
        let request = Request::new(Method::POST, &self.mcp)
            .header("authorization", &format!("Bearer {token}"))
            .header("accept", "application/json, text/event-stream")
            .json(&body);
        Ok(request.send().await?.status.as_u16())
    }
}

fn add(mesh: &Mesh, name: &str, role: &str, password: &str) {
    let file = mesh.dir().join("password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    let file = file.to_str().unwrap();
    let said = mesh
        .run(&["users", "add", name, "--role", role, "--password-file", file])
        .unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(!said.stdout.contains(password) && !said.stderr.contains(password));
}

/// The steps of the monitoring guide's `check_api_workflow`, with its own bodies.
#[tokio::test]
async fn the_guides_synthetic_workflow_runs_as_it_is() {
    let mesh = Mesh::up_with(&["--set", "rest_api.users.min_password=3"])
        .await
        .unwrap();
    add(&mesh, "synthetic-test", "member", "xxx");
    add(&mesh, "test@example.com", "readonly", "yyy");
    let doors = Doors::of(&mesh).unwrap();
    let token = doors.token("synthetic-test", "xxx").await.unwrap();
    let body = json!({ "title": "Synthetic Test", "assignee": "test@example.com" });
    let ask =
        async |method, path: &str, body| doors.ask(method, path, Some(token.as_str()), body).await.unwrap();
    let (status, created) = ask(Method::POST, "/v1/assignments", Some(&body)).await;
    assert_eq!(status, 201, "{created}");
    let path = format!("/v1/assignments/{}", created["id"].as_str().unwrap());
    let (status, read) = ask(Method::GET, &path, None).await;
    assert_eq!((status, &read["title"]), (200, &json!("Synthetic Test")));
    // The assignee is told by a worker.
    let told = eventually(PATIENCE, || async {
        let (_, read) = ask(Method::GET, &path, None).await;
        (read["state"] == "assigned" && read["notified_at"].is_string())
            .then_some(())
            .ok_or(read.to_string())
    });
    told.await.unwrap();
    assert_eq!(ask(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(ask(Method::GET, &path, None).await.0, 404);
}

#[tokio::test]
async fn a_users_token_is_good_at_both_doors_until_the_user_is_disabled() {
    let mesh = Mesh::up().await.unwrap();
    add(&mesh, "ann@example.com", "member", "correct horse battery");
    let listed = mesh.run(&["users", "list"]).unwrap().stdout;
    assert!(
        listed.contains("ann@example.com") && listed.contains("member"),
        "{listed}"
    );
    let doors = Doors::of(&mesh).unwrap();
    let token = doors
        .token("ann@example.com", "correct horse battery")
        .await
        .unwrap();
    // The edge hears of users over its watch.
    let seen = eventually(PATIENCE, || async {
        let status = doors
            .list_tools(&token)
            .await
            .map_err(|error| error.to_string())?;
        (status == 200).then_some(()).ok_or(status.to_string())
    });
    seen.await.unwrap();
    assert_eq!(
        mesh.run(&["users", "disable", "ann@example.com"]).unwrap().code,
        0
    );
    let (status, _) = doors
        .ask(Method::GET, "/api/v1/tasks", Some(&token), None)
        .await
        .unwrap();
    assert_eq!(status, 401, "rest-api refuses it at once");
    let refused = eventually(Duration::from_secs(20), || async {
        let status = doors
            .list_tools(&token)
            .await
            .map_err(|error| error.to_string())?;
        (status == 401).then_some(()).ok_or(status.to_string())
    });
    refused.await.unwrap();
}

#[tokio::test]
async fn an_agent_that_is_given_an_assignment_gets_a_task_which_is_called_off_with_it() {
    let mesh = Mesh::up().await.unwrap();
    let doors = Doors::of(&mesh).unwrap();
    let key = mesh
        .json(&["keys", "create", "worker", "--kind", "user"])
        .unwrap();
    let key = key["secret"].as_str().unwrap();
    let ask = async |method, path: &str, body: Option<&Value>| {
        doors.ask(method, path, Some(key), body).await.unwrap()
    };
    let (status, agent) = ask(
        Method::POST,
        "/api/v1/agents",
        Some(&json!({ "name": "builder" })),
    )
    .await;
    assert_eq!(status, 201, "{agent}");
    let agent = agent["id"].as_str().unwrap().to_owned();
    let beat = json!({ "epoch": 1 });
    ask(
        Method::POST,
        &format!("/api/v1/agents/{agent}/heartbeat"),
        Some(&beat),
    )
    .await;
    let body = json!({ "title": "build it", "description": "twice", "assignee": "builder" });
    let (status, given) = ask(Method::POST, "/api/v1/assignments", Some(&body)).await;
    assert_eq!(
        (status, &given["assignee_type"]),
        (201, &json!("agent")),
        "{given}"
    );
    let path = format!("/api/v1/assignments/{}", given["id"].as_str().unwrap());
    let offered = eventually(PATIENCE, || async {
        let (_, offers) = ask(Method::GET, &format!("/api/v1/agents/{agent}/tasks"), None).await;
        offers["offered"].get(0).cloned().ok_or(offers.to_string())
    });
    let task = offered.await.unwrap();
    assert_eq!(
        (&task["type"], &task["title"], &task["input"]["description"]),
        (&json!("assignment"), &json!("build it"), &json!("twice"))
    );
    let (_, read) = ask(Method::GET, &path, None).await;
    assert_eq!(
        (&read["task_id"], &read["state"]),
        (&task["id"], &json!("assigned"))
    );
    assert_eq!(ask(Method::DELETE, &path, None).await.0, 204);
    let (_, task) = ask(
        Method::GET,
        &format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()),
        None,
    )
    .await;
    assert_eq!(task["state"], "cancelled", "{task}");
}
