//! `devmesh trace`.

mod audit;
mod show;

use clap::{Args, Subcommand};
use url::Url;

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::traces::Source;

/// Shows a trace as a tree.
#[derive(Debug, Args)]
struct Show {
    /// The trace id (X-Trace-ID of the answer), or the request id (X-Request-ID).
    id: String,
}

/// What happened inside of a call.
#[derive(Debug, Args)]
pub struct Trace {
    /// Jaeger's or Tempo's HTTP address [default: the memory of `devmesh up`].
    #[arg(long, global = true, value_name = "URL", env = "TRACE_QUERY_URL")]
    trace_query_url: Option<Url>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a trace as a tree: by its id, or by the X-Request-ID of a request in it.
    #[command(
        after_help = "Examples:\n  devmesh trace show 4bf92f3577b34da6a3ce929d0e0e4736\n  devmesh trace show debug-123\n  \
        devmesh trace show debug-123 --output json\n  TRACE_QUERY_URL=http://jaeger:16686 devmesh trace show debug-123"
    )]
    Show(Show),
    /// Check that traces are whole, against the audit records: nothing hangs in the air, no hop is missing.
    #[command(
        after_help = "Examples:\n  devmesh trace audit --since 1h\n  devmesh trace audit --since 1d --at-least 99.5 --output json\n  \
        TRACE_QUERY_URL=http://tempo:3200 devmesh trace audit"
    )]
    Audit(audit::Audit),
    /// `devmesh trace ID` is short for `devmesh trace show ID`.
    #[command(external_subcommand)]
    Id(Vec<String>),
}

impl Trace {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let source = Source::open(self.trace_query_url.as_ref(), || Api::new(&global.connection)).await?;
        match self.action {
            Action::Show(Show { id }) => show::show(&source, &id, terminal).await,
            Action::Id(words) => match &words[..] {
                [id] => show::show(&source, id, terminal).await,
                _ => Err(Failure::Usage("one trace id or request id is needed".to_owned())),
            },
            Action::Audit(audit) => audit.run(&source, global, terminal).await,
        }
    }
}
