//! `devmesh doctor --daily` and `--weekly`: what a program can check of the lists in docs/monitoring.md.

use std::path::Path;
use std::time::Duration;

use domain::Clock;
use serde_json::Value;
use url::Url;

use super::baselines::judge;
use super::finding::Finding;
use super::trends;
use crate::client;
use crate::failure::Failure;
use crate::pages::{Figures, Pages, Target};

/// Between the two looks that show what the CPU does.
const BETWEEN: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);
const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

/// Which list, and where else to ask.
pub(super) struct Asked<'a> {
    pub(super) weekly: bool,
    pub(super) alerts: Option<&'a Url>,
    pub(super) prometheus: Option<&'a Url>,
    /// The data directory, where the mesh is on this machine.
    pub(super) data: Option<&'a Path>,
}

/// Goes through the list.
pub(super) async fn look(targets: &[Target], asked: Asked<'_>) -> Vec<Finding> {
    let before = Pages::read(targets).await;
    tokio::time::sleep(BETWEEN).await;
    let now = Pages::read(targets).await;
    // Errors and latency since the start, the CPU of this moment.
    let mut figures = Figures::of(&now, None);
    figures.processes = Figures::of(&now, Some(&before)).processes;
    let mut findings = judge(&figures);
    findings.push(match asked.alerts {
        Some(url) => firing(url).await,
        None => Finding::skipped("alerts firing", "say where Alertmanager is: --alerts URL"),
    });
    let seconds = seconds_now();
    findings.push(backup(&now, seconds));
    findings.push(certificates(&now, seconds, asked.weekly));
    if let Some(data) = asked.data {
        findings.extend(disk(data));
    }
    if asked.weekly {
        findings.push(restarts(&figures, seconds));
        findings.extend(page_sizes(&now));
        findings.extend(asked.data.and_then(log_size));
        match asked.prometheus {
            Some(url) => findings.extend(trends::of(url).await),
            None => findings.push(Finding::skipped(
                "trends",
                "say where Prometheus is: --prometheus URL",
            )),
        }
    }
    findings
}

#[expect(clippy::cast_precision_loss, reason = "seconds of Unix time")]
fn seconds_now() -> f64 {
    domain::SystemClock.now().timestamp() as f64
}

/// What Alertmanager says; the watchdog fires always.
async fn firing(url: &Url) -> Finding {
    let check = "alerts firing";
    match alerts(url).await {
        Err(failure) => Finding::fail(check, failure, "is this Alertmanager's address?"),
        Ok(names) if names.is_empty() => Finding::ok(check, "none"),
        Ok(names) => Finding::warn(check, names.join(", "), "each has a page in docs/runbooks"),
    }
}

