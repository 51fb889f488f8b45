//! Agents and their tasks, as the pages show them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Pages;
use super::text::Sample;

/// The agents of one type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentsOf {
    /// What they are.
    pub agent_type: String,
    /// How many are here.
    pub here: f64,
    /// How many of these are not well, or late with their heartbeat.
    pub degraded: f64,
    /// How many were lost since the start, or since the moment before.
    pub lost: f64,
}

/// The tasks of one sort.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TasksOf {
    /// What sort of work they are.
    pub task_type: String,
    /// How many have no agent.
    pub waiting: f64,
    /// Seconds since the oldest of these was created.
    pub oldest: f64,
    /// How many ended since the start, or since the moment before.
    pub ended: f64,
    /// How many of these had no result.
    pub failed: f64,
    /// How many were taken from their agents.
    pub released: f64,
}

/// One for each type of which one is here or was lost.
pub(super) fn agents(now: &Pages, before: Option<&Pages>) -> Vec<AgentsOf> {
    const MISSED: &str = "mcp_agent_marked_unhealthy_total";
    let here = words(now, "mcp_agents_registered", "agent_type");
    let lost = words(now, MISSED, "agent_type");
    here.union(&lost)
        .map(|of| {
            let is_of = |sample: &Sample| sample.label("agent_type") == of;
            let degraded = |sample: &Sample| is_of(sample) && sample.label("status") == "degraded";
            let gone = |sample: &Sample| is_of(sample) && sample.label("reason") == "heartbeat_lost";
            AgentsOf {
                agent_type: of.clone(),
                here: sum(now, "mcp_agents_registered", &is_of),
                degraded: sum(now, "mcp_agents_registered", &degraded),
                lost: more(now, before, MISSED, &gone),
            }
        })
        .filter(|of| of.here > 0.0 || of.lost > 0.0)
        .collect()
}

/// One for each sort of which one waits, or has ended.
pub(super) fn tasks(now: &Pages, before: Option<&Pages>) -> Vec<TasksOf> {
    const ENDED: &str = "mcp_assignments_completed_total";
    let waiting = words(now, "mcp_tasks_waiting", "task_type");
    let ended = words(now, ENDED, "task_type");
    let sorts = waiting.union(&ended);
    sorts
        .map(|of| {
            let is_of = |sample: &Sample| sample.label("task_type") == of;
            let without_result =
                |sample: &Sample| is_of(sample) && matches!(sample.label("status"), "failed" | "timeout");
            TasksOf {
                task_type: of.clone(),
                waiting: sum(now, "mcp_tasks_waiting", &is_of),
                oldest: sum(now, "mcp_tasks_oldest_waiting_seconds", &is_of),
                ended: more(now, before, ENDED, &is_of),
                failed: more(now, before, ENDED, &without_result),
                released: more(now, before, "mcp_tasks_released_total", &is_of),
            }
        })
        .collect()
}

fn words(pages: &Pages, name: &str, label: &str) -> BTreeSet<String> {
    let samples = pages.samples(name);
    samples.map(|sample| sample.label(label).to_owned()).collect()
}

fn sum(pages: &Pages, name: &str, wanted: &dyn Fn(&Sample) -> bool) -> f64 {
    let samples = pages.samples(name).filter(|sample| wanted(sample));
    samples.map(|sample| sample.value).sum()
}

/// What a counter has grown by; a service that started again counts from 0.
fn more(now: &Pages, before: Option<&Pages>, name: &str, wanted: &dyn Fn(&Sample) -> bool) -> f64 {
    let now = sum(now, name, wanted);
    let grown = now - before.map_or(0.0, |pages| sum(pages, name, wanted));
    if grown < 0.0 { now } else { grown }
}
