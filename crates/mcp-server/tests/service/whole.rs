//! The whole service: built, started, asked over HTTP, stopped.

use std::sync::Arc;
use std::time::Duration;

use domain::catalogue::EntityKind;
use domain::provider::AuthScheme;
use domain::{KeyKind, SystemClock};
use mcp_server::{Config, Deps, build};
use runtime::lifecycle::Lifecycle;
use runtime::tls::install_crypto_provider;
use serde_json::{Value, json};
use test_support::{Reply, Upstream, eventually, http};
use uplink::Target;

use crate::client::{Answer, Client, request};
use crate::control_plane::{ControlPlane, Watcher};
use crate::harness::{SOON, control_plane_config, entities, telemetry};
use crate::things::{Tenant, revoked};

struct Running {
    url: String,
    control_plane: ControlPlane,
    life: Lifecycle,
    /// The control plane's own life ends after the service's.
    behind: Lifecycle,
    spool: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.life.abandon();
        self.behind.abandon();
    }
}

impl Running {
    async fn start(set: impl FnOnce(&mut Config)) -> Self {
        install_crypto_provider();
        let (life, behind) = (Lifecycle::new("mcp-server"), Lifecycle::new("control plane"));
        let control_plane = ControlPlane::start(&behind);
        let spool = tempfile::tempdir().unwrap();
        let mut config = Config {
            control_plane: control_plane_config(),
            ..Config::default()
        };
        "127.0.0.1:0".clone_into(&mut config.listen.address);
        config.spool.dir = spool.path().join("audit");
        set(&mut config);
        let deps = Deps {
            telemetry: telemetry().0,
            life: life.clone(),
            clock: Arc::new(SystemClock),
            cache: None,
            target: Target::InProcess(control_plane.connector.clone()),
        };
        let service = build(config, deps).await.unwrap();
        let url = format!("http://{}", service.addr());
        service.start();
        Self {
            url,
            control_plane,
            life,
            behind,
            spool,
        }
    }

    fn client(&self, key: &str) -> Client {
        Client::new(&format!("{}/mcp", self.url), key)
    }

    async fn ready(&self) -> (u16, Value) {
        let answer = http::get(&format!("{}/health/ready", self.url)).await.unwrap();
        (answer.status.as_u16(), answer.json().unwrap())
    }

    async fn metrics(&self) -> String {
        http::get(&format!("{}/metrics", self.url)).await.unwrap().text()
    }

    /// Hands over the tenant and waits until the service takes calls.
    async fn load(&mut self, tenant: &Tenant) -> Watcher {
        let watcher = self.control_plane.watcher().await;
        watcher.snapshot("e1", 10, &entities(tenant));
        eventually(SOON, || async { self.ready().await.0 == 200 })
            .await
            .unwrap();
        watcher
    }

    async fn stop(&self) {
        self.life.stop();
        self.life
            .run_until_stopped(Duration::from_secs(10))
            .await
            .unwrap();
    }
}

async fn tenant() -> (Upstream, Tenant, String) {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/items/7", Reply::json(200, &json!({ "id": 7 })));
    let mut tenant = Tenant::new(&upstream);
    let key = tenant.key(KeyKind::Agent.default_scopes(), None);
    (upstream, tenant, key)
}

