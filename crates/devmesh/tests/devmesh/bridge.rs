//! `devmesh mcp`: JSON-RPC on stdin and stdout.

use anyhow::Result;
use serde_json::{Value, json};
use test_support::{Process, Reply, Upstream, eventually, free_port};

use crate::mesh::{Mesh, PATIENCE, devmesh};

/// A bridge, seen from an MCP client.
struct Bridge(Process);

impl Bridge {
    fn start(mesh: &Mesh) -> Result<Self> {
        Ok(Self(devmesh(mesh.dir()).args(["mcp"]).with_stdin().start()?))
    }

    fn send(&self, message: &Value) {
        self.0.write_line(message.to_string()).unwrap();
    }

    /// The answer to `id`; every line on stdout must be a JSON-RPC message.
    async fn answer(&self, id: u64) -> Value {
        self.message(|message| message["id"] == id && message.get("method").is_none())
            .await
    }

    async fn message(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = eventually(PATIENCE, || async {
            let lines = self.0.stdout_lines();
            let messages = lines
                .iter()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            messages
                .map(|message| {
                    assert_eq!(message["jsonrpc"], "2.0");
                    message
                })
                .find(|message| wanted(message))
        });
        found.await.unwrap_or_else(|error| {
            panic!(
                "{error}\n{:?}\n{:?}",
                self.0.stdout_lines(),
                self.0.stderr_lines()
            )
        })
    }

    async fn initialize(&self) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}));
        let answer = self.answer(0).await;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer
    }

    fn call(&self, id: u64, tool: &str) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}}}));
    }
}

#[tokio::test]
async fn a_client_on_stdio_initializes_lists_calls_and_is_told_of_errors() {
    let mesh = Mesh::up().await.unwrap();
    let bridge = Bridge::start(&mesh).unwrap();
    assert_eq!(
        bridge.initialize().await["result"]["protocolVersion"],
        "2025-11-25"
    );
    bridge.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let tools = bridge.answer(1).await["result"]["tools"].to_string();
    assert!(tools.contains("mesh_whoami"), "{tools}");
    bridge.call(2, "mesh_whoami");
    assert_eq!(
        bridge.answer(2).await["result"]["structuredContent"]["tenant"],
        "default"
    );
    bridge.call(3, "no_such_tool");
    assert_eq!(bridge.answer(3).await["error"]["code"], -32602);
    bridge.0.write_line("this is no JSON").unwrap();
    assert_eq!(
        bridge
            .message(|message| message["id"].is_null() && message.get("method").is_none())
            .await["error"]["code"],
        -32700
    );
    bridge.0.write_line(b"nor is this: \xff\xfe").unwrap();
    bridge.call(4, "mesh_whoami");
    assert_eq!(bridge.answer(4).await["result"]["isError"], false);
    bridge.0.close_stdin();
    assert_eq!(bridge.0.exit_code(PATIENCE).await.unwrap(), Some(0));
}

#[tokio::test]
async fn what_the_server_says_by_itself_reaches_the_client() {
    let mesh = Mesh::up().await.unwrap();
    let bridge = Bridge::start(&mesh).unwrap();
    bridge.initialize().await;
    bridge.call(1, "mesh_whoami");
    bridge.answer(1).await;
    assert_eq!(mesh.run(&["tools", "remove", "mesh"]).unwrap().code, 0);
    bridge
        .message(|message| message["method"] == "notifications/tools/list_changed")
        .await;
}

#[tokio::test]
async fn a_client_of_the_stateless_era_needs_no_session() {
    let mesh = Mesh::up().await.unwrap();
    let bridge = Bridge::start(&mesh).unwrap();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    bridge.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}));
    let discovered = bridge.answer(1).await;
    assert!(
        discovered["result"]["supportedVersions"]
            .to_string()
            .contains("2026-07-28"),
        "{discovered}"
    );
    bridge.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "mesh_whoami", "arguments": {}, "_meta": meta}}));
    assert_eq!(
        bridge.answer(2).await["result"]["structuredContent"]["tenant"],
        "default"
    );
    let listen = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
    bridge.send(&json!({"jsonrpc": "2.0", "id": 3, "method": "subscriptions/listen", "params": listen}));
    bridge
        .message(|message| message["method"] == "notifications/subscriptions/acknowledged")
        .await;
    assert_eq!(mesh.run(&["tools", "remove", "mesh"]).unwrap().code, 0);
    bridge
        .message(|message| message["method"] == "notifications/tools/list_changed")
        .await;
    // A subscription that stays open does not hold the end up.
    bridge.0.close_stdin();
    let soon = std::time::Duration::from_secs(10);
    assert_eq!(bridge.0.exit_code(soon).await.unwrap(), Some(0));
}

