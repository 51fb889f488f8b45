//! What every service shows at `/metrics`, against what is declared.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use e2e::{Family, Mcp, PATIENCE, Service, ServicePage, Setup, Shape, Shop};
use serde_json::json;
use telemetry::metrics::{Declaration, Kind};
use test_support::eventually;

use crate::tour;

on_both!(
    after_a_tour_every_declared_metric_is_shown_and_nothing_else,
    counters_count_what_happened,
    the_series_of_a_tool_and_its_provider_leave_with_them,
);

async fn after_a_tour_every_declared_metric_is_shown_and_nothing_else(setup: Setup) -> Result<()> {
    let prices = r#"[{ model = "guide-1", input_usd_per_1k = 1.0, output_usd_per_1k = 2.0 }]"#;
    let setup = setup.set(Service::RestApi, "prices", prices);
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    tour::take(&mesh, &shop).await?;
    // Gauges that are read from the database every few seconds come a little later.
    let complete = || async {
        let pages = mesh.pages().await?;
        let missing = missing(&pages, mesh.shape());
        ensure!(missing.is_empty(), "declared and never shown: {missing:?}");
        anyhow::Ok(pages)
    };
    for ServicePage { service, page } in eventually(PATIENCE, complete).await? {
        for (name, family) in &page.families {
            check(service, name, family).with_context(|| format!("{name} of {service}"))?;
        }
    }
    Ok(())
}

async fn counters_count_what_happened(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    for url in mesh.mcp_urls() {
        let client = Mcp::stateless(&url, &key);
        client.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
        client.call(Shop::GET_ITEM, &json!({"id": 0})).await?;
        client.call(Shop::BREAK, &json!({})).await?;
    }
    let agent = mesh.api(&key)?;
    let job = agent.call_async(Shop::ADD_ITEM, &json!({"name": "rug"})).await?;
    agent.result_of(&job).await?;

    let each = mesh.mcp_urls().len() as f64;
    let call = |tool, status| vec![("endpoint", "tools/call"), ("tool", tool), ("status", status)];
    let execution = |tool, status| vec![("tool", tool), ("status", status)];
    let of_job = |outcome| vec![("job_type", "tool_call"), ("outcome", outcome)];
    let expected = [
        (
            "mcp-server",
            "mcp_requests_total",
            call(Shop::GET_ITEM, "200"),
            each,
        ),
        (
            "mcp-server",
            "mcp_requests_total",
            call(Shop::GET_ITEM, "400"),
            each,
        ),
        ("mcp-server", "mcp_requests_total", call(Shop::BREAK, "502"), each),
        (
            "mcp-server",
            "mcp_tool_executions_total",
            execution(Shop::GET_ITEM, "200"),
            each,
        ),
        (
            "mcp-server",
            "mcp_tool_executions_total",
            execution(Shop::BREAK, "502"),
            each,
        ),
        (
            "mcp-server",
            "mcp_tool_duration_seconds_count",
            vec![("tool", Shop::BREAK)],
            each,
        ),
        (
            "worker",
            "mcp_tool_executions_total",
            execution(Shop::ADD_ITEM, "200"),
            1.0,
        ),
        ("worker", "mcp_jobs_processed_total", of_job("done"), 1.0),
        (
            "worker",
            "mcp_job_duration_seconds_count",
            vec![("job_type", "tool_call")],
            1.0,
        ),
        (
            "rest-api",
            "mcp_jobs_published_total",
            vec![("job_type", "tool_call")],
            1.0,
        ),
    ];
    eventually(PATIENCE, || async { compare(&mesh.pages().await?, &expected) }).await
}

async fn the_series_of_a_tool_and_its_provider_leave_with_them(setup: Setup) -> Result<()> {
    let setup = setup.set(Service::Worker, "jobs.idle_tools", "1s");
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    for url in mesh.mcp_urls() {
        let client = Mcp::stateless(&url, &key);
        client.call(Shop::GET_ITEM, &json!({"id": 1})).await?;
        client.call(Shop::BREAK, &json!({})).await?;
    }
    let job = mesh
        .api(&key)?
        .call_async(Shop::GET_ITEM, &json!({"id": 1}))
        .await?;
    mesh.api(&key)?.result_of(&job).await?;
    let named = |page: &ServicePage| {
        let lines = page.page.text.lines();
        let of_shop = |line: &&str| line.contains("tool=\"shop_") || line.contains("provider=\"shop\"");
        lines.filter(of_shop).map(str::to_owned).collect::<Vec<_>>()
    };
    let callers = async || -> Result<Vec<ServicePage>> {
        let pages = mesh.pages().await?.into_iter();
        Ok(pages.filter(|page| page.service != "rest-api").collect())
    };
    for caller in callers().await? {
        ensure!(named(&caller).len() > 15, "{:?}", named(&caller));
    }
    mesh.admin()?.delete("/providers/shop").await?;
    eventually(PATIENCE, || async {
        for caller in callers().await? {
            ensure!(named(&caller).is_empty(), "{:?}", named(&caller));
        }
        Ok(())
    })
    .await
}

/// A service, the name of a line, some of its labels, and the sum over the lines that have them.
type Expected<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, f64);

