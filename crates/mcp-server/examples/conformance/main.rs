//! The MCP engine with the fixtures of the official conformance suite behind it: same handler, same transport, other
//! tools. `scripts/conformance` builds and starts it; it prints `listening on http://ADDRESS/mcp`.
//!
//! The suite sends no key, so every request is given one here. With `--replicas N` there are N engines, each with sessions
//! and Redis connections of its own, and every request goes to the next one in turn, whatever connection it came on. They
//! share what replicas of a mesh share: Redis, rest-api (the tasks) and news of changes.
//!
//! Usage: `conformance [--listen ADDRESS:PORT] [--replicas N --cache redis://…]`.

mod calls;
mod fixture;
mod options;
mod prompts;
mod questions;
mod resources;
mod rounds;
mod tasks;
mod tools;
mod turns;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header::AUTHORIZATION};
use axum::middleware::{Next, from_fn};
use chrono::{DateTime, Utc};
use domain::key::KeyRefusal;
use domain::ports::Cache;
use domain::{Clock, KeyId, KeyKind, Presented, PresentedKey, Principal, SystemClock, TenantId};
use mcp_server::audit::AuditSink;
use mcp_server::engine::{Engine, EngineConfig, EngineMetrics, EngineParts, Listeners};
use mcp_server::session::{SessionConfig, Sessions};
use mcp_server::transport::{Keys, Transport, TransportConfig, TransportParts};
use proto::v1::AuditRecord;
use rmcp::task_manager::TaskManager;
use runtime::lifecycle::Lifecycle;
use runtime::listen;
use telemetry::MetricsConfig;
use telemetry::metrics::Registry;

use fixture::Fixture;
use options::Options;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The one key, which every request gets.
struct OneKey {
    principal: Principal,
    hash: [u8; 32],
}

impl Keys for OneKey {
    fn authenticate(&self, presented: &Presented, _now: DateTime<Utc>) -> Result<Principal, KeyRefusal> {
        match presented {
            Presented::Key(key) if key.hash() == self.hash => Ok(self.principal.clone()),
            _ => Err(KeyRefusal::Unknown),
        }
    }

    fn is_live(&self, key: KeyId, _now: DateTime<Utc>) -> bool {
        key == self.principal.key_id
    }
}

/// The suite reads no audit log.
struct NoAudit;

#[async_trait]
impl AuditSink for NoAudit {
    fn admit(&self) -> Result<(), String> {
        Ok(())
    }

    async fn record(&self, _record: AuditRecord) {}
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let options = Options::from_arguments()?;
    let life = Lifecycle::new("conformance");
    let key = PresentedKey::mint(&[7; 38]);
    let listener = listen::Listener::bind(&listen::ListenConfig::at(options.listen.clone())).await?;
    let bound = listener.bound();
    let mut routers = Vec::new();
    let shared = Shared::new(&key);
    for _ in 0..options.replicas {
        let transport = transport(&shared, options.cache()?, &life)?;
        let (upkeep, stop) = (transport.upkeep(), life.soft_stop());
        routers.push(transport.router());
        life.spawn("upkeep", async move {
            upkeep.run(stop).await;
            Ok::<(), Error>(())
        });
    }
    let router = with_key(turns::in_turn(routers), &key)?;
    life.spawn("http", listener.serve(router, life.clone()));
    announce(&format!("{}{}", bound.url(), mcp_server::transport::PATH));
    Ok(life.run_until_stopped(Duration::from_secs(5)).await?)
}

/// What all replicas share besides the cache.
struct Shared {
    keys: Arc<OneKey>,
    listeners: Listeners,
    tasks: Arc<TaskManager>,
}

impl Shared {
    fn new(key: &PresentedKey) -> Self {
        let principal = Principal {
            tenant_id: TenantId::generate(),
            key_id: KeyId::generate(),
            kind: KeyKind::Agent,
            name: "conformance".to_owned(),
            scopes: KeyKind::Agent.default_scopes(),
            until: None,
        };
        let hash = key.hash();
        Self {
            keys: Arc::new(OneKey { principal, hash }),
            listeners: Listeners::default(),
            tasks: Arc::new(TaskManager::new()),
        }
    }
}

fn transport(shared: &Shared, cache: Arc<dyn Cache>, life: &Lifecycle) -> Result<Transport, Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let engine = Engine::new(EngineParts {
        backend: Fixture::new(shared.listeners.clone(), Arc::clone(&shared.tasks)),
        audit: Arc::new(NoAudit),
        listeners: shared.listeners.clone(),
        metrics: EngineMetrics::in_registry(&Registry::new("mcp-server", "test", &MetricsConfig::default())),
        config: EngineConfig::default(),
        clock: Arc::clone(&clock),
        state_key: vec![7; 32],
        stop: life.hard_stop(),
    })?;
    Ok(Transport::new(TransportParts {
        engine,
        sessions: Sessions::new(cache, SessionConfig::default()),
        keys: Arc::clone(&shared.keys) as Arc<dyn Keys>,
        config: TransportConfig::default(),
        clock,
        soft_stop: life.soft_stop(),
        hard_stop: life.hard_stop(),
    }))
}

/// Gives every request the key.
fn with_key(router: Router, key: &PresentedKey) -> Result<Router, Error> {
    let value = HeaderValue::from_str(&format!("Bearer {}", key.reveal().as_str()))?;
    Ok(router.layer(from_fn(move |mut request: Request, next: Next| {
        request.headers_mut().insert(AUTHORIZATION, value.clone());
        next.run(request)
    })))
}

#[expect(clippy::print_stdout, reason = "the line is read by whoever started this")]
fn announce(url: &str) {
    use std::io::Write;
    println!("listening on {url}");
    let _ = std::io::stdout().flush();
}

#[expect(clippy::print_stderr, reason = "a person started this")]
fn report(error: &Error) {
    eprintln!("{error}");
}