/// The names of the alerts that fire and are not silenced.
pub(in crate::commands) async fn alerts(url: &Url) -> Result<Vec<String>, Failure> {
    let mut address = url.clone();
    address.set_path(&format!("{}/api/v2/alerts", url.path().trim_end_matches('/')));
    address.set_query(Some("active=true&silenced=false&inhibited=false"));
    let found = json(&address).await?;
    let Some(alerts) = found.as_array() else {
        return Err(Failure::Failed(format!("{address} is not Alertmanager's")));
    };
    let label = |alert: &Value, name: &str| {
        let found = alert.pointer(&format!("/labels/{name}")).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let mut names: Vec<String> = alerts
        .iter()
        .map(|alert| {
            (
                label(alert, "priority"),
                label(alert, "alertname"),
                label(alert, "service"),
            )
        })
        .filter(|(_, name, _)| name != "Watchdog")
        .map(|(priority, name, service)| format!("{priority} {name} {service}").trim().to_owned())
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// Asks for JSON.
pub(super) async fn json(url: &Url) -> Result<Value, Failure> {
    let request = client::client(url)?.get(url.clone()).timeout(TIMEOUT);
    let response = request
        .send()
        .await
        .map_err(|error| client::unreachable(url, &error))?;
    if !response.status().is_success() {
        return Err(Failure::Failed(format!("{url} answers {}", response.status())));
    }
    response
        .json()
        .await
        .map_err(|error| client::unreachable(url, &error))
}

fn backup(pages: &Pages, now: f64) -> Finding {
    let check = "backup";
    let newest = pages.samples("backup_last_success_timestamp_seconds");
    let Some(newest) = newest.map(|sample| sample.value).reduce(f64::max) else {
        return Finding::skipped(
            check,
            "no service makes backups; look at those of the database yourself",
        );
    };
    let found = format!("{:.0} h old", (now - newest) / HOUR);
    if now - newest > 26.0 * HOUR {
        Finding::fail(check, found, "it should be at most 26 h old: see its job's log")
    } else {
        Finding::ok(check, found)
    }
}

fn certificates(pages: &Pages, now: f64, weekly: bool) -> Finding {
    let check = "certificates";
    let first = pages
        .samples("tls_certificate_expiry_timestamp_seconds")
        .min_by(|one, other| one.value.total_cmp(&other.value));
    let Some(first) = first else {
        return Finding::skipped(check, "no listener has TLS");
    };
    let days = (first.value - now) / DAY;
    let found = format!(
        "the one of {} {} ends in {days:.0} days",
        first.label("service"),
        first.label("listener")
    );
    let advice = "renew the file: the listener takes it over by itself";
    match days {
        days if days < 7.0 => Finding::fail(check, found, advice),
        days if weekly && days < 30.0 => Finding::warn(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a disk")]
fn disk(data: &Path) -> Option<Finding> {
    let at = nix::sys::statvfs::statvfs(data).ok()?;
    let share = at.blocks_available() as f64 / at.blocks().max(1) as f64;
    let gigabytes = at.blocks_available() as f64 * at.fragment_size() as f64 / f64::from(1 << 30);
    let found = format!(
        "{:.0} %, {gigabytes:.1} GiB free below {}",
        100.0 * share,
        data.display()
    );
    let advice = "old jobs and audit records: retention.*; or a larger disk";
    // The spool and the write-ahead log of SQLite need some hundred megabytes at their largest.
    Some(match (gigabytes, share) {
        (gigabytes, _) if gigabytes < 1.0 => Finding::fail("disk", found, advice),
        (_, share) if share < 0.1 => Finding::warn("disk", found, advice),
        _ => Finding::ok("disk", found),
    })
}

fn restarts(figures: &Figures, now: f64) -> Finding {
    let started = figures.processes.iter().filter_map(|process| {
        let age = now - process.started?;
        (age < 7.0 * DAY).then(|| format!("{} {:.1} days ago", process.service, age / DAY))
    });
    let started: Vec<String> = started.collect();
    if started.is_empty() {
        return Finding::ok("started this week", "none");
    }
    Finding::ok(
        "started this week",
        format!("{}: as you meant it?", started.join(", ")),
    )
}

/// How near each page is to its bound.
fn page_sizes(pages: &Pages) -> Vec<Finding> {
    let most = telemetry::MetricsConfig::default().lines_per_page;
    let of = |(service, page): &(&'static str, crate::pages::Page)| {
        let (check, lines) = (format!("{service}: series"), page.lines());
        let found = format!("{lines} lines of {most} by default");
        if lines * 10 > most * 8 {
            Finding::warn(
                check,
                found,
                "which metric: telemetry_label_overflow_total; monitoring.metrics.*",
            )
        } else {
            Finding::ok(check, found)
        }
    };
    pages.pages.iter().map(of).collect()
}

/// `devmesh up` puts a log aside at its start when it is larger than 64 MiB.
fn log_size(data: &Path) -> Option<Finding> {
    let bytes = std::fs::metadata(data.join("devmesh.log")).ok()?.len();
    let found = format!("{} MiB", bytes >> 20);
    Some(if bytes > 1 << 30 {
        Finding::warn(
            "log",
            found,
            "what writes so much: `?all=true` of /admin/log-level shows the levels",
        )
    } else {
        Finding::ok("log", found)
    })
}
