//! How each kind of panel is drawn, in the options of Grafana's panel plug-ins.

use serde_json::{Value, json};

use super::model::{Kind, Panel, Unit};

/// The panel's options.
pub(super) fn of(panel: &Panel) -> Value {
    match panel.kind {
        Kind::Stat => json!({
            "reduceOptions": last(), "colorMode": "value", "graphMode": "none", "justifyMode": "auto",
            "orientation": "auto", "textMode": "auto", "wideLayout": true, "showPercentChange": false,
            "percentChangeColorMode": "standard",
        }),
        Kind::Gauge => gauge(),
        Kind::BarGauge => json!({
            "reduceOptions": last(), "orientation": "horizontal", "displayMode": "gradient", "valueMode": "color",
            "namePlacement": "auto", "showUnfilled": true, "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16,
            "maxVizHeight": 300,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []},
        }),
        Kind::PieChart => pie(),
        Kind::TimeSeries => json!({
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Kind::Heatmap => heatmap(panel.unit),
        Kind::Table => json!({"showHeader": true, "cellHeight": "sm", "frameIndex": 0}),
        Kind::Logs => json!({
            "showTime": true, "showLabels": false, "showCommonLabels": false, "showLogContextToggle": true,
            "wrapLogMessage": false, "prettifyLogMessage": false, "enableLogDetails": true, "dedupStrategy": "none",
            "sortOrder": "Descending",
        }),
        Kind::Text => json!({"mode": "markdown", "content": panel.text}),
    }
}

fn last() -> Value {
    json!({"calcs": ["lastNotNull"], "fields": "", "values": false})
}

fn gauge() -> Value {
    json!({
        "reduceOptions": last(), "orientation": "auto", "showThresholdLabels": false, "showThresholdMarkers": true,
        "sizing": "auto", "minVizWidth": 75, "minVizHeight": 75, "shape": "gauge", "barShape": "flat",
        "barWidthFactor": 0.5, "segmentCount": 1, "segmentSpacing": 0.3, "sparkline": false,
        "effects": {"barGlow": false, "centerGlow": false, "gradient": false},
    })
}

fn pie() -> Value {
    json!({
        "reduceOptions": last(), "pieType": "donut", "displayLabels": [], "sort": "desc", "orientation": "auto",
        "legend": {
            "displayMode": "table", "placement": "right", "showLegend": true, "calcs": [],
            "values": ["value", "percent"],
        },
        "tooltip": {"mode": "single", "sort": "none"},
    })
}

fn heatmap(unit: Unit) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "color": {
            "mode": "scheme", "scheme": "Spectral", "steps": 64, "exponent": 0.5, "fill": "dark-orange",
            "reverse": false,
        },
        "filterValues": {"le": 1e-9},
        "legend": {"show": true},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": false},
        "yAxis": {"axisPlacement": "left", "reverse": false, "unit": unit.id()},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
    })
}
