//! rest-api and worker as processes, on PostgreSQL and RabbitMQ, with one tool.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use test_support::{Postgres, Process, ProcessBuilder, eventually};

use super::api::Api;
use super::bare::LOOK;
use crate::servers::free_address;

const PATIENCE: Duration = Duration::from_secs(60);
/// Requests for jobs that are under way at once.
const ASKING: usize = 16;
/// The one tool.
const TOOL: &str = "shop_get_item";

/// A running rest-api, and what a worker needs to join it.
pub(crate) struct Services {
    binaries: PathBuf,
    dir: TempDir,
    api: String,
    admin: String,
    grpc: String,
    service_key: String,
    broker: String,
    database: PgPool,
    http: reqwest::Client,
    _rest_api: Process,
}

impl Services {
    /// Starts rest-api from beside `devmesh` and adds the API at `upstream` as its one provider.
    pub(super) async fn start(devmesh: &Path, upstream: &str, postgres: &Postgres) -> Result<Self> {
        let services = Self::bare(devmesh, postgres).await?;
        services.add(upstream).await?;
        Ok(services)
    }

    /// The same without a provider.
    pub(crate) async fn bare(devmesh: &Path, postgres: &Postgres) -> Result<Self> {
        let binaries = devmesh.parent().context("no folder")?.canonicalize()?;
        let dir = tempfile::tempdir()?;
        let (api, grpc) = (free_address()?.to_string(), free_address()?.to_string());
        let (database, broker) = (
            postgres.database("mesh").await?,
            test_support::fresh_vhost_or_prefix().await?,
        );
        let secret = || {
            format!(
                "{}{}",
                domain::JobId::generate().0.simple(),
                domain::JobId::generate().0.simple()
            )
        };
        let service_key = secret();
        let process = service(&binaries, "rest-api")?
            .env("DEVMESH_DATA_DIR", dir.path())
            .env("DEVMESH_LISTEN__ADDRESS", &api)
            .env("DEVMESH_GRPC__LISTEN__ADDRESS", &grpc)
            .env("DEVMESH_GRPC__SERVICE_KEY", &service_key)
            .env(
                "DEVMESH_CREDENTIALS__KEYS",
                format!(r#"[{{ id = "bench", key = "{}" }}]"#, secret()),
            )
            .env("DATABASE_URL", &database)
            .env("QUEUE_URL", &broker)
            .start()?;
        process
            .wait_ready(&format!("http://{api}/health/ready"), PATIENCE)
            .await?;
        #[expect(clippy::disallowed_methods, reason = "it talks to our own process")]
        let http = reqwest::Client::new();
        Ok(Self {
            binaries,
            admin: std::fs::read_to_string(dir.path().join("bootstrap.key"))?
                .trim()
                .to_owned(),
            dir,
            api,
            grpc,
            service_key,
            broker,
            database: PgPool::connect(&database).await?,
            http,
            _rest_api: process,
        })
    }

    /// A worker that is ready; it runs until it is dropped.
    pub(crate) async fn worker(&self) -> Result<Process> {
        let listen = free_address()?.to_string();
        let process = service(&self.binaries, "worker")?
            .env("DEVMESH_LISTEN__ADDRESS", &listen)
            .env("DEVMESH_SPOOL__DIR", self.dir.path().join("audit-worker"))
            .env("DEVMESH_CONTROL_PLANE__URL", format!("http://{}", self.grpc))
            .env("DEVMESH_CONTROL_PLANE__SERVICE_KEY", &self.service_key)
            .env("QUEUE_URL", &self.broker)
            .start()?;
        process
            .wait_ready(&format!("http://{listen}/health/ready"), PATIENCE)
            .await?;
        Ok(process)
    }

    /// A replica of mcp-server that is ready, and its endpoint; it runs until it is dropped.
    pub(crate) async fn edge(&self) -> Result<(Process, String)> {
        let listen = free_address()?.to_string();
        let process = service(&self.binaries, "mcp-server")?
            .env("DEVMESH_LISTEN__ADDRESS", &listen)
            .env("DEVMESH_SPOOL__DIR", self.dir.path().join("audit-edge"))
            .env("DEVMESH_CONTROL_PLANE__URL", format!("http://{}", self.grpc))
            .env("DEVMESH_CONTROL_PLANE__SERVICE_KEY", &self.service_key)
            .env("CACHE_URL", test_support::redis_url().await?)
            .env("DEVMESH_CACHE__PREFIX", test_support::fresh_redis_prefix())
            .start()?;
        process
            .wait_ready(&format!("http://{listen}/health/ready"), PATIENCE)
            .await?;
        Ok((process, format!("http://{listen}/mcp")))
    }

    /// A new agent's key.
    pub(crate) async fn agent(&self, name: &str) -> Result<String> {
        let made = self
            .post("keys", &json!({ "name": name, "kind": "agent" }))
            .await?;
        made["secret"].as_str().map(str::to_owned).context("no secret")
    }

    /// Lets a fresh worker run so many jobs that wait already; how many a second.
    pub(super) async fn jobs(&self, jobs: usize, api: &Api) -> Result<f64> {
        let since: String = sqlx::query_scalar("SELECT now()::text")
            .fetch_one(&self.database)
            .await?;
        let before = api.requests();
        self.enqueue(jobs).await?;
        let published = || async {
            let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
                .fetch_one(&self.database)
                .await?;
            ensure!(waiting == 0, "{waiting} jobs are not published");
            anyhow::Ok(())
        };
        eventually(PATIENCE, published).await?;
        let worker = self.worker().await?;
        // Looking into the database costs what is measured here: only the end is looked for there.
        let done = || async {
            match api.requests() - before {
                asked if asked < jobs => Ok(asked),
                _ => self.done(&since).await,
            }
        };
        let rate = rate(jobs, done).await?;
        worker.terminate()?;
        ensure!(
            worker.exit_code(PATIENCE).await? == Some(0),
            "the worker did not drain"
        );
        Ok(rate)
    }

    /// Asks for so many jobs.
    pub(super) async fn enqueue(&self, jobs: usize) -> Result<()> {
        let asking = stream::iter(0..jobs)
            .map(|_| self.ask(7))
            .buffer_unordered(ASKING);
        asking.try_for_each(|()| std::future::ready(Ok(()))).await
    }

    /// Asks for a job that reads this item.
    pub(super) async fn ask(&self, item: u64) -> Result<()> {
        let path = format!("tools/{TOOL}/calls?mode=async");
        self.post(&path, &json!({ "arguments": { "id": item } }))
            .await
            .map(drop)
    }

    async fn done(&self, since: &str) -> Result<usize> {
        let done = "SELECT count(*) FROM jobs
                     WHERE state = 'done' AND kind = 'tool_call' AND updated_at >= $1::timestamptz";
        let done: i64 = sqlx::query_scalar(done)
            .bind(since)
            .fetch_one(&self.database)
            .await?;
        Ok(usize::try_from(done)?)
    }

    async fn add(&self, upstream: &str) -> Result<()> {
        let provider = json!({
            "name": "shop", "source": { "type": "inline", "text": description() },
            "base_url": upstream, "allowed_hosts": ["127.0.0.1"],
        });
        let worker = self.worker().await?;
        self.post("providers", &provider).await?;
        let call = || self.ask(7);
        eventually(PATIENCE, call)
            .await
            .context("the tool is not there")?;
        drop(worker);
        Ok(())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self
            .http
            .post(format!("http://{}/api/v1/{path}", self.api))
            .json(body);
        let answer = request.bearer_auth(&self.admin).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

/// Things that are done a second, from when a tenth of them is until all are: what starts up does not count.
pub(super) async fn rate<F: Future<Output = Result<usize>>>(all: usize, done: impl Fn() -> F) -> Result<f64> {
    let deadline = Instant::now() + PATIENCE * 3;
    let mut first = None;
    loop {
        let (now, count) = (Instant::now(), done().await?);
        ensure!(now < deadline, "{count} of {all} are done");
        if count >= all / 10 && first.is_none() {
            first = Some((now, count));
        }
        if count >= all {
            let (began, counted) = first.context("nothing was done")?;
            let seconds = now.duration_since(began).max(LOOK).as_secs_f64();
            return Ok((all - counted).max(1) as f64 / seconds);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn service(binaries: &Path, name: &str) -> Result<ProcessBuilder> {
    let path = binaries.join(name);
    ensure!(path.is_file(), "{} is missing: build it first", path.display());
    Ok(Process::command(path)
        .env_clear()
        .env("DEVMESH_ENVIRONMENT", "bench"))
}

fn description() -> String {
    let item = json!({ "type": "object", "required": ["id", "name"], "properties": {
        "id": { "type": "integer" }, "name": { "type": "string" } } });
    json!({ "openapi": "3.0.3", "info": { "title": "Shop", "version": "1" }, "paths": { "/items/{id}": { "get": {
        "operationId": "getItem", "summary": "One item.",
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer", "minimum": 1 } }],
        "responses": { "200": { "description": "The item", "content": { "application/json": { "schema": item } } } },
    } } } })
    .to_string()
}
