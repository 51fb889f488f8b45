//! `devmesh top`.

mod frame;
mod screen;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use url::Url;

use super::doctor::baselines::judge;
use super::doctor::checklist::alerts;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::pages::{self, Figures, Pages, Target};
use crate::terminal::Terminal;
use frame::Frame;
use screen::Screen;

/// Watch the services: rates, errors, latency, memory, queues, breakers, agents and alerts, from their `/metrics` alone.
/// `q` or Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh top\n  devmesh top --interval 5 --alerts http://127.0.0.1:9093\n  devmesh --output json top --once"
)]
pub struct Top {
    /// Seconds between two looks, which rates and latencies are of.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Print one look as text (with `--output json` as JSON) and end.
    #[arg(long)]
    once: bool,
    /// Where Alertmanager is; without it the alerts are the baselines that do not hold.
    #[arg(long, value_name = "URL")]
    alerts: Option<Url>,
    /// Where the worker of a mesh elsewhere is; it is left out when --url is given without this.
    #[arg(long, value_name = "URL")]
    worker_url: Option<Url>,
}

impl Top {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let targets = pages::targets(&global.connection, self.worker_url.clone())?;
        let interval = Duration::from_secs(self.interval);
        let before = Pages::read(&targets).await;
        if let (true, Some((_, why))) = (before.pages.is_empty(), before.missing.first()) {
            return Err(Failure::Unreachable(why.clone()));
        }
        if self.once || terminal.is_json() || !std::io::stdout().is_terminal() {
            tokio::time::sleep(interval).await;
            let (figures, alerts) = self.look(&Pages::read(&targets).await, &before).await;
            if terminal.is_json() {
                return terminal.json(&json!({ "figures": figures, "alerts": alerts }));
            }
            return terminal.print(Frame::of(&figures, &alerts).to_string());
        }
        self.watch(&targets, before, interval).await
    }

    async fn watch(&self, targets: &[Target], mut before: Pages, interval: Duration) -> Result<(), Failure> {
        let mut screen = Screen::open()?;
        screen.draw("reading …")?;
        while screen.wait(interval).await? {
            let now = Pages::read(targets).await;
            let (figures, alerts) = self.look(&now, &before).await;
            screen.draw(&Frame::of(&figures, &alerts).to_string())?;
            before = now;
        }
        Ok(())
    }

    /// The figures, and what is wrong: as Alertmanager says, or by the baselines.
    async fn look(&self, now: &Pages, before: &Pages) -> (Figures, Vec<String>) {
        let figures = Figures::of(now, Some(before));
        let lines = match &self.alerts {
            Some(url) => alerts(url)
                .await
                .unwrap_or_else(|failure| vec![format!("Alertmanager: {failure}")]),
            None => {
                let findings = judge(&figures).into_iter().filter(|finding| !finding.is_quiet());
                findings.map(|finding| finding.line()).collect()
            }
        };
        (figures, lines)
    }
}
