//! A dashboard in Grafana's JSON.

use serde_json::{Map, Value, json};

use super::model::{Dashboard, Kind, Language, Panel, Query, Step, Unit};
use super::options::of as options;
use super::surroundings::{annotations, link, links, variables};

/// The filter of `{@}`: what the three variables choose.
const FILTER: &str = r#"environment=~"$environment",service=~"$service",instance=~"$instance""#;
/// The filter of `{%}`, for recorded series, which have no instance.
const RECORDED: &str = r#"environment=~"$environment",service=~"$service""#;
/// How wide Grafana's grid is.
const GRID: u32 = 24;

/// The query with the dashboard's filter in it.
pub(super) fn filtered(expr: &str) -> String {
    expr.replace("@}", &format!("{FILTER}}}"))
        .replace("%}", &format!("{RECORDED}}}"))
}

/// The whole dashboard.
pub(super) fn json(dashboard: &Dashboard) -> Value {
    json!({
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["mcp"],
        "schemaVersion": 41,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "templating": {"list": variables()},
        "annotations": {"list": annotations()},
        "links": links(),
        "panels": placed(dashboard),
    })
}

/// The panels of all rows, from left to right and from top to bottom.
fn placed(dashboard: &Dashboard) -> Vec<Value> {
    let (mut id, mut top) = (1, 0);
    let mut placed = Vec::new();
    for row in &dashboard.rows {
        placed.push(json!({
            "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": place(0, top, GRID, 1),
        }));
        (id, top) = (id + 1, top + 1);
        let (mut left, mut tallest) = (0, 0);
        for panel in &row.panels {
            if left + panel.width > GRID {
                (left, top, tallest) = (0, top + tallest, 0);
            }
            placed.push(of_panel(panel, id, &place(left, top, panel.width, panel.height)));
            (id, left, tallest) = (id + 1, left + panel.width, tallest.max(panel.height));
        }
        top += tallest;
    }
    placed
}

fn place(x: u32, y: u32, w: u32, h: u32) -> Value {
    json!({"h": h, "w": w, "x": x, "y": y})
}

fn of_panel(panel: &Panel, id: u32, place: &Value) -> Value {
    if panel.kind == Kind::Text {
        return json!({
            "id": id, "type": "text", "title": panel.title, "gridPos": place,
            "options": options(panel),
        });
    }
    let source = source(panel.language());
    let targets: Vec<_> = panel
        .queries
        .iter()
        .enumerate()
        .map(|(at, query)| target(panel, query, at))
        .collect();
    json!({
        "id": id,
        "type": panel.kind.plugin(),
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": source,
        "targets": targets,
        "fieldConfig": {"defaults": defaults(panel), "overrides": overrides(panel)},
        "options": options(panel),
        "transformations": transformations(panel),
        "links": panel.runbook.map(runbook).into_iter().collect::<Vec<_>>(),
    })
}

fn runbook(name: &str) -> Value {
    link(
        &format!("Runbook {name}"),
        "question",
        "What to do about it",
        &format!("${{runbooks}}/{name}.md"),
    )
}

fn source(language: Language) -> Value {
    match language {
        Language::PromQl => json!({"type": "prometheus", "uid": "${datasource}"}),
        Language::LogQl => json!({"type": "loki", "uid": "${loki}"}),
    }
}

fn target(panel: &Panel, query: &Query, at: usize) -> Value {
    let reference = ["A", "B", "C", "D", "E", "F", "G", "H"].get(at).unwrap_or(&"I");
    let format = match panel.kind {
        Kind::Table => "table",
        Kind::Heatmap => "heatmap",
        _ => "time_series",
    };
    match panel.language() {
        Language::LogQl => json!({
            "refId": reference, "datasource": source(Language::LogQl), "expr": filtered(&query.expr), "queryType": "range",
        }),
        Language::PromQl => json!({
            "refId": reference,
            "datasource": source(Language::PromQl),
            "editorMode": "code",
            "expr": filtered(&query.expr),
            "legendFormat": query.legend,
            "format": format,
            "instant": panel.instant(),
            "range": !panel.instant(),
            "exemplar": !panel.instant() && query.expr.contains("_bucket"),
        }),
    }
}

fn defaults(panel: &Panel) -> Value {
    let coloured = !panel.steps.is_empty();
    let by_threshold = coloured
        && matches!(
            panel.kind,
            Kind::Stat | Kind::Gauge | Kind::BarGauge | Kind::Table
        );
    let mut defaults = json!({
        "unit": panel.unit.id(),
        "noValue": panel.no_data,
        "color": {"mode": if by_threshold { "thresholds" } else { "palette-classic" }},
        "thresholds": {"mode": "absolute", "steps": steps(&panel.steps)},
        "mappings": mappings(panel),
        "custom": custom(panel, coloured),
    });
    if matches!(panel.unit, Unit::Percent | Unit::Ratio) || panel.kind == Kind::TimeSeries {
        defaults["min"] = json!(0);
    }
    if let Some(max) = panel.max {
        defaults["max"] = json!(max);
    }
    defaults
}

fn mappings(panel: &Panel) -> Vec<Value> {
    if panel.states.is_empty() {
        return Vec::new();
    }
    let states = panel.states.iter().enumerate();
    let options: Map<_, _> = states
        .map(|(at, (value, text))| ((*value).to_owned(), json!({"index": at, "text": text})))
        .collect();
    vec![json!({"type": "value", "options": options})]
}

fn steps(steps: &[Step]) -> Vec<Value> {
    if steps.is_empty() {
        return vec![json!({"color": "green", "value": null})];
    }
    let step = |step: &Step| json!({"color": step.colour, "value": step.from});
    steps.iter().map(step).collect()
}

fn custom(panel: &Panel, coloured: bool) -> Value {
    match panel.kind {
        Kind::TimeSeries => json!({
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": if panel.stacked { 30 } else { 8 },
            "showPoints": "never",
            "spanNulls": 60000,
            "stacking": {"mode": if panel.stacked { "normal" } else { "none" }, "group": "A"},
            "thresholdsStyle": {"mode": if coloured { "dashed" } else { "off" }},
        }),
        _ => json!({}),
    }
}

fn overrides(panel: &Panel) -> Vec<Value> {
    let right = panel.right.map(|(legend, unit)| {
        json!({
            "matcher": {"id": "byRegexp", "options": format!("/{legend}/")},
            "properties": [
                {"id": "custom.axisPlacement", "value": "right"},
                {"id": "unit", "value": unit.id()},
            ],
        })
    });
    let column = |(field, name, unit): &(&str, &str, Unit)| {
        json!({
            "matcher": {"id": "byName", "options": field},
            "properties": [{"id": "displayName", "value": name}, {"id": "unit", "value": unit.id()}],
        })
    };
    right
        .into_iter()
        .chain(panel.columns.iter().map(column))
        .collect()
}

/// A table of several queries is one table: joined by the labels, without the columns of time.
fn transformations(panel: &Panel) -> Vec<Value> {
    if panel.kind != Kind::Table {
        return Vec::new();
    }
    vec![
        json!({"id": "merge", "options": {}}),
        json!({"id": "organize", "options": {"excludeByName": {"Time": true}, "indexByName": {}, "renameByName": {}}}),
    ]
}
