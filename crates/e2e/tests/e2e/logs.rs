//! What the processes print and emit: JSON lines with the contract's fields, and never a secret.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use e2e::{PATIENCE, Setup, Shop};
use serde_json::{Value, json};

use crate::tour;

on_both!(
    every_line_is_json_with_the_contracts_fields_and_no_secret_is_shown_anywhere,
    every_call_and_every_job_has_one_closing_line,
    every_event_is_documented_with_its_fields,
);

/// Fields that every line has (observability contract, section 5).
const FIELDS: [&str; 7] = [
    "time",
    "level",
    "msg",
    "service",
    "version",
    "environment",
    "caller",
];
/// Fields that every line may have.
const STANDARD: [&str; 6] = [
    "event",
    "trace_id",
    "span_id",
    "correlation_id",
    "tenant_id",
    "user_id",
];
const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"];

async fn every_line_is_json_with_the_contracts_fields_and_no_secret_is_shown_anywhere(
    setup: Setup,
) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let tour = tour::take(&mesh, &shop).await?;
    mesh.otlp()
        .wait_for(PATIENCE, |span| {
            span.service == "worker" && span.name == "ExecuteTool"
        })
        .await?;
    let lines = mesh.stdout_lines();
    for line in &lines {
        let line: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        check_fields(&line)?;
    }
    let calls = closing_lines(&lines, "tool_call_completed");
    ensure!(
        calls
            .iter()
            .any(|line| line["trace_id"].is_string() && line["tenant_id"].is_string()),
        "{calls:?}"
    );
    ensure!(!closing_lines(&lines, "tool_call_failed").is_empty());
    ensure!(!closing_lines(&lines, "job_completed").is_empty());

    let mut shown = vec![
        ("a log line", lines),
        ("an answer", tour.answers),
        ("standard error", mesh.stderr_lines()),
    ];
    let spans = mesh.otlp().spans();
    shown.push(("a span", spans.iter().map(|span| format!("{span:?}")).collect()));
    let pages = mesh.pages().await?;
    shown.push((
        "a metrics page",
        pages.into_iter().map(|page| page.page.text).collect(),
    ));
    for secret in &tour.secrets {
        for (place, texts) in &shown {
            let leak = texts.iter().find(|text| text.contains(secret.as_str()));
            ensure!(leak.is_none(), "{place} shows a secret: {leak:?}");
        }
    }
    Ok(())
}

async fn every_call_and_every_job_has_one_closing_line(setup: Setup) -> Result<()> {
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let params = json!({"name": Shop::GET_ITEM, "arguments": {"id": 1}});
    let headers = [("x-request-id", "one-line-each")];
    let session = mesh.mcp(&key).await?;
    session
        .request_with("tools/call", params, &headers)
        .await?
        .result()?;
    let params = json!({"name": "shop_no_such_tool", "arguments": {}});
    let headers = [("x-request-id", "one-line-of-a-failure")];
    session.request_with("tools/call", params, &headers).await?;
    let agent = mesh.api(&key)?;
    let job = agent.call_async(Shop::ADD_ITEM, &json!({"name": "cot"})).await?;
    agent.result_of(&job).await?;
    mesh.stop(PATIENCE).await?;

    let lines = mesh.stdout_lines();
    let of_call = |event| {
        let lines = closing_lines(&lines, event).into_iter();
        lines
            .filter(|line| line["correlation_id"] == "one-line-each")
            .count()
    };
    ensure!(of_call("tool_call_completed") == 1, "{lines:#?}");
    ensure!(of_call("http_request_completed") == 0, "{lines:#?}");
    let of_failure: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("one-line-of-a-failure"))
        .collect();
    ensure!(
        of_failure.len() == 1 && of_failure[0].contains(r#""event":"tool_call_failed""#),
        "{of_failure:#?}"
    );
    let id = job["id"].as_str().context("no id")?;
    let of_job = closing_lines(&lines, "job_completed").into_iter();
    let of_job: Vec<_> = of_job
        .filter(|line| line["msg"].as_str().is_some_and(|msg| msg.contains(id)))
        .collect();
    ensure!(of_job.len() == 1 && of_job[0]["outcome"] == "done", "{of_job:?}");
    Ok(())
}

async fn every_event_is_documented_with_its_fields(setup: Setup) -> Result<()> {
    let (mut mesh, shop) = (setup.with_log_level("debug").start().await?, Shop::open().await?);
    tour::take(&mesh, &shop).await?;
    mesh.stop(PATIENCE).await?;
    let known: BTreeMap<_, _> = devmesh::generate::events()
        .into_iter()
        .map(|event| (event.name, event))
        .collect();
    let mut seen = BTreeSet::new();
    for line in mesh.stdout_lines() {
        let line: Value = serde_json::from_str(&line)?;
        let Some(name) = line["event"].as_str() else {
            continue;
        };
        let event = known
            .get(name)
            .with_context(|| format!("not in docs/logs.md: {line}"))?;
        let fields = line.as_object().context("not an object")?.keys();
        let own =
            fields.filter(|field| !STANDARD.contains(&field.as_str()) && !FIELDS.contains(&field.as_str()));
        for field in own {
            let is_known = event.fields.iter().any(|(name, _)| name == field);
            ensure!(is_known, "{field} is not documented: {line}");
        }
        let level = line["level"].as_str().unwrap_or_default();
        ensure!(event.level.contains(level), "{level} is not documented: {line}");
        seen.insert(name.to_owned());
    }
    for name in [
        "http_request_completed",
        "tool_call_started",
        "tool_call_completed",
        "tool_call_failed",
        "mcp_request_completed",
        "job_started",
        "job_completed",
        "authentication_failed",
        "database_query_completed",
    ] {
        ensure!(seen.contains(name), "no {name} in {seen:?}");
    }
    Ok(())
}

fn check_fields(line: &Value) -> Result<()> {
    for field in FIELDS {
        ensure!(line[field].is_string(), "no {field} in {line}");
    }
    let (level, environment) = (line["level"].as_str(), line["environment"].as_str());
    ensure!(
        level.is_some_and(|level| LEVELS.contains(&level)),
        "level of {line}"
    );
    ensure!(environment == Some("e2e"), "environment of {line}");
    ensure!(
        line["caller"].as_str().is_some_and(|file| !file.starts_with('/')),
        "caller of {line}"
    );
    ensure!(
        line["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z') && time.contains('T')),
        "time of {line}"
    );
    ensure!(
        line.get("trace_id")
            .is_none_or(|id| id.as_str().is_some_and(|id| id.len() == 32)),
        "trace of {line}"
    );
    Ok(())
}

fn closing_lines(lines: &[String], event: &str) -> Vec<Value> {
    let parsed = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let closing = parsed.filter(|line| line["event"] == event && line["duration_ms"].is_number());
    closing.collect()
}
