//! A monitoring agent: watches Prometheus' alerts, and opens a task for each that fires.
//!
//! ```sh
//! cargo run -p devmesh-agent --example alerts -- --prometheus http://127.0.0.1:9090
//! devmesh tasks list --type investigate_alert
//! ```
//!
//! One firing of an alert is one task, however often it is seen and whoever sees it: the idempotency key is made of its labels and
//! of when it began.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use clap::Parser;
use devmesh_agent::{Agent, AgentType, Mesh};
use serde::Deserialize;
use serde_json::json;

#[derive(Parser)]
struct Arguments {
    /// The mesh.
    #[arg(long, env = "DEVMESH_MCP_URL", default_value = "ws://127.0.0.1:8080/ws")]
    url: String,
    /// The key: it needs `tasks:write` beside `agents:connect`.
    #[arg(long, env = "DEVMESH_API_KEY", hide_env_values = true)]
    key: String,
    /// Prometheus.
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    prometheus: String,
    /// Between two looks, in seconds.
    #[arg(long, default_value_t = 15)]
    every: u64,
    /// What whoever investigates must be able to do.
    #[arg(long)]
    needs: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    data: Alerts,
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    state: String,
    #[serde(rename = "activeAt")]
    active_at: String,
    value: String,
}

impl Alert {
    /// The same for the same firing, and for no other.
    fn fingerprint(&self) -> String {
        // FNV-1a: the labels are an operator's own, and nobody gains by making two of them alike.
        let text = format!("{:?}{}", self.labels, self.active_at);
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("alert-{hash:016x}")
    }

    fn priority(&self) -> &'static str {
        match self.labels.get("severity").map(String::as_str) {
            Some("critical") => "critical",
            Some("warning") => "high",
            _ => "normal",
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    // It takes no tasks: it opens them.
    let agent = Agent::builder(&arguments.url, &arguments.key)
        .agent_type(AgentType::Monitoring)
        .build()?;
    let mesh = agent.mesh();
    tokio::select! {
        ended = agent.run_until_signalled() => { ended?; }
        watched = watch(&arguments, &mesh) => watched?,
    }
    Ok(())
}

async fn watch(arguments: &Arguments, mesh: &Mesh) -> anyhow::Result<()> {
    let provider = rustls::crypto::ring::default_provider();
    let _ = provider.install_default();
    #[expect(
        clippy::disallowed_methods,
        reason = "an example stands alone: the address is its operator's"
    )]
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()?;
    let address = format!("{}/api/v1/alerts", arguments.prometheus.trim_end_matches('/'));
    let mut known = HashSet::new();
    let mut looks = tokio::time::interval(Duration::from_secs(arguments.every.max(1)));
    loop {
        looks.tick().await;
        let answer = http
            .get(&address)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        let alerts = match answer {
            Ok(answer) => answer.json::<Answer>().await,
            Err(error) => Err(error),
        };
        let alerts = match alerts {
            Ok(answer) => answer.data.alerts,
            Err(error) => {
                tracing::warn!(%error, "Prometheus does not answer");
                continue;
            }
        };
        let firing: Vec<_> = alerts
            .into_iter()
            .filter(|alert| alert.state == "firing")
            .collect();
        let now: HashSet<_> = firing.iter().map(Alert::fingerprint).collect();
        for alert in firing
            .iter()
            .filter(|alert| !known.contains(&alert.fingerprint()))
        {
            open(arguments, mesh, alert).await?;
        }
        known = now;
    }
}

async fn open(arguments: &Arguments, mesh: &Mesh, alert: &Alert) -> anyhow::Result<()> {
    let name = alert.labels.get("alertname").map_or("an alert", String::as_str);
    let summary = alert.annotations.get("summary").map_or(name, String::as_str);
    let task = mesh.create_task(json!({
        "type": "investigate_alert",
        "title": summary.chars().take(200).collect::<String>(),
        "input": { "alert": name, "labels": alert.labels, "annotations": alert.annotations, "since": alert.active_at, "value": alert.value },
        "needs": { "capabilities": arguments.needs },
        "priority": alert.priority(),
        "idempotency_key": alert.fingerprint(),
    }));
    let task = task.await?;
    tracing::info!(alert = name, task = task["id"].as_str(), "opened a task");
    Ok(())
}
