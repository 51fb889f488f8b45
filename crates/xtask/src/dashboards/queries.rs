//! `deploy/monitoring/queries.json`: every query of the dashboards and rules in one flat list, with the variables of the
//! dashboards resolved to "all", for `devmesh doctor --prometheus` and the tests that want data for each.

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};

use super::TOP;
use super::grafana::filtered;
use super::model::{Dashboard, Language, Needs, Panel, Query};
use super::surroundings::{DEPLOYMENTS, INCIDENTS};
use crate::repository::Repository;

/// Recorded series that ordinary traffic does not feed, by how their names begin.
const RECORDED_NEEDS: &[(&str, Needs)] = &[
    ("pcf_mcp_tool_errors", Needs::Incident),
    ("pcf_mcp_", Needs::Capability("pcf")),
    ("mcp_rate_limit_", Needs::Incident),
    ("mcp_tenant_rate_limit_", Needs::Incident),
    ("mcp_circuit_breaker_trips", Needs::Incident),
    ("mcp_circuit_breaker_failures", Needs::Incident),
    ("mcp_agent_marked_unhealthy", Needs::Incident),
];

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
}

/// The whole list: panels, annotations, recording rules, alerts.
pub(super) fn list(repository: &Repository, dashboards: &[Dashboard]) -> anyhow::Result<Value> {
    let mut list: Vec<_> = dashboards.iter().flat_map(of_dashboard).collect();
    list.push(entry(
        "annotation",
        "Deployments",
        Language::PromQl,
        &resolved(DEPLOYMENTS),
        Needs::Incident,
    ));
    list.push(entry(
        "annotation",
        "Incidents",
        Language::LogQl,
        &resolved(INCIDENTS),
        Needs::Capability("loki"),
    ));
    let folder = format!("{TOP}/prometheus/");
    let is_rules = |file: &&str| {
        let rest = file.strip_prefix(&folder).unwrap_or_default();
        rest.starts_with("rules/") || rest.starts_with("alerts/")
    };
    for file in repository.files().filter(is_rules) {
        let text = repository.text(file).unwrap_or_default();
        let rules: RuleFile = serde_saphyr::from_str(&text).with_context(|| file.to_owned())?;
        let name = file.strip_prefix(&folder).unwrap_or(file);
        let rules = rules.groups.into_iter().flat_map(|group| group.rules);
        list.extend(rules.filter_map(|rule| of_rule(name, &rule)));
    }
    Ok(Value::Array(list))
}

fn of_dashboard(dashboard: &Dashboard) -> Vec<Value> {
    let panels = dashboard.rows.iter().flat_map(|row| &row.panels);
    panels.flat_map(|panel| of_panel(dashboard.uid, panel)).collect()
}

fn of_panel(dashboard: &str, panel: &Panel) -> Vec<Value> {
    let several = panel.queries.len() > 1;
    let entry = |(at, query): (usize, &Query)| {
        let number = if several {
            format!(" / {}", at + 1)
        } else {
            String::new()
        };
        let place = format!("{dashboard} / {}{number}", panel.title);
        let needs = query.needs.unwrap_or(panel.needs);
        entry("panel", &place, panel.language(), &resolved(&query.expr), needs)
    };
    panel.queries.iter().enumerate().map(entry).collect()
}

/// A recorded series is asked for by its name; its expression stands beside.
fn of_rule(file: &str, rule: &Rule) -> Option<Value> {
    let expr = folded(&rule.expr);
    if let Some(name) = &rule.record {
        let place = format!("{file} / {name}");
        let mut entry = entry("record", &place, Language::PromQl, name, of_recorded(name));
        entry["rule"] = json!(expr);
        return Some(entry);
    }
    let name = rule.alert.as_ref()?;
    let needs = if name == "Watchdog" {
        Needs::Always
    } else {
        Needs::Incident
    };
    Some(entry(
        "alert",
        &format!("{file} / {name}"),
        Language::PromQl,
        &expr,
        needs,
    ))
}

fn of_recorded(name: &str) -> Needs {
    let known = RECORDED_NEEDS.iter().find(|(begin, _)| name.starts_with(begin));
    known.map_or(Needs::Always, |(_, needs)| *needs)
}

fn entry(kind: &str, place: &str, language: Language, expr: &str, needs: Needs) -> Value {
    let language = match language {
        Language::PromQl => "promql",
        Language::LogQl => "logql",
    };
    json!({"kind": kind, "where": place, "language": language, "expr": expr, "needs": needs.id()})
}

/// The query as it is when every variable says "all": the filters gone, Grafana's intervals as usual.
pub(super) fn resolved(expr: &str) -> String {
    let mut expr = folded(&filtered(expr));
    for variable in ["environment", "service", "instance"] {
        let matcher = format!(r#"{variable}=~"${variable}""#);
        for found in [format!(",{matcher}"), format!("{matcher},"), matcher] {
            expr = expr.replace(&found, "");
        }
    }
    for (variable, value) in [
        ("$__rate_interval", "5m"),
        ("$__interval", "1m"),
        ("$__range", "1h"),
    ] {
        expr = expr.replace(variable, value);
    }
    expr.replace("{}", "")
}

/// On one line.
fn folded(expr: &str) -> String {
    expr.split_whitespace().collect::<Vec<_>>().join(" ")
}
