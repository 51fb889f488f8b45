//! What the processes print and emit: JSON lines with the contract's fields, and never a secret.

use anyhow::{Context, Result, ensure};
use e2e::{PATIENCE, Setup, Shop};
use serde_json::Value;

use crate::tour;

on_both!(every_line_is_json_with_the_contracts_fields_and_no_secret_is_shown_anywhere);

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
