//! A mesh under load: `devmesh up` as a process of its own, logging to a file.

mod counts;
mod process;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::eventually;
use tokio::process::{Child, Command};

use crate::request::{Era, TOOL, Target, call, mcp_headers, other};
use crate::servers::{self, Kind, Running, free_address};

const PATIENCE: Duration = Duration::from_secs(120);

/// What the mesh tells of itself while it works.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Signals {
    /// Logs at info, every tenth trace exported, metrics.
    On,
    /// The same, but every span exported, for a collector that decides.
    Tail,
    /// No logs, no traces, not even those that `devmesh up` keeps in memory. (Metrics cannot be switched off.)
    Off,
}

impl std::fmt::Display for Signals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::On => "on",
            Self::Tail => "tail",
            Self::Off => "off",
        })
    }
}

/// A mesh that runs until this is dropped.
pub struct Mesh {
    /// The endpoint, `http://ADDRESS/mcp`.
    pub mcp: String,
    api: String,
    admin: String,
    http: reqwest::Client,
    child: Child,
    data: Data,
    _collector: Option<Running>,
}

/// Where it keeps its data.
pub struct Data(TempDir);

impl Data {
    /// A fresh place.
    ///
    /// # Errors
    /// When there is none.
    pub fn fresh() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file beside them.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

impl Mesh {
    /// Starts it; it is ready when this returns.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(devmesh: &Path, signals: Signals, data: Data) -> Result<Self> {
        Self::start_with(devmesh, signals, data, &[]).await
    }

