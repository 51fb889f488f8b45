//! A running mesh.

mod cluster;
mod environment;
mod process;
mod up;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use test_support::{OtlpReceiver, http};

use crate::{Api, Mcp, PATIENCE, Page, Service, Setup, Shape};

pub(crate) use cluster::Neighbour;
pub use cluster::{sealing_key, unique};
pub use process::Running;

/// A running mesh with a directory of its own; its processes are killed when it is dropped.
pub struct Mesh {
    setup: Setup,
    otlp: OtlpReceiver,
    processes: Vec<Running>,
    /// What processes printed that were killed since.
    past_lines: Vec<String>,
    backends: Option<cluster::BackEnds>,
    rest_api: cluster::Addresses,
    agents: AtomicUsize,
    dir: TempDir,
}

/// The metrics of one service.
pub struct ServicePage {
    /// `rest-api`, `mcp-server` (once for each replica), `worker`, or `devmesh`.
    pub service: &'static str,
    /// Its `/metrics`.
    pub page: Page,
}

impl Mesh {
    pub(crate) async fn start(setup: Setup) -> Result<Self> {
        let backends = match setup.shape {
            Shape::Up => None,
            Shape::Cluster => Some(cluster::BackEnds::of(&setup).await?),
        };
        let mut mesh = Self {
            setup,
            otlp: OtlpReceiver::start().await?,
            processes: Vec::new(),
            past_lines: Vec::new(),
            backends,
            rest_api: cluster::Addresses::default(),
            agents: AtomicUsize::new(1),
            dir: TempDir::new()?,
        };
        match mesh.setup.shape {
            Shape::Up => mesh.start_up().await?,
            Shape::Cluster => mesh.start_cluster().await?,
        }
        Ok(mesh)
    }

    /// Which back ends it is on.
    pub fn shape(&self) -> Shape {
        self.setup.shape
    }

    /// The spans that its services export.
    pub fn otlp(&self) -> &OtlpReceiver {
        &self.otlp
    }

    /// The broker's URL; none in the shape `up`.
    pub fn broker_url(&self) -> Option<&str> {
        self.backends.as_ref().map(cluster::BackEnds::broker)
    }

    /// The database's URL; none in the shape `up`.
    pub fn database_url(&self) -> Option<&str> {
        self.backends.as_ref().map(cluster::BackEnds::database)
    }

    /// Where everything lies that its processes keep.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What is started from now on is of the version in this folder, or of this build.
    pub fn use_programs(&mut self, dir: Option<&Path>) {
        self.setup.programs = dir.map(Path::to_owned);
    }

