//! Agents of `devmesh-agent` at `devmesh up`.

use std::time::Duration;

use devmesh_agent::{Agent, Builder, Ended, Error, Task};
use serde_json::{Value, json};

use crate::mesh::{Mesh, PATIENCE};

fn agent(url: &str, key: &str) -> Builder {
    let double = |task: Task| async move { Ok(json!(task.raw_input()["n"].as_u64().map(|n| n * 2))) };
    Agent::builder(url, key).name("private").on("double", double)
}

#[tokio::test]
async fn an_agent_trusts_the_authority_that_it_is_told_of_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let [certificate, key_file, other] =
        ["cert.pem", "key.pem", "other.pem"].map(|name| dir.path().join(name));
    let made = |names: [&str; 2]| rcgen::generate_simple_self_signed(names.map(str::to_owned)).unwrap();
    let own = made(["localhost", "127.0.0.1"]);
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key_file, own.signing_key.serialize_pem()).unwrap();
    std::fs::write(&other, made(["localhost", "127.0.0.1"]).cert.pem()).unwrap();
    let tls = format!(
        "mcp_server.listen.tls={{ certificate = '{}', key = '{}' }}",
        certificate.display(),
        key_file.display()
    );
    let mesh = Mesh::up_with(&["--set", &tls]).await.unwrap();
    let made = mesh
        .json(&["keys", "create", "private", "--kind", "agent"])
        .unwrap();
    let key = made["secret"].as_str().unwrap();
    let running = std::fs::read_to_string(mesh.data().join("running.json")).unwrap();
    let running: Value = serde_json::from_str(&running).unwrap();
    let url = running["mcp_url"].as_str().unwrap().replacen("https", "wss", 1);
    assert!(url.starts_with("wss://"), "{url}");

    let trusts = agent(&url, key).ca_file(&certificate).build().unwrap();
    let stop = trusts.stopper();
    let asked = async {
        let input = r#"{"n":21}"#;
        let id = mesh
            .json(&["tasks", "create", "double", "--input", input])
            .unwrap()["id"]
            .clone();
        let done = || async {
            let task = mesh.json(&["tasks", "show", id.as_str().unwrap_or_default()])?;
            anyhow::ensure!(task["result"] == 42, "{task}");
            Ok(())
        };
        test_support::eventually(PATIENCE, done).await.unwrap();
        stop.stop();
    };
    let (ended, ()) = tokio::join!(trusts.run(), asked);
    assert!(matches!(ended, Ok(Ended::Stopped)), "{ended:?}");

    for stranger in [agent(&url, key).ca_file(&other), agent(&url, key)] {
        let away = std::sync::Arc::new(tokio::sync::Notify::new());
        let told = std::sync::Arc::clone(&away);
        let stranger = stranger.watched_by(move |standing| {
            if let devmesh_agent::Standing::Away { why, .. } = standing {
                assert!(why.contains("certificate"), "{why}");
                told.notify_one();
            }
        });
        let stranger = stranger.build().unwrap();
        let stop = stranger.stopper();
        let refused = async {
            tokio::time::timeout(PATIENCE, away.notified()).await.unwrap();
            stop.stop();
        };
        tokio::join!(stranger.run(), refused).0.unwrap();
    }
    let missing = agent(&url, key).ca_file(dir.path().join("nothing.pem")).build();
    let why = missing
        .err()
        .map(|error: Error| error.to_string())
        .unwrap_or_default();
    assert!(why.contains("nothing.pem"), "{why}");
}

#[tokio::test]
async fn an_agent_whose_key_was_made_a_moment_ago_is_let_in_at_once() {
    let mesh = Mesh::up().await.unwrap();
    let running = std::fs::read_to_string(mesh.data().join("running.json")).unwrap();
    let running: Value = serde_json::from_str(&running).unwrap();
    for number in 0..10 {
        let name = format!("fresh-{number}");
        let made = mesh.json(&["keys", "create", &name, "--kind", "agent"]).unwrap();
        let agent = agent(
            running["mcp_url"].as_str().unwrap(),
            made["secret"].as_str().unwrap(),
        );
        let agent = agent.name(&name).build().unwrap();
        let stop = agent.stopper();
        let here = async {
            let is_here = || async {
                let agents = mesh.json(&["agents", "list"])?;
                let agents = agents.as_array().cloned().unwrap_or_default();
                anyhow::ensure!(agents.iter().any(|agent| agent["name"] == name), "{agents:?}");
                Ok(())
            };
            test_support::eventually(PATIENCE, is_here).await.unwrap();
            stop.stop();
        };
        let whole = async { tokio::join!(agent.run(), here) };
        let (ended, ()) = tokio::time::timeout(PATIENCE + Duration::from_secs(30), whole)
            .await
            .unwrap();
        assert!(matches!(ended, Ok(Ended::Stopped)), "{ended:?}");
    }
}
