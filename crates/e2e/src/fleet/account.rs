//! Every task at the end, with its history, and what does not agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use test_support::eventually;

use super::crew::KIND;
use super::stage::Stage;
use super::tasks::Acknowledged;
use crate::Api;

/// Longest time until the last task has ended: it may wait for an agent that is missed, and for further tries.
const LAST_TASK: Duration = Duration::from_secs(180);

/// The account of a run.
#[derive(Debug, Default)]
pub struct Account {
    /// Tasks whose creation was acknowledged.
    pub acknowledged: usize,
    /// Tasks by the state in which they ended.
    pub states: BTreeMap<String, usize>,
    /// What happened to them, and how often.
    pub events: BTreeMap<String, usize>,
    /// Why tasks were taken from agents, and how often.
    pub released: BTreeMap<String, usize>,
    /// What does not agree; empty is the aim.
    pub violations: Vec<String>,
}

/// Waits for the end of every task, and reads them.
pub(super) async fn of(stage: &Stage, known: Vec<Acknowledged>) -> Result<Account> {
    let api = stage.api()?;
    let mut account = Account {
        acknowledged: known.len(),
        ..Account::default()
    };
    for task in &known {
        let ended = ended(&api, task).await?;
        account.take(task, &ended);
        // Those that moved most are the ones to explain.
        if task.number.is_multiple_of(25) || ended["fence"].as_u64() > Some(1) {
            account.explained(&api, task, &ended).await?;
        }
    }
    account.no_others(&api, &known).await?;
    Ok(account)
}

async fn ended(api: &Api, task: &Acknowledged) -> Result<Value> {
    let path = format!("/tasks/{}", task.id);
    let probe = || async {
        let task = api.get(&path).await?;
        ensure!(task.get("finished_at").is_some(), "{task}");
        Ok(task)
    };
    match eventually(LAST_TASK, probe).await {
        Ok(task) => Ok(task),
        // It has had its time: the account says what state it is in.
        Err(_) => api.get(&path).await,
    }
}

impl Account {
    fn take(&mut self, known: &Acknowledged, task: &Value) {
        let state = task["state"].as_str().unwrap_or_default().to_owned();
        let history: Vec<&Value> = task["history"].as_array().into_iter().flatten().collect();
        let mut whats: BTreeMap<&str, usize> = BTreeMap::new();
        for event in &history {
            let what = event["what"].as_str().unwrap_or_default();
            *whats.entry(what).or_default() += 1;
            *self.events.entry(what.to_owned()).or_default() += 1;
            if what == "released" {
                let why = event["detail"].as_str().unwrap_or_default().to_owned();
                *self.released.entry(why).or_default() += 1;
            }
        }
        let count = |what: &str| whats.get(what).copied().unwrap_or_default();
        let mut wrong = |why: String| {
            self.violations
                .push(format!("task {} ({}): {why}\n{task}", known.number, known.id))
        };
        if state != "completed" {
            wrong(format!("it is {state}"));
        }
        if count("completed") != 1 || count("created") != 1 {
            wrong("it was created or completed more or less than once".to_owned());
        }
        if task["result"]["number"] != known.number {
            wrong("the result is another task's".to_owned());
        }
        // The result is that of the assignment that was current, and of no earlier one.
        if task["result"]["fence"] != task["fence"] {
            wrong("the result is that of an assignment that was over".to_owned());
        }
        if let Some(why) = unexplained(&history, count("assigned")) {
            wrong(why);
        }
        *self.states.entry(state).or_default() += 1;
    }

    /// Whether each of its assignments has the decision that made it.
    async fn explained(&mut self, api: &Api, known: &Acknowledged, task: &Value) -> Result<()> {
        let decisions = api.get(&format!("/tasks/{}/decisions", known.id)).await?;
        let chosen = decisions["items"].as_array().map_or(0, Vec::len);
        let assigned = task["fence"].as_u64().unwrap_or_default();
        if (chosen as u64) < assigned {
            let why = format!("{assigned} assignments and {chosen} decisions");
            self.violations
                .push(format!("task {}: {why}\n{task}", known.number));
        }
        Ok(())
    }

    /// Whether nothing is there that was not asked for.
    async fn no_others(&mut self, api: &Api, known: &[Acknowledged]) -> Result<()> {
        let known: BTreeSet<&str> = known.iter().map(|task| task.id.as_str()).collect();
        let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let page = api.get(&format!("/tasks?type={KIND}&limit=200{cursor}")).await?;
            let items = page["items"].as_array().context("no items")?;
            seen.extend(
                items
                    .iter()
                    .filter_map(|task| task["id"].as_str().map(str::to_owned)),
            );
            match &page["next"] {
                Value::String(next) => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        if seen.len() != known.len() || seen.iter().any(|id| !known.contains(id.as_str())) {
            self.violations.push(format!(
                "{} tasks are there, {} were acknowledged",
                seen.len(),
                known.len()
            ));
        }
        Ok(())
    }
}

/// What a history does not say: how it began and ended, and what became of each assignment.
fn unexplained(history: &[&Value], assigned: usize) -> Option<String> {
    let what = |event: &Value| event["what"].as_str().unwrap_or_default().to_owned();
    if history.first().map(|event| what(event)).as_deref() != Some("created") {
        return Some("its history does not begin with its creation".to_owned());
    }
    let ends = ["completed", "failed", "rejected", "released", "delegated"];
    let ended: BTreeSet<u64> = history
        .iter()
        .filter(|event| ends.contains(&what(event).as_str()))
        .filter_map(|event| event["fence"].as_u64())
        .collect();
    let open = (1..=assigned as u64).find(|fence| !ended.contains(fence));
    open.map(|fence| format!("its history does not say what became of assignment {fence}"))
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | times |\n|---|--:|")?;
        writeln!(f, "| tasks acknowledged | {} |", self.acknowledged)?;
        for (state, count) in &self.states {
            writeln!(f, "| ended {state} | {count} |")?;
        }
        for (event, count) in &self.events {
            writeln!(f, "| event {event} | {count} |")?;
        }
        for (why, count) in &self.released {
            writeln!(f, "| taken away: {why} | {count} |")?;
        }
        Ok(())
    }
}
