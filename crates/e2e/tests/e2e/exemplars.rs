//! From a bucket of a histogram to the trace that fell into it, with a real Prometheus in between.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shop};
use serde_json::json;
use test_support::{Prometheus, eventually};

on_both!(a_slow_bucket_in_prometheus_leads_to_spans_that_were_exported);

/// The latencies whose buckets name traces.
const LATENCIES: [&str; 6] = [
    "http_request_duration_seconds",
    "mcp_request_duration_seconds",
    "mcp_tool_duration_seconds",
    "mcp_job_duration_seconds",
    "grpc_request_duration_seconds",
    "db_query_duration_seconds",
];

async fn a_slow_bucket_in_prometheus_leads_to_spans_that_were_exported(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let prometheus = Prometheus::start(&scrapes(&mesh)?, &[]).await?;
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    mesh.mcp(&key)
        .await?
        .call(Shop::GET_ITEM, &json!({"id": 1}))
        .await?;
    let agent = mesh.api(&key)?;
    let job = agent.call_async(Shop::ADD_ITEM, &json!({"name": "mat"})).await?;
    agent.result_of(&job).await?;
    for name in LATENCIES {
        // gRPC is between processes only.
        if name.starts_with("grpc") && mesh.mcp_urls().len() < 2 {
            continue;
        }
        let buckets = format!("{name}_bucket");
        let probe = || async {
            let series = prometheus.exemplars(&buckets).await?;
            let exported: BTreeSet<_> = mesh
                .otlp()
                .spans()
                .into_iter()
                .map(|span| (span.trace_id, span.span_id))
                .collect();
            let labels = |one: &serde_json::Value| {
                let text = |key: &str| one["labels"][key].as_str().unwrap_or_default().to_owned();
                (text("trace_id"), text("span_id"))
            };
            let shown = series
                .iter()
                .filter_map(|one| one["exemplars"].as_array())
                .flatten();
            ensure!(
                shown.clone().any(|one| exported.contains(&labels(one))),
                "{buckets}: {series:?}"
            );
            Ok(())
        };
        eventually(PATIENCE, probe).await?;
    }
    let down = prometheus.query("up == 0").await?;
    ensure!(down.is_empty(), "{down:?}");
    let points = prometheus
        .query(r#"count by (le) (http_request_duration_seconds_bucket{le="1.0"})"#)
        .await?;
    ensure!(points.len() == 1, "le is spelt with its point: {points:?}");
    Ok(())
}

fn scrapes(mesh: &Mesh) -> Result<String> {
    let mut config = String::from("global: {scrape_interval: 1s}\nscrape_configs:\n");
    for service in Service::ALL {
        let urls = mesh.service_urls(service);
        let targets: Vec<_> = urls
            .iter()
            .filter_map(|url| url.strip_prefix("http://"))
            .collect();
        let name = service.name();
        writeln!(
            config,
            "- {{job_name: {name}, honor_labels: true, static_configs: [{{targets: {targets:?}}}]}}"
        )?;
    }
    Ok(config)
}
