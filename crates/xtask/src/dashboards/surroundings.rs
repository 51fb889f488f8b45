//! What every dashboard has around its panels: variables, annotations, links.

use serde_json::{Value, json};

/// The data sources, what to look at, and where the runbooks are.
pub(super) fn variables() -> Vec<Value> {
    vec![
        data_source("datasource", "Prometheus", "prometheus"),
        data_source("loki", "Loki", "loki"),
        data_source("tempo", "Traces", "tempo"),
        labels(
            "environment",
            "Environment",
            r#"label_values(mcp_build_info, environment)"#,
        ),
        labels(
            "service",
            "Service",
            r#"label_values(process_start_time_seconds{environment=~"$environment"}, service)"#,
        ),
        labels(
            "instance",
            "Instance",
            r#"label_values(up{job=~"mcp-server|rest-api|worker"}, instance)"#,
        ),
        json!({
            "name": "runbooks",
            "label": "Runbooks",
            "description": "Where docs/runbooks is served in your organization, without a slash at the end.",
            "type": "textbox",
            "query": "/public/runbooks",
            "current": {"text": "/public/runbooks", "value": "/public/runbooks", "selected": true},
            "hide": 0,
        }),
    ]
}

fn data_source(name: &str, label: &str, kind: &str) -> Value {
    json!({
        "name": name, "label": label, "type": "datasource", "query": kind, "regex": "", "refresh": 1,
        "hide": 0, "multi": false, "includeAll": false, "options": [],
    })
}

/// Values of a label, several at once; all of them unless some are chosen.
fn labels(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": true,
        "includeAll": true,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"], "selected": true},
        "options": [],
        "regex": "",
    })
}

/// The query of the annotation of deployments: a version that was not there five minutes ago. The guide's own,
/// `changes(mcp_build_info[5m]) > 0`, is never true: the series is always 1, and a new version is a new series.
pub(super) const DEPLOYMENTS: &str = r#"sum by (service, environment, version, revision) (mcp_build_info{environment=~"$environment",service=~"$service"}) unless sum by (service, environment, version, revision) (mcp_build_info{environment=~"$environment",service=~"$service"} offset 5m)"#;
/// The query of the annotation of incidents: the line that rest-api writes for each P0 and P1 that Alertmanager sends.
pub(super) const INCIDENTS: &str =
    r#"{job="mcp-services", service="rest-api"} |= "incident_opened" | json | event="incident_opened""#;

/// Deployments and incidents as lines over every panel.
pub(super) fn annotations() -> Vec<Value> {
    vec![
        json!({
            "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": true, "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
        }),
        json!({
            "name": "Deployments",
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "enable": true,
            "iconColor": "blue",
            "expr": DEPLOYMENTS,
            "step": "60s",
            "titleFormat": "Deployed {{version}}",
            "textFormat": "{{service}} {{version}} ({{revision}})",
            "tagKeys": "service,version",
        }),
        json!({
            "name": "Incidents",
            "datasource": {"type": "loki", "uid": "${loki}"},
            "enable": true,
            "iconColor": "red",
            "expr": INCIDENTS,
            "titleFormat": "{{alertname}}",
            "textFormat": "{{summary}} {{runbook_url}}",
            "tagKeys": "priority,service",
        }),
    ]
}

/// To the other dashboards, the logs, the traces and the runbooks.
pub(super) fn links() -> Vec<Value> {
    vec![
        json!({
            "title": "MCP", "type": "dashboards", "tags": ["mcp"], "asDropdown": true, "includeVars": true,
            "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
        }),
        link(
            "Logs",
            "doc",
            "Log lines of the chosen services",
            &explore(
                "${loki}",
                "loki",
                &json!({"refId": "A", "expr": r#"{job="mcp-services"} | json"#, "queryType": "range"}),
            ),
        ),
        link(
            "Traces",
            "bolt",
            "Traces of the chosen services",
            &explore(
                "${tempo}",
                "tempo",
                &json!({"refId": "A", "queryType": "traceql", "query": r#"{ resource.service.name =~ "mcp-server|rest-api|worker" }"#}),
            ),
        ),
        link("Runbooks", "question", "What to do about an alert", "${runbooks}"),
    ]
}

/// A link to somewhere.
pub(super) fn link(title: &str, icon: &str, tooltip: &str, url: &str) -> Value {
    json!({
        "title": title, "type": "link", "icon": icon, "tooltip": tooltip, "url": url, "tags": [],
        "asDropdown": false, "includeVars": false, "keepTime": false, "targetBlank": true,
    })
}

/// The address of Grafana's Explore with a query in it.
fn explore(uid: &str, kind: &str, query: &Value) -> String {
    let mut query = query.clone();
    query["datasource"] = json!({"type": kind, "uid": uid});
    let panes =
        json!({"a": {"datasource": uid, "queries": [query], "range": {"from": "now-1h", "to": "now"}}});
    format!(
        "/explore?schemaVersion=1&orgId=1&panes={}",
        encoded(&panes.to_string())
    )
}

/// Percent-encoded, but for Grafana's `${variables}`, which it fills in first.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let variable = rest.strip_prefix("${").and_then(|after| after.find('}'));
        let length = variable.map_or(next.len_utf8(), |end| end + 3);
        let (piece, after) = rest.split_at(length);
        if variable.is_some() {
            out.push_str(piece);
        } else {
            piece.bytes().for_each(|byte| out.push_str(&encoded_byte(byte)));
        }
        rest = after;
    }
    out
}

fn encoded_byte(byte: u8) -> String {
    let plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if plain {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
