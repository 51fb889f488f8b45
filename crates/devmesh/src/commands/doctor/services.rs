//! What the services say: health with each of their checks, the key, the clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Clock;
use serde_json::Value;
use url::Url;

use super::finding::Finding;
use crate::api::Api;
use crate::client;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::terminal::text;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Keys expire and leases end by the clock; a few seconds do not matter.
const CLOCK_SKEW: chrono::Duration = chrono::Duration::seconds(5);

pub(super) async fn look(connection: &Connection, worker: Option<Url>) -> Vec<Finding> {
    let mut services = vec![
        ("rest-api", connection.api_url()),
        ("mcp-server", connection.mcp_endpoint()),
    ];
    match worker {
        Some(url) => services.push(("worker", Ok(url))),
        None if connection.url.is_none() => services.push(("worker", connection.worker_url())),
        None => {}
    }
    let (mut findings, mut versions) = (Vec::new(), Vec::new());
    for (service, url) in services {
        let found = match url {
            Ok(url) => {
                versions.extend(version(&url).await.map(|version| (service, version)));
                health(service, &url).await
            }
            Err(failure) => Err(failure),
        };
        findings.extend(found.unwrap_or_else(|failure| {
            vec![Finding::fail(
                service,
                failure,
                "start it (`devmesh up`), or say where it is: --url, --mcp-url",
            )]
        }));
    }
    findings.extend(same(&versions));
    findings.push(key(connection).await);
    findings
}

/// The service's version and commit; whether it answers at all is another check.
async fn version(url: &Url) -> Option<String> {
    let mut address = url.clone();
    address.set_path("/version");
    let request = client::client(&address).ok()?.get(address).timeout(TIMEOUT);
    let version: Value = request.send().await.ok()?.json().await.ok()?;
    Some(format!(
        "{} ({})",
        text(&version, "version"),
        text(&version, "revision")
    ))
}

/// For the time of an upgrade they may differ, and not for longer.
fn same(versions: &[(&str, String)]) -> Option<Finding> {
    let (_, first) = versions.first()?;
    if versions.iter().all(|(_, version)| version == first) {
        return Some(Finding::ok("versions", first));
    }
    let found: Vec<_> = versions
        .iter()
        .map(|(service, version)| format!("{service} {version}"))
        .collect();
    let advice = "finish the upgrade: restart those of the older version, rest-api first";
    Some(Finding::warn("versions", found.join(", "), advice))
}

/// The service's readiness, one finding for each of its checks.
async fn health(service: &str, url: &Url) -> Result<Vec<Finding>, Failure> {
    let mut address = url.clone();
    address.set_path("/health/ready");
    let request = client::client(&address)?.get(address.clone()).timeout(TIMEOUT);
    let response = request
        .send()
        .await
        .map_err(|error| client::unreachable(&address, &error))?;
    let status = response.status();
    let date = response
        .headers()
        .get("date")
        .and_then(|date| date.to_str().ok())
        .map(str::to_owned);
    let report: Value = response.json().await.unwrap_or_default();
    let mut findings = vec![if status.is_success() {
        Finding::ok(service, format!("ready at {address}"))
    } else {
        Finding::fail(
            service,
            format!("{address} answers {status}"),
            format!("see the log of {service}; its checks are below"),
        )
    }];
    for (name, check) in report
        .get("checks")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let check_name = format!("{service}: {name}");
        findings.push(match check.get("status").and_then(Value::as_str) {
            Some("healthy") => Finding::ok(check_name, "healthy"),
            Some("degraded") => Finding::warn(check_name, text(check, "error"), meanwhile(name)),
            _ => Finding::fail(check_name, text(check, "error"), advice(name)),
        });
    }
    findings.extend(date.and_then(|date| clock_of(service, &date)));
    Ok(findings)
}

/// What to do about a check without which the service works.
fn meanwhile(check: &str) -> &'static str {
    match check {
        "circuit_breakers" => {
            "do these providers answer? Calls of them are refused at once; the first one after a pause (breaker.open_ms) \
             tries again"
        }
        _ => "the service works without it meanwhile",
    }
}

fn advice(check: &str) -> &'static str {
    match check {
        "database" => "is the database up, and is database.url right?",
        "queue" => "is RabbitMQ up, and is queue.url right? Jobs wait in the outbox meanwhile",
        "cache" => "is Redis up, and is cache.url right?",
        "credentials" => "put the key-encryption key back that is named (see docs/security.md)",
        "audit_spool" => "is rest-api reachable, and is the disk of spool.dir full?",
        _ => "see the service's log",
    }
}

fn clock_of(service: &str, date: &str) -> Option<Finding> {
    let there = DateTime::parse_from_rfc2822(date).ok()?.with_timezone(&Utc);
    let skew = (domain::SystemClock.now() - there).abs();
    Some(clock(&format!("{service}: clock"), skew))
}

/// What to say of a clock that differs from this machine's by so much.
pub(super) fn clock(check: &str, skew: chrono::Duration) -> Finding {
    if skew > CLOCK_SKEW {
        let found = format!("{} s apart from this machine's", skew.num_seconds());
        Finding::warn(check, found, "run NTP on both")
    } else {
        Finding::ok(check, "agrees with this machine's")
    }
}

async fn key(connection: &Connection) -> Finding {
    let asked = async { Api::new(connection)?.get(&["whoami"], &[]).await };
    match asked.await {
        Ok(who) => {
            let named = format!(
                "{} key `{}` of the tenant `{}`",
                text(&who, "kind"),
                text(&who, "key"),
                text(&who, "tenant")
            );
            match lacking(&who).as_slice() {
                [] => Finding::ok("key", named),
                lacking => Finding::warn(
                    "key",
                    format!("{named} has no scope {}", lacking.join(", ")),
                    "an agent needs it to see and call tools: `devmesh keys create NAME --kind agent`, or more --scope",
                ),
            }
        }
        Err(failure @ Failure::Unreachable(_)) => Finding::fail("key", failure, "start the mesh first"),
        Err(failure) => Finding::fail(
            "key",
            failure,
            "--key-file names another; an admin makes one with `devmesh keys create`",
        ),
    }
}

/// What a key needs that calls tools.
fn lacking(who: &Value) -> Vec<&'static str> {
    let scopes = who.get("scopes").and_then(Value::as_array);
    let has = |scope: &str| scopes.is_some_and(|scopes| scopes.iter().any(|has| has == scope));
    ["tools:read", "tools:call"]
        .into_iter()
        .filter(|scope| !has(scope))
        .collect()
}
