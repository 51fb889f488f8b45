//! MCP Alert Quality: what fires, how long it lasts, and what was false, from what Alertmanager tells rest-api and people review.

use super::model::{Dashboard, Row, Unit};
use super::panels::{bargauge, row, stat, table, timeseries};

const NONE: &str = "Alertmanager has told rest-api of no alert";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-alert-quality",
        title: "MCP Alert Quality",
        description: "Whether alerts are worth being woken by: how often they fire, how long they last, how many were false.",
        rows: vec![firing(), quality()],
    }
}

fn firing() -> Row {
    row(
        "Firing",
        vec![
            timeseries("Alert firing rate", "Alerts a day that Alertmanager reported.")
                .query("sum by (alertname) (86400 * rate(alertmanager_alerts_fired_total{@}[1d])) > 0", "{{alertname}}")
                .incident(NONE),
            bargauge("Most frequent alerts", "In this time.")
                .query("topk(10, sum by (alertname, severity) (increase(alertmanager_alerts_fired_total{@}[$__range])) > 0)", "{{alertname}} {{severity}}")
                .incident(NONE),
            table("By team", "Alerts in this time, by who gets them.")
                .query("sum by (team, severity) (increase(alertmanager_alerts_fired_total{@}[$__range]))", "")
                .column("Value", "alerts", Unit::None)
                .incident(NONE)
                .size(12, 8),
            table("Firing now", "What Prometheus says; the Watchdog always fires.")
                .query(r#"sum by (alertname, priority, service) (ALERTS{alertstate="firing",product="devmesh"})"#, "")
                .column("Value", "series", Unit::None)
                .no_data("no rules loaded")
                .size(12, 8),
        ],
    )
}

fn quality() -> Row {
    row(
        "Quality",
        vec![
            bargauge("False positive rate by alert", "Of the alerts of seven days, the share that a review called false.")
                .unit(Unit::Percent)
                .query(
                    "100 * sum by (alertname) (rate(alertmanager_false_positives_total{@}[7d])) / (sum by (alertname) (rate(alertmanager_alerts_fired_total{@}[7d])) > 0)",
                    "{{alertname}}",
                )
                .incident("no alert was called false")
                .bad_above(10.0, 30.0),
            timeseries("Average time to resolution", "From an alert's beginning to its end.")
                .unit(Unit::Seconds)
                .query(
                    "sum by (alertname) (rate(alertmanager_alert_resolution_seconds_sum{@}[1d])) / sum by (alertname) (rate(alertmanager_alert_resolution_seconds_count{@}[1d]))",
                    "{{alertname}}",
                )
                .incident(NONE),
            timeseries("Time to resolution by priority", "95 of 100 alerts were over within this time.")
                .unit(Unit::Seconds)
                .query(
                    "histogram_quantile(0.95, sum by (priority, le) (rate(alertmanager_alert_resolution_seconds_bucket{@}[1d])))",
                    "{{priority}}",
                )
                .incident(NONE),
            stat("Alerts, 7 days", "More than a few a day and people stop to read them.")
                .query("sum(increase(alertmanager_alerts_fired_total{@}[7d]))", "")
                .bad_above(35.0, 100.0)
                .incident(NONE)
                .size(6, 6),
        ],
    )
}
