//! What Alertmanager tells, and what people make of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, App};
use crate::on_both;

/// A notification of one alert, as Alertmanager sends it.
pub fn notification(alertname: &str, status: &str) -> Value {
    let ends = match status {
        "resolved" => "2026-11-21T12:05:00.5Z",
        _ => "0001-01-01T00:00:00Z",
    };
    let labels = json!({ "alertname": alertname, "priority": "P1", "severity": "critical", "team": "sre" });
    json!({
        "version": "4", "status": status, "receiver": "rest-api", "groupKey": "{}:{}", "truncatedAlerts": 0,
        "groupLabels": {}, "commonLabels": labels, "commonAnnotations": {}, "externalURL": "http://alertmanager",
        "alerts": [{
            "status": status, "labels": labels, "fingerprint": format!("fp-{alertname}"),
            "annotations": { "summary": "It hurts.", "runbook_url": "https://example.org/runbooks/hurt" },
            "startsAt": "2026-11-21T12:00:00.123456789Z", "endsAt": ends, "generatorURL": "",
        }],
    })
}

async fn tell(app: &App, alertname: &str, status: &str) -> Value {
    app.post(&app.admin, "/api/v1/alerts", notification(alertname, status))
        .await
        .expect(200)
}

async fn page(app: &App) -> String {
    App::send(app.request("GET", "/metrics")).await.text
}

/// The value of the one series of `name` with this alert.
fn value(page: &str, name: &str, alertname: &str) -> Option<f64> {
    let label = format!("alertname=\"{alertname}\"");
    let line = page
        .lines()
        .find(|line| line.starts_with(name) && line.contains(&label))?;
    line.rsplit(' ').next()?.parse().ok()
}