    /// The same with some settings.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_with(
        devmesh: &Path,
        signals: Signals,
        data: Data,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        Self::spawn(Command::new(devmesh), signals, data, settings).await
    }

    /// Starts it under callgrind, which writes into `counts` at its end.
    ///
    /// # Errors
    /// When it does not become ready; when there is no valgrind.
    pub async fn start_counted(devmesh: &Path, signals: Signals, data: Data, counts: &Path) -> Result<Self> {
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind"])
            .arg(format!("--callgrind-out-file={}", counts.display()))
            .arg(devmesh);
        Self::spawn(command, signals, data, &[]).await
    }

    async fn spawn(
        mut command: Command,
        signals: Signals,
        data: Data,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let (mcp, api, worker) = (free_address()?, free_address()?, free_address()?);
        let collector = match signals {
            Signals::On | Signals::Tail => Some(servers::start(Kind::Collector, "").await?),
            Signals::Off => None,
        };
        let log = std::fs::File::create(data.path().join("mesh.log"))?;
        command
            .args(["up", "--data"])
            .arg(data.path().join("mesh"))
            .current_dir(data.path())
            .env_clear()
            .env("DEVMESH_MCP_SERVER__LISTEN__ADDRESS", mcp.to_string())
            .env("DEVMESH_REST_API__LISTEN__ADDRESS", api.to_string())
            .env("DEVMESH_WORKER__LISTEN__ADDRESS", worker.to_string())
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        match &collector {
            Some(collector) => command
                .env("ENABLE_TRACING", "true")
                .env(
                    "TRACING_MODE",
                    if signals == Signals::Tail { "tail" } else { "head" },
                )
                .env("TRACING_SAMPLE_RATE", "0.1")
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
            None => command.env("LOG_LEVEL", "off").env("DEVMESH_TRACES__KEPT", "0"),
        };
        let child = command.spawn().context("the mesh does not start")?;
        let mut mesh = Self {
            mcp: format!("http://{mcp}/mcp"),
            api: format!("http://{api}"),
            admin: String::new(),
            http: client(),
            child,
            data,
            _collector: collector,
        };
        mesh.wait().await?;
        mesh.admin = std::fs::read_to_string(mesh.data.path().join("mesh/bootstrap.key"))?
            .trim()
            .to_owned();
        Ok(mesh)
    }

    async fn wait(&self) -> Result<()> {
        let ready = format!("{}/health/ready", self.mcp.trim_end_matches("/mcp"));
        let answers = || async {
            let answer = self.http.get(&ready).send().await?;
            answer.error_for_status().map(drop)
        };
        eventually(PATIENCE, answers)
            .await
            .context("the mesh did not become ready")?;
        Ok(())
    }

    /// Ends it in an orderly way; its data stay.
    ///
    /// # Errors
    /// When it has to be killed.
    pub async fn stop(mut self) -> Result<Data> {
        let pid = self.child.id().context("it has ended by itself")?;
        let ended = Command::new("kill").arg(pid.to_string()).status().await?;
        ensure!(ended.success(), "kill failed");
        tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        Ok(self.data)
    }

    /// A new agent's key.
    ///
    /// # Errors
    /// When the mesh refuses.
    pub async fn agent(&self, name: &str) -> Result<String> {
        let made = self
            .post("keys", &json!({ "name": name, "kind": "agent" }))
            .await?;
        made["secret"].as_str().map(str::to_owned).context("no secret")
    }

    /// Adds a provider from this description and waits until it is read. The time that took, reading and storing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn add(&self, name: &str, description: String, base_url: Option<&str>) -> Result<Duration> {
        let began = Instant::now();
        let body = json!({
            "name": name,
            "source": { "type": "inline", "text": description },
            "base_url": base_url,
            "allowed_hosts": ["127.0.0.1"],
        });
        let job = self.post("providers", &body).await?;
        let id = job["id"].as_str().context("no job")?;
        loop {
            let job = self.get(&format!("jobs/{id}?wait_seconds=30")).await?;
            match job["state"].as_str() {
                Some("done") => return Ok(began.elapsed()),
                Some("pending" | "running") => ensure!(began.elapsed() < PATIENCE, "{job}"),
                _ => anyhow::bail!("{job}"),
            }
        }
    }

    /// Changes what a provider may do.
    ///
    /// # Errors
    /// When the mesh refuses.
    pub async fn change_provider(&self, name: &str, change: &Value) -> Result<()> {
        let url = format!("{}/api/v1/providers/{name}", self.api);
        let change = self.http.patch(url).header("if-match", "*").json(change);
        self.answer(change).await.map(drop)
    }

    /// `devmesh tools add` of a description in a file; from its start to its end.
    ///
    /// # Errors
    /// When it fails, with what it printed.
    pub async fn tools_add(&self, devmesh: &Path, description: &Path) -> Result<Duration> {
        let began = Instant::now();
        let output = Command::new(devmesh)
            .env_clear()
            .env("DEVMESH_URL", &self.api)
            .env("DEVMESH_API_KEY", &self.admin)
            .args(["tools", "add", "added", "--openapi"])
            .arg(description)
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(began.elapsed())
    }

    /// The calls of one of its agents, in a session of their own where the era has them.
    ///
    /// # Errors
    /// When the session is refused.
    pub async fn calls(&self, key: &str, era: Era) -> Result<Target> {
        let session = match era {
            Era::Session => Some(session(&self.mcp, Some(key)).await?),
            Era::Stateless => None,
        };
        let target = call(&self.mcp, Some(key), era, session.as_deref());
        // The tool may be on its way still.
        eventually(PATIENCE, || crate::load::once(&target)).await?;
        Ok(target)
    }

    /// `tools/list` requests.
    pub fn lists(&self, key: &str) -> Target {
        other(&self.mcp, key, "tools/list", None, json!({}), "\"tools\":[{")
    }

    /// Searches among the tools; there must be enough of them for that.
    pub fn searches(&self, key: &str) -> Target {
        let params = json!({ "name": "search_tools", "arguments": { "query": "read one of the items" } });
        other(&self.mcp, key, "tools/call", Some("search_tools"), params, TOOL)
    }

    /// Waits for the first answer to `tools/list`.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn list(&self, key: &str) -> Result<()> {
        let target = self.lists(key);
        eventually(PATIENCE, || crate::load::once(&target)).await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.answer(self.http.get(format!("{}/api/v1/{path}", self.api)))
            .await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.answer(self.http.post(format!("{}/api/v1/{path}", self.api)).json(body))
            .await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let answer = request.bearer_auth(&self.admin).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

/// Opens a session of the older era; its id.
///
/// # Errors
/// When it is refused.
pub async fn session(url: &str, key: Option<&str>) -> Result<String> {
    let http = client();
    let post = |session: Option<String>, message: Value| {
        let headers = mcp_headers(url, key, Era::Session, session.as_deref());
        let request = headers.into_iter().fold(
            http.post(url).body(message.to_string()),
            |request, (name, value)| request.header(name, value),
        );
        request.send()
    };
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": Era::Session.version(), "capabilities": {},
        "clientInfo": { "name": "bench", "version": "1" } } });
    let opened = post(None, initialize).await?.error_for_status()?;
    let id = opened
        .headers()
        .get("mcp-session-id")
        .context("no session")?
        .to_str()?
        .to_owned();
    opened.bytes().await?;
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    post(Some(id.clone()), initialized).await?.error_for_status()?;
    Ok(id)
}

#[expect(clippy::disallowed_methods, reason = "it talks to our own process")]
fn client() -> reqwest::Client {
    reqwest::Client::new()
}

/// Where `devmesh` is, or what to build.
///
/// # Errors
/// When it is not built.
pub fn built(devmesh: &Path) -> Result<PathBuf> {
    let path = devmesh.canonicalize();
    path.with_context(|| {
        format!(
            "{} is missing: cargo build --release -p devmesh",
            devmesh.display()
        )
    })
}
