//! Alerts from a real Alertmanager.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use test_support::{Alertmanager, eventually, http};

use crate::mesh::{Mesh, PATIENCE};

/// A configuration that repeats itself every second, to the mesh.
fn config(mesh: &Mesh, key: &str) -> Result<String> {
    let running: Value = serde_json::from_str(&std::fs::read_to_string(mesh.data().join("running.json"))?)?;
    let url = running["api_url"].as_str().unwrap_or_default();
    Ok(json!({
        "route": { "receiver": "mesh", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1s" },
        "receivers": [{ "name": "mesh", "webhook_configs": [{
            "url": format!("{url}api/v1/alerts"), "send_resolved": true,
            "http_config": { "authorization": { "type": "Bearer", "credentials": key } },
        }] }],
    })
    .to_string())
}

/// Tells Alertmanager of an alert that fires until `ends`.
async fn fire(alertmanager: &Alertmanager, alertname: &str, ends: &str) -> Result<()> {
    let alert = json!([{
        "labels": { "alertname": alertname, "priority": "P0", "severity": "critical", "team": "platform" },
        "annotations": { "summary": "All is lost.", "runbook_url": "https://example.org/runbooks/lost" },
        "startsAt": "2026-11-21T12:00:00Z", "endsAt": ends,
    }]);
    let told = http::post_json(&format!("{}/api/v2/alerts", alertmanager.url()), &alert).await?;
    ensure!(told.status == 200, "{}", told.text());
    Ok(())
}

/// The incident lines of the mesh's log.
fn incidents(mesh: &Mesh) -> Vec<Value> {
    let lines = mesh.process.stdout_lines();
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_incident = |line: &Value| {
        line["event"]
            .as_str()
            .is_some_and(|event| event.starts_with("incident_"))
    };
    lines.filter(is_incident).collect()
}

fn received(mesh: &Mesh) -> usize {
    let is_one =
        |line: &&String| line.contains("\"path\":\"/api/v1/alerts\"") && line.contains("\"status\":200");
    mesh.process.stdout_lines().iter().filter(is_one).count()
}

#[tokio::test]
async fn alertmanagers_repeats_are_one_incident_from_its_opening_to_its_end() {
    let mesh = Mesh::up().await.unwrap();
    let key = [
        "keys",
        "create",
        "alertmanager",
        "--kind",
        "user",
        "--scope",
        "alerts:write",
    ];
    let key = mesh.json(&key).unwrap();
    let config = config(&mesh, key["secret"].as_str().unwrap()).unwrap();
    let alertmanager = Alertmanager::start(&config).await.unwrap();
    fire(&alertmanager, "Lost", "2099-01-01T00:00:00Z").await.unwrap();
    let repeated = || async {
        ensure!(received(&mesh) >= 3, "{} notifications", received(&mesh));
        anyhow::Ok(())
    };
    eventually(PATIENCE, repeated).await.unwrap();
    let firing = mesh
        .json(&["alerts", "list", "--firing", "--priority", "P0"])
        .unwrap();
    assert_eq!(firing.as_array().unwrap().len(), 1, "{firing}");
    assert_eq!(
        (&firing[0]["alertname"], &firing[0]["team"]),
        (&json!("Lost"), &json!("platform"))
    );

    fire(&alertmanager, "Lost", "2026-11-21T12:10:00Z").await.unwrap();
    let over = || async {
        let incidents = incidents(&mesh);
        ensure!(incidents.len() > 1, "{incidents:?}");
        anyhow::Ok(incidents)
    };
    let incidents = eventually(PATIENCE, over).await.unwrap();
    let [opened, resolved] = &incidents[..] else {
        panic!("{incidents:?}")
    };
    assert_eq!(
        (&opened["event"], &resolved["event"]),
        (&json!("incident_opened"), &json!("incident_resolved"))
    );
    for line in [opened, resolved] {
        assert_eq!(line["alertname"], "Lost");
        assert_eq!(line["priority"], "P0");
        assert_eq!(line["fingerprint"], firing[0]["fingerprint"]);
        assert_eq!(line["runbook_url"], "https://example.org/runbooks/lost");
    }
    let id = firing[0]["id"].as_str().unwrap();
    let judged = mesh
        .json(&["alerts", "review", id, "--as", "false-positive"])
        .unwrap();
    assert_eq!(
        (&judged["verdict"], &judged["reviewed_by"]),
        (&json!("false_positive"), &json!("bootstrap"))
    );
    assert!(judged["ended_at"].is_string(), "{judged}");
}
