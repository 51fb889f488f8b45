//! `devmesh trace audit`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use chrono::{DateTime, Duration, Utc};
use clap::Args;
use domain::Clock;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::api::Api;
use crate::arguments::Global;
use crate::commands::audit::since;
use crate::failure::Failure;
use crate::terminal::{BAD, GOOD, Terminal, paint};
use crate::traces::{Hop, Source, Trace, faults};

/// How many traces are asked for at once.
const AT_ONCE: usize = 8;

/// Checks that traces are whole.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Calls since this instant (2026-01-31T12:00:00Z), or for so long (1h, 7d).
    #[arg(long, value_name = "WHEN", value_parser = since, default_value = "1h")]
    since: DateTime<Utc>,
    /// Calls that ended within this time are left out: their spans may be on the way.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    settle: runtime::config::Duration,
    /// At most so many audit records, newest first.
    #[arg(long, default_value = "10000")]
    limit: NonZeroUsize,
    /// Fail when fewer per cent are whole.
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "99.9")]
    at_least: f64,
    /// Every call is sampled: one without a trace counts as lost, too. Otherwise it counts as not sampled.
    #[arg(long)]
    all_sampled: bool,
}

/// What was found out.
#[derive(Default)]
struct Report {
    records: usize,
    whole: usize,
    unsampled: usize,
    broken: BTreeMap<String, Vec<String>>,
}

impl Audit {
    pub(super) async fn run(
        self,
        source: &Source,
        global: &Global,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        let query = [("since", self.since.to_rfc3339())];
        let records = api.list(&["audit"], &query, self.limit.get()).await?;
        let settled = Duration::from_std(self.settle.get()).unwrap_or_default();
        let calls = by_trace(&records, domain::SystemClock.now() - settled);
        let progress = terminal.progress(&format!("{} traces", calls.len()));
        let traces: Vec<(String, Vec<Hop>, Option<Trace>)> = stream::iter(calls)
            .map(|(id, hops)| look_up(source, id, hops))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        drop(progress);
        let mut report = Report {
            records: records.len(),
            ..Report::default()
        };
        for (id, hops, trace) in traces {
            report.add(id, trace, &hops, self.all_sampled);
        }
        report.show(terminal)?;
        report.verdict(self.at_least)
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let given = text
        .parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent));
    given.ok_or_else(|| "0 to 100".to_owned())
}

async fn look_up(
    source: &Source,
    id: String,
    hops: Vec<Hop>,
) -> Result<(String, Vec<Hop>, Option<Trace>), Failure> {
    let trace = source.trace(&id).await?;
    Ok((id, hops, trace))
}

/// The hops of each trace, of those in which nothing happened after `settled`.
fn by_trace(records: &[Value], settled: DateTime<Utc>) -> BTreeMap<String, Vec<Hop>> {
    let mut traces: BTreeMap<String, Vec<Hop>> = BTreeMap::new();
    let mut fresh = Vec::new();
    for record in records {
        let Some((id, hop)) = Hop::told_by(record) else {
            continue;
        };
        let at = record["at"]
            .as_str()
            .and_then(|at| at.parse::<DateTime<Utc>>().ok());
        if at.is_none_or(|at| at > settled) {
            fresh.push(id.clone());
        }
        traces.entry(id).or_default().push(hop);
    }
    for id in fresh {
        traces.remove(&id);
    }
    traces
}

impl Report {
    fn add(&mut self, id: String, trace: Option<Trace>, hops: &[Hop], all_sampled: bool) {
        let wrong = match trace {
            Some(trace) => faults(&trace, hops),
            None if all_sampled => vec!["missing: all of it".to_owned()],
            None => {
                self.unsampled += 1;
                return;
            }
        };
        if wrong.is_empty() {
            self.whole += 1;
        } else {
            self.broken.insert(id, wrong);
        }
    }

    fn judged(&self) -> usize {
        self.whole + self.broken.len()
    }

    fn percent(&self) -> f64 {
        match self.judged() {
            0 => 100.0,
            judged => 100.0 * self.whole as f64 / judged as f64,
        }
    }

    fn show(&self, terminal: &Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            return terminal.json(&json!({
                "audit_records": self.records,
                "traces": self.judged(),
                "whole": self.whole,
                "not_sampled": self.unsampled,
                "percent_whole": self.percent(),
                "broken": self.broken,
            }));
        }
        for (id, faults) in &self.broken {
            terminal.print(format_args!("{} {id}", paint(BAD, "broken")))?;
            faults
                .iter()
                .try_for_each(|fault| terminal.print(format_args!("  {fault}")))?;
        }
        let style = if self.broken.is_empty() { GOOD } else { BAD };
        terminal.print(format_args!(
            "{}: {} of {} traces, from {} audit records; {} not sampled",
            paint(style, format_args!("{:.2} % whole", self.percent())),
            self.whole,
            self.judged(),
            self.records,
            self.unsampled
        ))
    }

    fn verdict(&self, at_least: f64) -> Result<(), Failure> {
        if self.judged() == 0 && self.unsampled > 0 {
            return Err(Failure::Failed(format!(
                "none of {} calls has a trace: is tracing on, and is this where the spans go?",
                self.unsampled
            )));
        }
        if self.percent() < at_least {
            return Err(Failure::Failed(format!(
                "{:.2} % of the traces are whole, less than {at_least} %",
                self.percent()
            )));
        }
        Ok(())
    }
}
