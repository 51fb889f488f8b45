//! What is written by one version and found again by another.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use test_support::eventually;
use test_support::http::Request;

use crate::{Mcp, Mesh, PATIENCE, Shop, unique};

/// A row of each kind that people and agents make.
#[derive(Debug, Serialize, Deserialize)]
pub struct Written {
    /// The key of an agent.
    pub key: String,
    key_id: String,
    user: String,
    password: String,
    limit: String,
    agent: String,
    task: String,
    assignment: String,
}

impl Written {
    /// Writes it, all under one name.
    ///
    /// # Errors
    /// When something is refused.
    pub async fn by(mesh: &Mesh, name: &str) -> Result<Self> {
        let admin = mesh.admin()?;
        let made = admin
            .post("/keys", &json!({ "name": name, "kind": "agent" }))
            .await?;
        let (key, key_id) = (text(&made["secret"])?, text(&made["key"]["id"])?);
        let (user, password) = (format!("{name}@example.com"), unique("password"));
        admin
            .post("/users", &json!({ "name": user, "password": password }))
            .await?;
        let limit = format!("/limits/key:{name}");
        admin
            .put(&limit, &json!({ "rate": "1000/s", "burst": 1000 }))
            .await?;
        let assigned = json!({ "title": format!("of {name}"), "assignee": user });
        let assignment = text(&admin.post("/assignments", &assigned).await?["id"])?;
        let agent = json!({ "name": name, "type": "ide", "capabilities": [name], "heartbeat_seconds": 600 });
        let agent = text(&mesh.api(&key)?.post("/agents", &agent).await?["id"])?;
        let task =
            json!({ "type": "review", "input": { "of": name }, "needs": { "capabilities": ["nobody-can"] } });
        let task = text(&mesh.api(&key)?.post("/tasks", &task).await?["id"])?;
        Ok(Self {
            key,
            key_id,
            user,
            password,
            limit,
            agent,
            task,
            assignment,
        })
    }

    /// Finds it again, and signs in as its user.
    ///
    /// # Errors
    /// With what is missing or other than it was.
    pub async fn is_there(&self, mesh: &Mesh) -> Result<()> {
        let (admin, own) = (mesh.admin()?, mesh.api(&self.key)?);
        for path in [
            format!("/keys/{}", self.key_id),
            format!("/users/{}", self.user),
            self.limit.clone(),
            format!("/assignments/{}", self.assignment),
            format!("/agents/{}", self.agent),
        ] {
            let found = admin.get(&path).await?;
            ensure!(found.is_object(), "{path}: {found}");
        }
        let task = own.get(&format!("/tasks/{}", self.task)).await?;
        ensure!(task["type"] == "review", "{task}");
        let url = format!("{}/auth/token", mesh.api_url()?);
        let body = json!({ "username": self.user, "password": self.password });
        let answer = Request::new(Method::POST, &url).json(&body).send().await?;
        ensure!(answer.json()?["access_token"].is_string(), "{}", answer.status);
        Ok(())
    }
}

/// Calls a tool with a sealed credential at every edge; the audit record of the last call.
///
/// # Errors
/// When a call fails, reaches the shop without the credential, or leaves no record.
pub async fn call(mesh: &Mesh, shop: &Shop, key: &str) -> Result<Value> {
    let before = shop.upstream().requests_to("/items/1").len();
    for url in mesh.mcp_urls() {
        let edge = Mcp::stateless(&url, key);
        lists_the_shop(&edge).await?;
        let called = edge.call(Shop::GET_ITEM, &json!({ "id": 1 })).await?;
        ensure!(called["structuredContent"]["id"] == 1, "{called}");
    }
    let requests = shop.upstream().requests_to("/items/1");
    ensure!(
        requests.len() == before + mesh.mcp_urls().len(),
        "{} requests",
        requests.len()
    );
    let last = requests.last().context("no request")?;
    let shown = last
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    ensure!(
        shown == Some(&format!("Bearer {}", shop.secret())),
        "the credential is another one"
    );
    let admin = mesh.admin()?;
    admin
        .audit_record(&format!("tool={}", Shop::GET_ITEM), |record| {
            record["outcome"] == "ok"
        })
        .await
}

/// Waits until an edge lists the shop's tools to this agent: it hears of keys and tools a moment later.
pub(super) async fn lists_the_shop(edge: &Mcp) -> Result<()> {
    let listed = || async {
        let tools = edge.tools().await?;
        ensure!(tools.iter().any(|tool| tool == Shop::GET_ITEM), "{tools:?}");
        Ok(())
    };
    eventually(PATIENCE, listed).await
}

/// The audit records of a tool.
pub(super) fn audit_of(tool: &str) -> String {
    format!("/audit?tool={tool}&limit=100")
}

/// Whether a list has this row.
pub(super) fn has(list: &Value, row: &Value) -> bool {
    list["items"]
        .as_array()
        .is_some_and(|items| items.iter().any(|item| item["id"] == row["id"]))
}

pub(super) fn text(value: &Value) -> Result<String> {
    let text = value.as_str();
    text.map(str::to_owned)
        .with_context(|| format!("{value} is no text"))
}
