//! `devmesh audit`.

use std::num::NonZeroUsize;

use chrono::{DateTime, Duration, Utc};
use clap::Args;
use domain::Clock;

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// Who called what, newest first. Arguments appear only as a hash.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh audit --since 1h\n  devmesh audit --tool mesh_whoami --outcome ok\n  \
    devmesh audit --trace 4bf92f3577b34da6a3ce929d0e0e4736 --output json"
)]
pub struct Audit {
    /// Only of this tool.
    #[arg(long)]
    tool: Option<String>,
    /// Only of the key with this id.
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// Only with this outcome: ok, or the kind of an error such as forbidden.
    #[arg(long)]
    outcome: Option<String>,
    /// Only of this trace.
    #[arg(long, value_name = "TRACE_ID")]
    trace: Option<String>,
    /// Only since this instant (2026-01-31T12:00:00Z), or for so long (1h, 7d).
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// At most this many.
    #[arg(long, default_value = "50")]
    limit: NonZeroUsize,
}

const COLUMNS: &[Column] = &[
    ("at", |record| date(record, "at")),
    ("action", |record| text(record, "action")),
    ("tool", |record| text(record, "tool")),
    ("outcome", |record| text(record, "outcome")),
    ("status", |record| text(record, "status")),
    ("ms", |record| text(record, "duration_ms")),
    ("bytes", |record| {
        format!(
            "{}/{}",
            text(record, "request_bytes"),
            text(record, "response_bytes")
        )
    }),
    ("service", |record| text(record, "service")),
    ("key id", |record| text(record, "key_id")),
    ("trace", |record| text(record, "trace_id")),
];

impl Audit {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        let filters = [
            ("tool", self.tool),
            ("key_id", self.key_id),
            ("outcome", self.outcome),
            ("trace_id", self.trace),
            ("since", self.since.map(|at| at.to_rfc3339())),
        ];
        let query: Vec<_> = filters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        terminal.rows(
            COLUMNS,
            &api.list(&["audit"], &query, self.limit.get()).await?,
            "no records",
        )
    }
}

pub(super) fn since(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let ago = text
        .parse::<runtime::config::Duration>()
        .ok()
        .and_then(|ago| Duration::from_std(ago.get()).ok());
    let at = ago.and_then(|ago| domain::SystemClock.now().checked_sub_signed(ago));
    at.ok_or_else(|| "an instant such as 2026-01-31T12:00:00Z, or a time such as 1h or 7d".to_owned())
}
