//! Why a task's agents were chosen.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::Api;
use crate::failure::Failure;
use crate::terminal::{Terminal, text};

/// How many of the others are shown.
const OTHERS: usize = 9;

pub(super) async fn run(api: &Api, terminal: &Terminal, id: &str) -> Result<(), Failure> {
    let decisions = api.get(&["tasks", id, "decisions"], &[]).await?;
    if terminal.is_json() {
        return terminal.json(&decisions);
    }
    let decisions = decisions
        .get("items")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if decisions.is_empty() {
        return terminal.print("nobody was looked for");
    }
    let names = names(api).await?;
    for decision in &decisions {
        for line in lines(decision, &names) {
            terminal.print(&line)?;
        }
    }
    Ok(())
}

/// The names of the agents that are known still.
async fn names(api: &Api) -> Result<BTreeMap<String, String>, Failure> {
    let agents = api.list(&["agents"], &[], 1_000).await?;
    Ok(agents
        .iter()
        .map(|agent| (text(agent, "id"), text(agent, "name")))
        .collect())
}

fn lines(decision: &Value, names: &BTreeMap<String, String>) -> Vec<String> {
    let named = |id: String| names.get(&id).cloned().unwrap_or(id);
    let told = &decision["explanation"];
    let chosen = match decision.get("chosen") {
        Some(Value::String(id)) => named(id.clone()),
        _ => "nobody".to_owned(),
    };
    let explored = told["exploration"]["explored"] == true;
    let mut lines = vec![format!(
        "{}  {} chose {chosen} (probability {}{})",
        text(decision, "at"),
        text(decision, "strategy"),
        text(told, "probability"),
        if explored { ", by exploration" } else { "" },
    )];
    let eligible = told["eligible"].as_array().map_or(&[][..], Vec::as_slice);
    let mut order: Vec<&Value> = eligible.iter().collect();
    order.sort_by_key(|one| one["agent"] != decision["chosen"]);
    for one in order.iter().take(OTHERS + 1) {
        lines.push(format!(
            "  could: {}  load {}  fit {}  success {}  run {} s  wait {} s  cost {} USD",
            named(text(one, "agent")),
            text(one, "load"),
            text(one, "fit"),
            text(one, "success"),
            text(one, "run_seconds"),
            text(one, "wait_seconds"),
            text(one, "cost_usd"),
        ));
    }
    let all = told["eligible_count"].as_u64().unwrap_or_default();
    if all > OTHERS as u64 + 1 {
        lines.push(format!("  {all} could in all"));
    }
    let left_out = told["left_out"].as_array().map_or(&[][..], Vec::as_slice);
    for one in left_out.iter().take(OTHERS + 1) {
        lines.push(format!(
            "  could not: {}  {}",
            named(text(one, "agent")),
            text(one, "reason")
        ));
    }
    if left_out.len() > OTHERS + 1 {
        lines.push(format!("  by reason: {}", told["left_out_count"]));
    }
    lines
}
