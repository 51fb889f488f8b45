//! The account of a run: what callers saw, beside the jobs, the audit log and the upstream's log.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use test_support::eventually;

use super::effects::HELD;
use super::ledger::{Entry, Ledger, Outcome};
use super::load::{Call, Seen};
use super::plan::{Fault, Server};
use super::stage::{Past, Stage};
use crate::{Api, PATIENCE, Service};

/// What a fault leaves behind for a while: jobs that wait for their next attempt, a breaker that is open still.
const AFTERMATH: Duration = Duration::from_secs(5);
/// Longest time until the last job has ended: a few attempts, each some seconds after the one before.
const LAST_JOB: Duration = Duration::from_secs(120);

/// What the audit log has of the run.
#[derive(Default)]
struct Audit {
    /// The outcomes of synchronous calls by their request id.
    calls: HashMap<String, Vec<String>>,
    /// The outcomes of attempts by their job's id.
    jobs: HashMap<String, Vec<String>>,
}

/// A job at its end.
struct Ended {
    state: String,
    error: Option<String>,
    at: SystemTime,
}

/// Waits until every accepted job has ended, and puts everything side by side.
pub(super) async fn account(stage: &Stage) -> Result<Ledger> {
    let admin = stage.mesh.admin()?;
    let mut calls = Vec::new();
    for call in stage.calls.all() {
        let job = match &call.seen {
            Seen::Accepted(id) => Some(ended(&admin, id).await?),
            _ => None,
        };
        calls.push((call, job));
    }
    let audit = Audit::complete(&admin, &calls).await?;
    let mut done: HashMap<String, usize> = HashMap::new();
    for marker in stage.effects.markers()? {
        *done.entry(marker).or_default() += 1;
    }
    let entry = |(call, job): (Call, Option<Ended>)| {
        let effects = done.get(&call.marker).copied().unwrap_or_default();
        entry(call, job, effects, &audit, &stage.past)
    };
    Ok(Ledger {
        entries: calls.into_iter().map(entry).collect(),
    })
}

fn entry(call: Call, job: Option<Ended>, effects: usize, audit: &Audit, past: &[Past]) -> Entry {
    let ended = job.as_ref().map_or(call.ended, |job| job.at);
    let meanwhile = |past: &&Past| past.began <= ended && call.began <= past.ended;
    let before = |past: &&Past| past.began <= ended && call.began <= past.ended + AFTERMATH;
    let records = audit.of(&call);
    let error = match (&call.seen, &job) {
        (Seen::Refused(words), _) => Some(records.first().map_or_else(|| shortened(words), Clone::clone)),
        (_, Some(job)) => job.error.clone(),
        _ => None,
    };
    Entry {
        at_kill: call.marker.starts_with(HELD) || past.iter().any(|past| past.cuts(call.began, ended)),
        meanwhile: past.iter().filter(meanwhile).map(|past| past.fault).collect(),
        before: past.iter().filter(before).map(|past| past.fault).collect(),
        way: call.way,
        outcome: match (call.seen, job) {
            (_, Some(job)) => Outcome::Job(job.state),
            (Seen::Refused(_), None) => Outcome::Refused,
            (Seen::Lost, None) => Outcome::Lost,
            _ => Outcome::Answered,
        },
        error,
        effects,
        records: records.iter().filter(|outcome| *outcome == "ok").count(),
        all_records: records.len(),
        marker: call.marker,
    }
}

impl Past {
    /// Whether it hit what was in flight between these instants: a kill at its moment, a database or an upstream for as
    /// long as it was away or broken. A broker, a cache or a disk costs nobody a write that has begun.
    fn cuts(&self, began: SystemTime, ended: SystemTime) -> bool {
        match self.fault {
            Fault::Kill { .. } => self
                .killed
                .is_some_and(|killed| began <= killed && self.began <= ended),
            Fault::Away {
                server: Server::Postgres,
                ..
            }
            | Fault::Upstream(_) => self.began <= ended && began <= self.ended,
            _ => false,
        }
    }
}

async fn ended(admin: &Api, id: &str) -> Result<Ended> {
    let probe = || async {
        let job = admin.job(&json!({"id": id})).await?;
        let state = job["state"].as_str().unwrap_or_default();
        ensure!(["done", "failed", "in_doubt"].contains(&state), "{job}");
        Ok(job)
    };
    let job = match eventually(LAST_JOB, probe).await {
        Ok(job) => job,
        // It has had its time: the ledger says what state it is in.
        Err(_) => admin.job(&json!({"id": id})).await?,
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let at = text(&job["updated_at"]).context("a job has a time")?;
    Ok(Ended {
        state: text(&job["state"]).context("a job has a state")?,
        error: text(&job["error"]["kind"]),
        at: DateTime::parse_from_rfc3339(&at)?.with_timezone(&Utc).into(),
    })
}

impl Audit {
    /// The audit log once it has a record of everything that was answered; or at the deadline.
    async fn complete(admin: &Api, calls: &[(Call, Option<Ended>)]) -> Result<Self> {
        let whole = || async {
            let audit = Self::read(admin).await?;
            let missing = calls.iter().find(|(call, job)| {
                let answered = matches!(call.seen, Seen::Answered);
                let done = job.as_ref().is_some_and(|job| job.state == "done");
                let told = audit.of(call);
                // A job that is done was so in its last attempt; records of those before it may be here already.
                (answered && told.is_empty()) || (done && !told.iter().any(|outcome| outcome == "ok"))
            });
            match missing {
                Some((call, _)) => anyhow::bail!("no record of {}", call.marker),
                None => Ok(audit),
            }
        };
        match eventually(PATIENCE, whole).await {
            Ok(audit) => Ok(audit),
            Err(_) => Self::read(admin).await,
        }
    }

    fn of(&self, call: &Call) -> &[String] {
        let found = match &call.seen {
            Seen::Accepted(id) => self.jobs.get(id),
            _ => self.calls.get(&call.marker),
        };
        found.map_or(&[], Vec::as_slice)
    }

    async fn read(admin: &Api) -> Result<Self> {
        let mut audit = Self::default();
        records(admin).await?.iter().for_each(|record| audit.take(record));
        Ok(audit)
    }

    fn take(&mut self, record: &Value) {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        if text("service") == Service::Worker.name() {
            self.jobs.entry(text("job_id")).or_default().push(text("outcome"));
        } else if text("action") == "tools/call" {
            self.calls
                .entry(text("request_id"))
                .or_default()
                .push(text("outcome"));
        }
    }
}

/// Every audit record.
pub(super) async fn records(admin: &Api) -> Result<Vec<Value>> {
    let (mut records, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/audit?limit=200{cursor}")).await?;
        records.extend_from_slice(page["items"].as_array().context("no items")?);
        match &page["next"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return Ok(records),
        }
    }
}

/// The first words of a message, to tell kinds of it apart.
fn shortened(message: &str) -> String {
    message
        .split([':', '`'])
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}
