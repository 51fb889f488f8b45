//! A private Prometheus and a private Alertmanager.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    http,
    server_process::{Home, ServerProcess, find_program},
    wait::free_port,
};

const START: Duration = Duration::from_secs(30);

/// A Prometheus of its own, on a free port of the loopback interface, ended when dropped.
pub struct Prometheus(Server);

/// An Alertmanager of its own, without a cluster, on a free port of the loopback interface, ended when dropped.
pub struct Alertmanager(Server);

struct Server {
    _home: Home,
    _process: ServerProcess,
    url: String,
}

impl Prometheus {
    /// Starts it with `config` as `prometheus.yml`; `files` (name, content) lie beside it, such as rule files.
    ///
    /// # Errors
    /// When Prometheus is not installed or refuses the config; with the end of its log.
    pub async fn start(config: &str, files: &[(&str, &str)]) -> Result<Self> {
        let home = Home::new("prometheus")?;
        for (name, content) in files {
            home.write(name, content)?;
        }
        home.write("prometheus.yml", config)?;
        let names = ["prometheus"];
        let arguments = [
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--web.enable-lifecycle",
            "--enable-feature=exemplar-storage",
        ];
        Server::start(home, "prometheus", &names, &arguments)
            .await
            .map(Self)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The result of an instant query: the `result` array of the API's answer.
    ///
    /// # Errors
    /// When the expression is wrong, with Prometheus's message.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let data = self.data("query", &[("query", expression)]).await?;
        list(&data["result"])
    }

    /// The series of `expression` that have exemplars, with these.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn exemplars(&self, expression: &str) -> Result<Vec<Value>> {
        let given = [("query", expression)];
        list(&self.data("query_exemplars", &given).await?)
    }

    async fn data(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let mut url = url::Url::parse(&self.0.url)?.join("/api/v1/")?.join(path)?;
        url.query_pairs_mut().extend_pairs(parameters);
        let answer = http::get(url.as_str()).await?;
        ensure!(answer.status.is_success(), "{parameters:?}: {}", answer.text());
        Ok(answer.json()?["data"].take())
    }
}

fn list(value: &Value) -> Result<Vec<Value>> {
    value.as_array().cloned().context("the answer has no result")
}

impl Alertmanager {
    /// Starts it with `config` as `alertmanager.yml`.
    ///
    /// # Errors
    /// When Alertmanager is not installed or refuses the config; with the end of its log.
    pub async fn start(config: &str) -> Result<Self> {
        let home = Home::new("alertmanager")?;
        home.write("alertmanager.yml", config)?;
        let names = ["prometheus-alertmanager", "alertmanager"];
        let arguments = [
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            "--cluster.listen-address=",
        ];
        Server::start(home, "alertmanager", &names, &arguments)
            .await
            .map(Self)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.0.url
    }
}

impl Server {
    async fn start(home: Home, name: &'static str, programs: &[&str], arguments: &[&str]) -> Result<Self> {
        let found = programs
            .iter()
            .find_map(|program| find_program(program, &[], program).ok());
        let program =
            found.with_context(|| format!("{name} is not installed (see scripts/lib/install.sh)"))?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = home.command(program);
        command
            .args(arguments)
            .arg(format!("--web.listen-address={address}"));
        let process = ServerProcess::new(&home, name);
        process.spawn(&home, command)?;
        let url = format!("http://{address}");
        let ready = || async {
            let answer = http::get(&format!("{url}/-/ready")).await?;
            ensure!(answer.status.is_success(), "answers {}", answer.status);
            Ok(())
        };
        process.wait_ready(START, ready).await?;
        Ok(Self {
            _home: home,
            _process: process,
            url,
        })
    }
}