    /// A program of the version that it runs.
    ///
    /// # Errors
    /// When it is not built.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let Some(dir) = &self.setup.programs else {
            return crate::binary(name);
        };
        let path = dir.join(name);
        ensure!(path.is_file(), "{} is missing", path.display());
        Ok(path)
    }

    /// rest-api's address.
    ///
    /// # Errors
    /// When it is not running.
    pub fn api_url(&self) -> Result<String> {
        self.url(Service::RestApi)
    }

    /// The processes.
    pub fn processes(&self) -> &[Running] {
        &self.processes
    }

    /// The text of the bootstrap admin key.
    ///
    /// # Errors
    /// When its file is not there.
    pub fn admin_key(&self) -> Result<String> {
        let path = self.data_dir().join("bootstrap.key");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.trim().to_owned())
    }

    /// rest-api, as the bootstrap admin.
    ///
    /// # Errors
    /// As [`Self::admin_key`].
    pub fn admin(&self) -> Result<Api> {
        self.api(&self.admin_key()?)
    }

    /// rest-api, with this key.
    ///
    /// # Errors
    /// When rest-api is not running.
    pub fn api(&self, key: &str) -> Result<Api> {
        Ok(Api::new(self.url(Service::RestApi)?, key))
    }

    /// The MCP endpoints: one for each replica.
    pub fn mcp_urls(&self) -> Vec<String> {
        let replicas = self.urls(Service::McpServer);
        replicas.map(|url| format!("{url}/mcp")).collect()
    }

    /// A session (2025-11-25) on the first replica, with this key.
    ///
    /// # Errors
    /// When the mesh refuses it.
    pub async fn mcp(&self, key: &str) -> Result<Mcp> {
        let first = self.url(Service::McpServer)?;
        Mcp::open(&format!("{first}/mcp"), key).await
    }

    /// The stateless era (2026-07-28) on the last replica, with this key.
    ///
    /// # Errors
    /// When no replica is running.
    pub fn stateless_mcp(&self, key: &str) -> Result<Mcp> {
        let last = self.mcp_urls().pop().context("no mcp-server is running")?;
        Ok(Mcp::stateless(&last, key))
    }

    /// A new agent's key: its text and its id. Every replica knows it when this returns.
    ///
    /// # Errors
    /// When it is not accepted on every replica in time.
    pub async fn agent_key(&self) -> Result<(String, String)> {
        let name = format!("agent {}", self.agents.fetch_add(1, Ordering::Relaxed));
        let created = self
            .admin()?
            .post("/keys", &json!({"name": name, "kind": "agent"}))
            .await?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).context("a key has text");
        let (secret, id) = (text(&created["secret"])?, text(&created["key"]["id"])?);
        for url in self.mcp_urls() {
            let client = Mcp::stateless(&url, &secret);
            test_support::eventually(PATIENCE, || async { client.tools().await.map(drop) }).await?;
        }
        Ok((secret, id))
    }

    /// What every service shows at `/metrics` now.
    ///
    /// # Errors
    /// When one does not answer.
    pub async fn pages(&self) -> Result<Vec<ServicePage>> {
        let mut pages = Vec::new();
        for service in Service::ALL {
            for url in self.urls(service) {
                let answer = http::get(&format!("{url}/metrics")).await?;
                pages.push(ServicePage {
                    service: service.name(),
                    page: Page::parse(&answer.text())?,
                });
            }
        }
        Ok(pages)
    }

    /// Every line that any of its processes printed on standard output so far.
    pub fn stdout_lines(&self) -> Vec<String> {
        let now = self
            .processes
            .iter()
            .flat_map(|running| running.process.stdout_lines());
        self.past_lines.iter().cloned().chain(now).collect()
    }

    /// The same for standard error.
    pub fn stderr_lines(&self) -> Vec<String> {
        self.processes
            .iter()
            .flat_map(|running| running.process.stderr_lines())
            .collect()
    }

    /// The process that runs `service`; the first replica.
    ///
    /// # Errors
    /// When none does.
    pub fn process(&self, service: Service) -> Result<&Running> {
        let found = self.processes.iter().find(|running| running.runs(service));
        found.with_context(|| format!("{} is not running", service.name()))
    }

    /// Kills (SIGKILL) the process that runs `service`: the first replica; everything in the shape `up`.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&mut self, service: Service) -> Result<()> {
        let replica = self.process(service)?.replica;
        self.kill_replica(service, replica).await
    }

    /// Kills (SIGKILL) one replica of `service`, counted from 1; everything in the shape `up`.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill_replica(&mut self, service: Service, replica: usize) -> Result<()> {
        let at = self.position(service, Some(replica))?;
        self.processes[at].process.kill()?;
        self.take(at, PATIENCE).await.map(drop)
    }

    /// Waits for the end of the process that runs `service`, after it was told to end; its exit code.
    ///
    /// # Errors
    /// When it still runs at the deadline.
    pub async fn ended(&mut self, service: Service, deadline: Duration) -> Result<Option<i32>> {
        let at = self.position(service, None)?;
        self.take(at, deadline).await
    }

    /// Tells one replica of `service` to end (SIGTERM), and waits for that; its exit code.
    ///
    /// # Errors
    /// When it still runs at the deadline.
    pub async fn end_replica(
        &mut self,
        service: Service,
        replica: usize,
        deadline: Duration,
    ) -> Result<Option<i32>> {
        let at = self.position(service, Some(replica))?;
        self.processes[at].process.terminate()?;
        self.take(at, deadline).await
    }

    /// Where the process is that runs this replica of `service`, or any.
    fn position(&self, service: Service, replica: Option<usize>) -> Result<usize> {
        let is_it = |running: &Running| {
            running.runs(service) && replica.is_none_or(|replica| running.replica == replica)
        };
        let found = self.processes.iter().position(is_it);
        found.with_context(|| format!("{} is not running", service.name()))
    }

    async fn take(&mut self, at: usize, deadline: Duration) -> Result<Option<i32>> {
        let ended = self.processes.remove(at);
        let code = ended.process.exit_code(deadline).await?;
        self.past_lines.extend(ended.process.stdout_lines());
        Ok(code)
    }

    /// Starts again what [`Self::kill`] or [`Self::ended`] took away. In the shape `up` every address is another one
    /// afterwards.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_again(&mut self, service: Service) -> Result<()> {
        self.start_replica(service, 1).await
    }

    /// Starts again the replica that [`Self::kill_replica`] took away.
    ///
    /// # Errors
    /// When it runs still, or does not become ready.
    pub async fn start_replica(&mut self, service: Service, replica: usize) -> Result<()> {
        ensure!(
            self.position(service, Some(replica)).is_err(),
            "{} {replica} is running",
            service.name()
        );
        match self.setup.shape {
            Shape::Up => self.start_up().await,
            Shape::Cluster => self.start_one(service, replica).await,
        }
    }

    /// Stops everything in order (SIGTERM): who is asked ends after who asks.
    ///
    /// # Errors
    /// When a process does not end with 0 within `deadline`.
    pub async fn stop(&mut self, deadline: Duration) -> Result<()> {
        for service in [Service::McpServer, Service::Worker, Service::RestApi] {
            while let Ok(running) = self.process(service) {
                running.process.terminate()?;
                let code = self.ended(service, deadline).await?;
                ensure!(code == Some(0), "{} ended with {code:?}", service.name());
            }
        }
        Ok(())
    }

    /// What its processes know and must never show, besides the keys and credentials of tenants.
    ///
    /// # Errors
    /// When a file in the data directory cannot be read.
    pub fn secrets(&self) -> Result<Vec<String>> {
        let mut secrets = vec![self.admin_key()?];
        let files = match self.setup.shape {
            Shape::Cluster => vec![self.service_keys("rest-api"), self.sealing_keys()],
            Shape::Up => vec![self.data_dir().join("credentials.key")],
        };
        for file in files {
            let text = std::fs::read_to_string(file)?;
            let last = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
            secrets.extend(text.lines().map(last));
        }
        Ok(secrets)
    }

    fn url(&self, service: Service) -> Result<String> {
        let url = self.urls(service).next();
        url.with_context(|| format!("{} is not running", service.name()))
    }

    /// The addresses of `service`: one for each replica.
    pub fn service_urls(&self, service: Service) -> Vec<String> {
        self.urls(service).collect()
    }

    fn urls(&self, service: Service) -> impl Iterator<Item = String> {
        let found = self
            .processes
            .iter()
            .filter_map(move |running| running.url(service));
        found.map(str::to_owned)
    }

    /// Where rest-api, or all of `up`, keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}