fn compare(pages: &[ServicePage], expected: &[Expected<'_>]) -> Result<()> {
    for (service, name, labels, count) in expected {
        let of_service = pages.iter().filter(|page| page.service == *service);
        let sum: f64 = of_service.map(|page| page.page.sum(name, labels)).sum();
        ensure!(
            (sum - count).abs() < f64::EPSILON,
            "{name}{labels:?} of {service} is {sum}, not {count}"
        );
    }
    Ok(())
}

fn missing(pages: &[ServicePage], shape: Shape) -> BTreeSet<&'static str> {
    let shown: BTreeSet<&str> = pages
        .iter()
        .flat_map(|page| page.page.families.iter())
        .filter(|(_, family)| !family.samples.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    let declared = declared().into_keys();
    declared
        .filter(|name| !shown.contains(name) && !is_quiet(shape, name))
        .collect()
}

/// What a healthy run does not show, and why.
const QUIET: [(&str, &str); 11] = [
    (
        "backup_last_success_timestamp_seconds",
        "only after `devmesh backup`",
    ),
    (
        "tls_certificate_expiry_timestamp_seconds",
        "only a listener with TLS",
    ),
    (
        "tls_client_certificates_refused_total",
        "only a listener that asks for certificates",
    ),
    (
        "mcp_jobs_dead_lettered_total",
        "only a message that nobody can read",
    ),
    (
        "mcp_database_connection_errors_total",
        "only a database that is away",
    ),
    ("telemetry_dropped_total", "only a full buffer"),
    (
        "telemetry_label_overflow_total",
        "only more than a thousand values of one label",
    ),
    ("http_panics_total", "only a bug"),
    (
        "mcp_circuit_breaker_trips_total",
        "only an upstream that does not work",
    ),
    (
        "mcp_job_readbacks_total",
        "only a write in doubt whose tool says how to look",
    ),
    ("cache_evictions_total", "only a full in-process cache"),
];
/// The same for one of the two sets of back ends.
const QUIET_UP: [(&str, &str); 5] = [
    ("cache_hits_total", "the only replica has every session itself"),
    ("redis_instantaneous_ops_per_sec", "there is no Redis"),
    ("redis_used_memory_bytes", "there is no Redis"),
    ("redis_connected_clients", "there is no Redis"),
    ("redis_blocked_clients", "there is no Redis"),
];
const QUIET_CLUSTER: [(&str, &str); 1] = [("cache_size_bytes", "Redis knows its own size")];

fn is_quiet(shape: Shape, name: &str) -> bool {
    let of_shape: &[(&str, &str)] = match shape {
        Shape::Up => &QUIET_UP,
        Shape::Cluster => &QUIET_CLUSTER,
    };
    QUIET.iter().chain(of_shape).any(|(quiet, _)| *quiet == name)
}

fn declared() -> BTreeMap<&'static str, &'static Declaration> {
    let all = devmesh::generate::declarations();
    all.into_iter()
        .map(|declaration| (declaration.name, declaration))
        .collect()
}

/// One family of one page against its declaration.
fn check(service: &str, name: &str, family: &Family) -> Result<()> {
    let declaration = declared().remove(name).context("shown and not declared")?;
    ensure!(
        family.kind == declaration.kind.as_str(),
        "its type is {}",
        family.kind
    );
    ensure!(!family.help.is_empty(), "it has no HELP");
    let mut expected: BTreeSet<&str> = declaration.labels.iter().copied().collect();
    expected.extend(["service", "environment"]);
    for sample in &family.samples {
        let of = sample.labels.get("service").map(String::as_str);
        ensure!(
            of == Some(service) || of == Some("devmesh"),
            "service of {sample:?}"
        );
        ensure!(
            sample.labels.get("environment").is_some_and(|it| it == "e2e"),
            "environment of {sample:?}"
        );
        let labels: BTreeSet<&str> = sample
            .labels
            .keys()
            .map(String::as_str)
            .filter(|label| *label != "le")
            .collect();
        ensure!(labels == expected, "labels of {sample:?}; declared {expected:?}");
    }
    if declaration.kind == Kind::Histogram {
        check_buckets(name, family, declaration)?;
    }
    Ok(())
}

/// Every series of a histogram has each declared bucket and `+Inf`, which is its count.
fn check_buckets(name: &str, family: &Family, declaration: &Declaration) -> Result<()> {
    let count_name = format!("{name}_count");
    for count in family.samples.iter().filter(|sample| sample.name == count_name) {
        let is_of_series = |sample: &&e2e::Sample| {
            let mut labels = sample.labels.clone();
            labels.remove("le").is_some() && labels == count.labels
        };
        let buckets: Vec<_> = family.samples.iter().filter(is_of_series).collect();
        ensure!(
            buckets.len() == declaration.buckets.len() + 1,
            "{} buckets",
            buckets.len()
        );
        ensure!(
            buckets.is_sorted_by_key(|bucket| bucket.value as u64),
            "buckets that fall: {buckets:?}"
        );
        let last = buckets.last().context("no buckets")?;
        ensure!(
            last.labels["le"] == "+Inf" && (last.value - count.value).abs() < f64::EPSILON,
            "{last:?} {count:?}"
        );
    }
    ensure!(
        family
            .samples
            .iter()
            .any(|sample| sample.name.ends_with("_bucket")),
        "no bucket: a summary"
    );
    Ok(())
}
