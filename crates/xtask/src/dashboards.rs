//! The dashboards of `deploy/monitoring/grafana`: one file a dashboard here, Grafana's JSON generated from it.
//!
//! A new dashboard is a file and a line in [`all`]. `{@}` in a query stands for the dashboard's filter on environment,
//! service and instance, `{%}` for the one on environment and service, which is what recorded series have.

mod agents;
mod alert_quality;
mod database;
mod errors;
mod grafana;
mod model;
mod options;
mod overview;
mod panels;
mod performance;
mod queries;
mod slo;
mod surroundings;
mod tools;
mod websocket;

use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

use crate::repository::Repository;
use model::Dashboard;

/// Where everything that is generated here stands.
const TOP: &str = "deploy/monitoring";

/// Every dashboard, in the order of the folder.
fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        errors::dashboard(),
        performance::dashboard(),
        tools::dashboard(),
        websocket::dashboard(),
        agents::dashboard(),
        slo::dashboard(),
        database::dashboard(),
        alert_quality::dashboard(),
    ]
}

/// The dashboards' names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().into_iter().map(|dashboard| dashboard.uid)
}

/// The generated files: each dashboard, and the list of every query of dashboards and rules.
pub(crate) fn files(repository: &Repository) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let dashboards = all();
    let mut files = Vec::new();
    for dashboard in &dashboards {
        let path = format!("{TOP}/grafana/dashboards/{}.json", dashboard.uid);
        files.push((path.into(), pretty(&grafana::json(dashboard))?));
    }
    let queries = queries::list(repository, &dashboards).context("the list of queries")?;
    files.push((format!("{TOP}/queries.json").into(), pretty(&queries)?));
    Ok(files)
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

#[cfg(test)]
mod tests;
