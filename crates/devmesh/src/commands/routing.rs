//! `devmesh routing`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, text};

/// How agents are chosen for tasks.
#[derive(Debug, Args)]
pub struct Routing {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what another strategy would have meant for the tasks of the last time: waits, costs and failures, each with a
    /// 95 % interval.
    #[command(
        after_help = "Examples:\n  devmesh routing replay --strategy least_loaded --since 24h\n  \
        devmesh routing replay --strategy cost_optimized --since 7d --output json"
    )]
    Replay {
        /// The other strategy.
        #[arg(long, value_enum)]
        strategy: Strategy,
        /// How far back, at most 30d.
        #[arg(long, default_value = "24h")]
        since: runtime::config::Duration,
    },
}

/// How an agent is chosen.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Strategy {
    /// Whoever's turn it is.
    RoundRobin,
    /// Whoever has the least to do.
    LeastLoaded,
    /// Whoever's capabilities fit best.
    CapabilityMatch,
    /// Whoever did such tasks best.
    PerformanceBased,
    /// Whoever does it for the least money in time.
    CostOptimized,
    /// As the task says.
    Auto,
}

/// One line for each measure.
const COLUMNS: &[Column] = &[
    ("", |row| text(row, "measure")),
    ("seen", |row| text(row, "seen")),
    ("it would have been", |row| text(row, "mean")),
    ("95 % interval", |row| text(row, "interval")),
];

const MEASURES: [(&str, &str, &str); 3] = [
    ("wait_seconds", "wait until accepted", "s"),
    ("cost_usd", "cost of an attempt", "USD"),
    ("failures", "attempts without a result", "%"),
];

impl Routing {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let Action::Replay { strategy, since } = self.action;
        let name = strategy.to_possible_value();
        let name = name.map(|name| name.get_name().to_owned()).unwrap_or_default();
        let query = [
            ("strategy", name.clone()),
            ("since_seconds", since.get().as_secs().to_string()),
        ];
        let api = Api::new(&global.connection)?;
        let told = api.get(&["routing", "replay"], &query).await?;
        if terminal.is_json() {
            return terminal.json(&told);
        }
        let number = |field| told.get(field).and_then(Value::as_u64).unwrap_or(0);
        terminal.note(format_args!(
            "{} choices since {}, {} of them open or called off{}; they tell of {name} as much as {:.0} of its own",
            number("decisions"),
            text(&told, "since"),
            number("open"),
            if told.get("cut") == Some(&Value::Bool(true)) {
                " (older ones are left out)"
            } else {
                ""
            },
            told.get("effective").and_then(Value::as_f64).unwrap_or(0.0),
        ));
        if let Some(why) = told.get("too_little").and_then(Value::as_str) {
            return Err(Failure::Failed(format!("too little is known: {why}")));
        }
        let rows: Vec<Value> = MEASURES.iter().map(|measure| row(&told, measure)).collect();
        terminal.rows(COLUMNS, &rows, "nothing")
    }
}

fn row(told: &Value, (field, measure, unit): &(&str, &str, &str)) -> Value {
    let shown = |value: Option<&Value>| value.and_then(Value::as_f64).map(|value| figure(value, unit));
    let estimate = |part: &str| shown(told.get(field).and_then(|estimate| estimate.get(part)));
    let interval = estimate("low").zip(estimate("high"));
    let unknown = || "not known".to_owned();
    serde_json::json!({
        "measure": measure,
        "seen": shown(told.get("seen").and_then(|seen| seen.get(field))).unwrap_or_else(unknown),
        "mean": estimate("mean").unwrap_or_else(unknown),
        "interval": interval.map_or_else(unknown, |(low, high)| format!("{low} to {high}")),
    })
}

fn figure(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{:.1} %", value * 100.0),
        "USD" => format!("{value:.4} USD"),
        unit => format!("{value:.2} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_said_and_not_shown_as_nothing() {
        let told = serde_json::json!({
            "seen": { "wait_seconds": 1.5, "cost_usd": 0.0, "failures": 0.25 },
            "wait_seconds": { "mean": 2.0, "low": 1.0, "high": 4.0 },
            "cost_usd": null,
        });
        let wait = row(&told, &MEASURES[0]);
        assert_eq!(
            (text(&wait, "seen"), text(&wait, "interval")),
            ("1.50 s".into(), "1.00 s to 4.00 s".into())
        );
        let cost = row(&told, &MEASURES[1]);
        assert_eq!(
            (text(&cost, "seen"), text(&cost, "mean")),
            ("0.0000 USD".into(), "not known".into())
        );
    }
}