/// The value of an unlabelled gauge of the service.
fn gauge(page: &str, name: &str) -> f64 {
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")))
        .unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn it_is_ready_after_the_first_snapshot_and_not_before() {
    let (_upstream, tenant, key) = tenant().await;
    let mut running = Running::start(|_| {}).await;
    let watcher = running.control_plane.watcher().await;
    let (status, body) = running.ready().await;
    assert_eq!(
        (status, &body["checks"]["catalogue"]["status"]),
        (503, &json!("unhealthy"))
    );
    assert_eq!(body["checks"]["control_plane"]["status"], "degraded");
    let refused = Answer::of(running.client(&key).old(&request(1, "tools/list", json!({})))).await;
    assert_eq!(refused.status, 401);
    watcher.snapshot("e1", 10, &entities(&tenant));
    eventually(SOON, || async { running.ready().await.0 == 200 })
        .await
        .unwrap();
    for check in ["cache", "audit_spool", "control_plane"] {
        let healthy = || async { running.ready().await.1["checks"][check]["status"] == "healthy" };
        eventually(SOON, healthy).await.unwrap();
    }
}

#[tokio::test]
async fn an_agent_calls_a_tool_and_every_trace_of_it_is_where_it_belongs() {
    let (upstream, mut tenant, key) = tenant().await;
    tenant.provider.auth = AuthScheme::Bearer;
    let mut running = Running::start(|_| {}).await;
    let watcher = running.load(&tenant).await;
    let mut client = running.client(&key);
    client.initialize().await;
    let listed = client.ask("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"][1]["name"], "acme_get");
    let call = json!({ "name": "acme_get", "arguments": { "id": 7 } });
    let called = client.ask("tools/call", call).await;
    assert_eq!(called["result"]["isError"], false, "{called}");
    assert!(
        called["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains('7')
    );
    let sent = &upstream.requests()[0];
    assert_eq!(sent.header("authorization"), Some("Bearer upstream-secret"));

    let records = || async {
        let records = running.control_plane.heard.records.lock().unwrap();
        records
            .iter()
            .find(|record| record.action == "tools/call")
            .cloned()
    };
    let record = eventually(SOON, records).await.unwrap();
    assert_eq!(
        (record.tool.as_str(), record.outcome.as_str(), record.status),
        ("acme_get", "ok", 200)
    );
    assert_eq!(record.key_id, tenant.keys[0].id.to_string());

    let page = running.metrics().await;
    assert!(page.contains("mcp_requests_total{") && page.contains("tool=\"acme_get\""));
    assert!(gauge(&page, "mcp_catalogue_age_seconds") < 60.0);
    watcher.gone(11, EntityKind::Tool, tenant.tools[0].id.0);
    let retired = || async { !running.metrics().await.contains("tool=\"acme_get\"") };
    eventually(SOON, retired).await.unwrap();

    running.stop().await;
    let uses = running.control_plane.heard.uses.lock().unwrap();
    assert!(
        uses.iter()
            .any(|used| used.key_id == tenant.keys[0].id.to_string())
    );
    let left: Vec<_> = std::fs::read_dir(running.spool.path().join("audit"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_call_as_a_task_is_a_job_of_the_control_plane() {
    let (upstream, tenant, key) = tenant().await;
    let mut running = Running::start(|_| {}).await;
    let _watcher = running.load(&tenant).await;
    let client = running.client(&key);
    let ask = async |method: &str, params: Value| {
        let tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
        Answer::of(client.new_era(method, params, &tasks)).await.message()
    };
    let call = json!({ "name": "acme_add", "arguments": {}, "_meta": { "io.devmesh/async": true } });
    let first = ask("tools/call", call.clone()).await;
    let jobs = Arc::clone(&running.control_plane.heard.jobs);
    let job = jobs.only();
    assert_eq!(first["result"]["taskId"], job.id.to_string(), "{first}");
    assert_eq!(
        (job.tenant_id, job.requested_by),
        (tenant.id, Some(tenant.keys[0].id))
    );
    let task = json!({ "taskId": job.id.to_string() });
    assert_eq!(
        ask("tasks/get", task.clone()).await["result"]["status"],
        "working"
    );
    jobs.finish(job.id, &domain::CallOutcome::text("added"));
    let done = ask("tasks/get", task).await;
    assert_eq!(done["result"]["result"]["content"][0]["text"], "added", "{done}");

    let second = ask("tools/call", call).await;
    let task = json!({ "taskId": second["result"]["taskId"] });
    ask("tasks/cancel", task.clone()).await;
    assert_eq!(ask("tasks/get", task).await["result"]["status"], "cancelled");
    let unknown = json!({ "taskId": domain::JobId::generate().to_string() });
    assert!(ask("tasks/get", unknown).await["error"]["code"].is_i64());
    assert!(upstream.requests().is_empty(), "a worker runs it, not the edge");
}

#[tokio::test]
async fn a_key_that_is_revoked_is_out_within_a_second() {
    let (_upstream, tenant, key) = tenant().await;
    let mut running = Running::start(|_| {}).await;
    let watcher = running.load(&tenant).await;
    let client = running.client(&key);
    let list = || Answer::of(client.new_era("tools/list", json!({}), &json!({})));
    assert_eq!(list().await.status, 200);
    watcher.change(11, &revoked(&tenant.keys[0]));
    let refused = || async { list().await.status == 401 };
    eventually(Duration::from_secs(1), refused).await.unwrap();
}

#[tokio::test]
async fn without_its_control_plane_it_serves_what_it_knows_until_that_is_too_old() {
    let (_upstream, tenant, key) = tenant().await;
    let mut running = Running::start(|config| {
        config.catalogue.max_age = Duration::from_secs(3).into();
        config.catalogue.silence = Duration::from_millis(500).into();
    })
    .await;
    let watcher = running.load(&tenant).await;
    let client = running.client(&key);
    running.control_plane.refuse(true);
    watcher.breaks();
    let degraded = || async { running.ready().await.1["checks"]["control_plane"]["status"] == "degraded" };
    eventually(SOON, degraded).await.unwrap();
    assert_eq!(running.ready().await.0, 200);
    let called = client.call("acme_get", json!({ "id": 7 })).await;
    assert_eq!(called["result"]["isError"], false, "{called}");

    let refused = || async {
        let called = client.call("acme_get", json!({ "id": 7 })).await;
        let text = called["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        called["result"]["isError"] == true && text.contains("lost its control plane")
    };
    eventually(Duration::from_secs(10), refused).await.unwrap();
    eventually(SOON, || async {
        gauge(&running.metrics().await, "mcp_catalogue_age_seconds") > 3.0
    })
    .await
    .unwrap();

    running.control_plane.refuse(false);
    let watcher = running.control_plane.watcher().await;
    assert_eq!(
        (watcher.request.epoch.as_str(), watcher.request.after_number),
        ("e1", 10)
    );
    watcher.heartbeat(10);
    let served = || async { client.call("acme_get", json!({ "id": 7 })).await["result"]["isError"] == false };
    eventually(SOON, served).await.unwrap();
}

#[tokio::test]
async fn a_service_key_that_is_missing_is_named_before_anything_listens() {
    let spool = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.spool.dir = spool.path().to_owned();
    let deps = Deps {
        telemetry: telemetry().0,
        life: Lifecycle::new("mcp-server"),
        clock: Arc::new(SystemClock),
        cache: None,
        target: Target::Remote,
    };
    let error = build(config, deps).await.err().unwrap();
    assert!(error.to_string().contains("control_plane.service_key"), "{error}");
}

#[tokio::test]
async fn a_key_that_was_made_a_moment_ago_is_waited_for_and_a_made_up_one_is_asked_for_once() {
    let (_upstream, mut tenant, _) = tenant().await;
    let mut running = Running::start(|config| {
        config.catalogue.key_arrival = runtime::config::Duration::from_mins(1);
        config.catalogue.key_unknown = runtime::config::Duration::from_mins(10);
    })
    .await;
    let watcher = running.load(&tenant).await;
    let key = tenant.key(KeyKind::Agent.default_scopes(), None);
    let made = tenant.keys.last().unwrap().clone();
    running
        .control_plane
        .heard
        .keys
        .lock()
        .unwrap()
        .push(made.prefix.clone());
    let client = running.client(&key);
    let asked = Answer::of(client.new_era("tools/list", json!({}), &json!({})));
    let brought = async {
        let looked_for =
            || async { *running.control_plane.heard.looked_for.lock().unwrap() == [made.prefix.clone()] };
        eventually(SOON, looked_for).await.unwrap();
        watcher.change(11, &domain::Entity::Key(made.clone()));
    };
    let (answer, ()) = tokio::join!(asked, brought);
    assert_eq!(answer.status, 200, "{answer:?}");
    let made_up = format!("dm_{}_{}", "0".repeat(12), "0".repeat(64));
    for _ in 0..3 {
        let refused = Answer::of(running.client(&made_up).old(&request(1, "tools/list", json!({})))).await;
        assert_eq!(refused.status, 401);
    }
    let looked_for = running.control_plane.heard.looked_for.lock().unwrap().clone();
    assert_eq!(looked_for, [made.prefix, "0".repeat(12)]);
    let page = running.metrics().await;
    for (outcome, count) in [("arrived", 1), ("unknown", 1), ("remembered", 2)] {
        let line = page.lines().find(|line| {
            line.starts_with("mcp_key_lookups_total") && line.contains(&format!("outcome=\"{outcome}\""))
        });
        assert!(
            line.is_some_and(|line| line.ends_with(&format!(" {count}"))),
            "{outcome}: {line:?}"
        );
    }
}

#[tokio::test]
async fn who_guesses_keys_is_refused_without_asking_the_control_plane_for_each() {
    let (_upstream, tenant, _) = tenant().await;
    let mut running = Running::start(|config| {
        config.catalogue.key_lookups = "1/h".parse().unwrap();
        config.catalogue.key_lookup_burst = 1;
        config.catalogue.key_unknown = runtime::config::Duration::from_mins(10);
    })
    .await;
    let _watcher = running.load(&tenant).await;
    for number in 0..20 {
        let guess = format!("dm_{number:012x}_{}", "0".repeat(64));
        let refused = Answer::of(running.client(&guess).old(&request(1, "tools/list", json!({})))).await;
        assert_eq!(refused.status, 401);
    }
    assert_eq!(running.control_plane.heard.looked_for.lock().unwrap().len(), 1);
}
