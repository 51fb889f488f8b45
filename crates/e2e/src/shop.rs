//! The API behind the mesh: a small shop with an OpenAPI description, a secret and a record of what it was asked.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_support::{Recorded, Reply, Upstream};

use crate::Mesh;

/// What the shop wants to see as bearer token.
const SECRET: &str = "shop-secret-7f3a9c51d2";

/// A shop that serves until dropped.
pub struct Shop {
    upstream: Upstream,
}

impl Shop {
    /// Reads an item; marked as read-only by its method.
    pub const GET_ITEM: &'static str = "shop_get_item";
    /// Adds an item; every accepted request is an effect.
    pub const ADD_ITEM: &'static str = "shop_add_item";
    /// Shows the request's own headers, the secret among them.
    pub const ECHO: &'static str = "shop_echo";
    /// Always answers 500.
    pub const BREAK: &'static str = "shop_break";

    /// Opens it on a free port.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn open() -> Result<Self> {
        let upstream = Upstream::start().await?;
        let item = |request: &Recorded| {
            let id: u64 = request
                .path
                .rsplit('/')
                .next()
                .and_then(|id| id.parse().ok())
                .unwrap_or_default();
            Reply::json(200, &json!({"id": id, "name": "lamp"}))
        };
        upstream.on("GET", "/items/*", Reply::computed(item));
        let added = |request: &Recorded| match request.json() {
            Ok(item) => Reply::json(201, &json!({"id": 7, "name": item["name"]})),
            Err(_) => Reply::status(400),
        };
        upstream.on("POST", "/items", Reply::computed(added));
        upstream.on("GET", "/echo", Reply::echo());
        upstream.on(
            "GET",
            "/break",
            Reply::json(500, &json!({"message": "the till is on fire"})),
        );
        let shop = Self { upstream };
        shop.describe(&[]);
        Ok(shop)
    }

    /// The server, to change what it answers.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// What it wants as bearer token.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// The requests that added an item.
    pub fn additions(&self) -> Vec<Recorded> {
        let all = self.upstream.requests_to("/items");
        all.into_iter()
            .filter(|request| request.method == "POST")
            .collect()
    }

    /// Serves a description with these further operations (GET, no parameters).
    pub fn describe(&self, more: &[&str]) {
        let mut description = description();
        for operation in more {
            description["paths"][format!("/{operation}")] = json!({"get": {
                "operationId": operation, "summary": "One more.", "responses": {"200": {"description": "ok"}},
            }});
        }
        self.upstream
            .on("GET", "/openapi.json", Reply::json(200, &description));
    }

    /// Adds it as the provider `shop` and waits until every replica lists its tools to `key`.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn add_to(&self, mesh: &Mesh, key: &str) -> Result<Value> {
        self.add(mesh, key, &self.provider()).await
    }

    /// The same, with bounds of its calls.
    ///
    /// # Errors
    /// As [`Self::add_to`].
    pub async fn add_limited(&self, mesh: &Mesh, key: &str, limits: &Value) -> Result<Value> {
        let mut provider = self.provider();
        provider["limits"] = limits.clone();
        self.add(mesh, key, &provider).await
    }

    async fn add(&self, mesh: &Mesh, key: &str, provider: &Value) -> Result<Value> {
        let admin = mesh.admin()?;
        let job = admin.post("/providers", provider).await?;
        let result = admin.result_of(&job).await?;
        for url in mesh.mcp_urls() {
            let client = crate::Mcp::stateless(&url, key);
            let listed = || async {
                let tools = client.tools().await?;
                tools
                    .iter()
                    .any(|tool| tool == Self::GET_ITEM)
                    .then_some(())
                    .context("not listed yet")
            };
            test_support::eventually(crate::PATIENCE, listed).await?;
        }
        Ok(result)
    }

    /// The request that adds it.
    pub fn provider(&self) -> Value {
        json!({
            "name": "shop",
            "source": {"type": "url", "url": format!("{}/openapi.json", self.upstream.url())},
            "base_url": self.upstream.url(),
            "auth": {"type": "bearer"},
            "secret": SECRET,
            "allowed_hosts": ["127.0.0.1"],
        })
    }
}

fn description() -> Value {
    let item = json!({
        "type": "object",
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
        "required": ["id", "name"],
    });
    let of_item = json!({"description": "The item", "content": {"application/json": {"schema": item}}});
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "1"},
        "paths": {
            "/items/{id}": {"get": {
                "operationId": "getItem", "summary": "One item.",
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1}},
                    {"name": "verbose", "in": "query", "schema": {"type": "boolean"}},
                ],
                "responses": {"200": of_item},
            }},
            "/items": {"post": {
                "operationId": "addItem", "summary": "Adds an item.",
                "requestBody": {"required": true, "content": {"application/json": {"schema": {
                    "type": "object", "properties": {"name": {"type": "string", "minLength": 1}}, "required": ["name"],
                }}}},
                "responses": {"201": of_item},
            }},
            "/echo": {"get": {"operationId": "echo", "responses": {"200": {"description": "The request"}}}},
            "/break": {"get": {"operationId": "break", "responses": {"200": {"description": "Never"}}}},
        },
    })
}