#[tokio::test]
async fn one_piped_request_is_answered_before_the_bridge_ends() {
    let mesh = Mesh::up().await.unwrap();
    let bridge = Bridge::start(&mesh).unwrap();
    bridge.initialize().await;
    bridge.call(1, "mesh_whoami");
    bridge.0.close_stdin();
    assert_eq!(bridge.0.exit_code(PATIENCE).await.unwrap(), Some(0));
    assert_eq!(bridge.answer(1).await["result"]["isError"], false);
}

#[tokio::test]
async fn a_session_outlives_a_restart_of_the_mesh_and_its_absence_is_an_answer() {
    let port = free_port().unwrap().to_string();
    let mut mesh = Mesh::up_with(&["--mcp-port", &port]).await.unwrap();
    let bridge = Bridge::start(&mesh).unwrap();
    bridge.initialize().await;
    bridge.call(1, "mesh_whoami");
    bridge.answer(1).await;
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    bridge.call(2, "mesh_whoami");
    let absent = bridge.answer(2).await;
    assert!(
        absent["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cannot reach"),
        "{absent}"
    );
    mesh.again(&["--mcp-port", &port]).await.unwrap();
    bridge.call(3, "mesh_whoami");
    assert_eq!(bridge.answer(3).await["result"]["isError"], false);
}

#[tokio::test]
async fn the_mesh_counts_calls_through_the_bridge_as_stdio() {
    let mesh = Mesh::up().await.unwrap();
    let bridge = Bridge::start(&mesh).unwrap();
    bridge.initialize().await;
    bridge.call(1, "mesh_whoami");
    bridge.answer(1).await;
    let running: Value =
        serde_json::from_str(&std::fs::read_to_string(mesh.data().join("running.json")).unwrap()).unwrap();
    let metrics = running["mcp_url"].as_str().unwrap().replace("/mcp", "/metrics");
    let page = test_support::http::get(&metrics).await.unwrap().text();
    let counted = page
        .lines()
        .any(|line| line.starts_with("mcp_requests_total{") && line.contains(r#"method="STDIO""#));
    assert!(counted, "{page}");
}

#[tokio::test]
async fn cancelling_a_request_of_the_stateless_era_ends_the_call() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/slow", Reply::hang());
    let mesh = Mesh::up().await.unwrap();
    let description = json!({"openapi": "3.1.0", "info": {"title": "Slow", "version": "1"},
        "servers": [{"url": upstream.url()}],
        "paths": {"/slow": {"get": {"operationId": "slow", "responses": {"200": {"description": "At last"}}}}}});
    std::fs::write(mesh.dir().join("slow.json"), description.to_string()).unwrap();
    let add = [
        "tools",
        "add",
        "slow",
        "--openapi",
        "slow.json",
        "--allow-host",
        upstream.authority(),
    ];
    assert_eq!(mesh.run(&add).unwrap().code, 0);
    let bridge = Bridge::start(&mesh).unwrap();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    bridge.send(&json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
        "params": {"name": "slow_slow", "arguments": {}, "_meta": meta}}));
    upstream.wait_for_requests(1, PATIENCE).await.unwrap();
    bridge.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 5, "reason": "changed my mind", "_meta": meta}}));
    let recorded = eventually(PATIENCE, || async {
        let records = mesh.json(&["audit", "--tool", "slow_slow"]).ok()?;
        records.get(0)?["outcome"].as_str().map(str::to_owned)
    });
    assert_eq!(recorded.await.unwrap(), "cancelled");
    let answered = bridge
        .0
        .stdout_lines()
        .iter()
        .any(|line| line.contains("\"id\":5"));
    assert!(!answered, "a cancelled request has no answer");
}