on_both! {
    async fn a_notification_that_comes_again_changes_nothing(app: &App) {
        assert_eq!(tell(app, "Hurt", "firing").await, json!({ "opened": 1, "resolved": 0 }));
        assert_eq!(tell(app, "Hurt", "firing").await, json!({ "opened": 0, "resolved": 0 }));
        assert_eq!(tell(app, "Hurt", "resolved").await, json!({ "opened": 0, "resolved": 1 }));
        for status in ["resolved", "firing", "resolved"] {
            assert_eq!(tell(app, "Hurt", status).await, json!({ "opened": 0, "resolved": 0 }), "{status}");
        }
        let alerts = app.get(&app.admin, "/api/v1/alerts").await.expect(200);
        let [alert] = &alerts["items"].as_array().unwrap()[..] else { panic!("{alerts}") };
        assert_eq!((&alert["alertname"], &alert["priority"]), (&json!("Hurt"), &json!("P1")));
        assert_eq!(alert["runbook_url"], "https://example.org/runbooks/hurt");
        assert_eq!(alert["ended_at"], "2026-11-21T12:05:00.500Z");
        let page = page(app).await;
        assert_eq!(value(&page, "alertmanager_alerts_fired_total", "Hurt"), Some(1.0), "{page}");
        assert_eq!(value(&page, "alertmanager_alert_resolution_seconds_count", "Hurt"), Some(1.0));
        let seconds = value(&page, "alertmanager_alert_resolution_seconds_sum", "Hurt").unwrap();
        assert!((seconds - 300.377).abs() < 0.01, "{seconds}");
    }

    async fn the_counters_of_the_packs_own_alerts_are_there_before_the_first_fires(app: &App) {
        let page = page(app).await;
        for name in ["alertmanager_alerts_fired_total", "alertmanager_false_positives_total"] {
            assert_eq!(value(&page, name, "ServiceDown"), Some(0.0), "{name}");
        }
        assert_eq!(value(&page, "alertmanager_alerts_fired_total", "Unheard"), None);
    }

    async fn an_alert_that_fires_again_after_its_end_is_another_one(app: &App) {
        for (starts, status, opened) in [("12:00:00Z", "firing", 1), ("12:00:00Z", "resolved", 0), ("13:00:00Z", "firing", 1)] {
            let mut told = notification("Again", status);
            told["alerts"][0]["startsAt"] = format!("2026-11-21T{starts}").into();
            assert_eq!(app.post(&app.admin, "/api/v1/alerts", told).await.expect(200)["opened"], opened);
        }
        // A restart of Prometheus moves the beginning of what fires still: that is no new alert.
        let mut moved = notification("Again", "firing");
        moved["alerts"][0]["startsAt"] = "2026-11-21T13:30:00Z".into();
        assert_eq!(app.post(&app.admin, "/api/v1/alerts", moved).await.expect(200)["opened"], 0);
        // The end of the first one, told once more, is not the end of the second.
        let mut ended = notification("Again", "resolved");
        ended["alerts"][0]["startsAt"] = "2026-11-21T12:00:00Z".into();
        let told = app.post(&app.admin, "/api/v1/alerts", ended).await.expect(200);
        assert_eq!(told, json!({ "opened": 0, "resolved": 0 }));
        let firing = app.get(&app.admin, "/api/v1/alerts?firing=true&priority=P1&alertname=Again").await.expect(200);
        assert_eq!(firing["items"].as_array().unwrap().len(), 1);
        assert_eq!(firing["items"][0]["ended_at"], Value::Null);
    }

    async fn what_no_alert_has_is_refused_by_the_name_of_the_field_and_nothing_is_kept(app: &App) {
        for (pointer, value, field) in [
            ("/alerts/0/labels/alertname", json!(" "), "alerts[0].labels.alertname"),
            ("/alerts/0/fingerprint", json!(""), "alerts[0].fingerprint"),
            ("/version", json!("3"), "version"),
        ] {
            let mut told = notification("Nameless", "firing");
            *told.pointer_mut(pointer).unwrap() = value;
            let problem = app.post(&app.admin, "/api/v1/alerts", told).await.expect(422);
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
        let alerts = app.get(&app.admin, "/api/v1/alerts").await.expect(200);
        assert_eq!(alerts["items"], json!([]));
        let problem = app.get(&app.admin, "/api/v1/alerts?priority=P7").await.expect(400);
        assert_eq!(problem["errors"][0]["field"], "priority", "{problem}");
    }

    async fn an_end_whose_beginning_was_missed_counts_as_both(app: &App) {
        assert_eq!(tell(app, "Missed", "resolved").await, json!({ "opened": 1, "resolved": 1 }));
    }

    async fn a_false_positive_is_counted_once_by_whoever_may_judge(app: &App) {
        tell(app, "Wrong", "firing").await;
        let alerts = app.get(&app.admin, "/api/v1/alerts").await.expect(200);
        let path = format!("/api/v1/alerts/{}/review", alerts["items"][0]["id"].as_str().unwrap());
        for verdict in ["actionable", "false_positive", "false_positive", "actionable", "false_positive"] {
            let judged = app.post(&app.admin, &path, json!({ "verdict": verdict })).await.expect(200);
            assert_eq!((&judged["verdict"], &judged["reviewed_by"]), (&json!(verdict), &json!("bootstrap")));
        }
        assert_eq!(value(&page(app).await, "alertmanager_false_positives_total", "Wrong"), Some(1.0));
        app.post(&app.admin, &path, json!({ "verdict": "maybe" })).await.expect(422);
    }

    async fn a_key_with_the_webhooks_scope_alone_can_tell_and_nothing_else(app: &App) {
        let asked = json!({ "name": "alertmanager", "kind": "user", "scopes": ["alerts:write"] });
        let (key, _) = app.key(&app.admin, asked).await;
        app.post(&key, "/api/v1/alerts", notification("Told", "firing")).await.expect(200);
        app.get(&key, "/api/v1/alerts").await.expect(403);
        app.get(&key, "/api/v1/tools").await.expect(403);
        let (agent, _) = app.key(&app.admin, json!({ "name": "agent", "kind": "agent" })).await;
        app.post(&agent, "/api/v1/alerts", notification("Told", "firing")).await.expect(403);
    }

    async fn what_is_no_notification_is_refused_by_its_field(app: &App) {
        let mut other = notification("Old", "firing");
        other["version"] = "3".into();
        let answer: Answer = app.post(&app.admin, "/api/v1/alerts", other).await;
        assert_eq!(answer.expect(422)["errors"][0]["field"], "version");
        let body = App::send(app.request(Method::POST.as_str(), "/api/v1/alerts").bearer_auth(&app.admin).json(&json!({ "version": "4" }))).await;
        assert_eq!(body.expect(422)["errors"][0]["field"], "alerts");
    }
}
