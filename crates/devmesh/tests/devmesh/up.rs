//! `devmesh up`.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use serde_json::Value;
use test_support::{eventually, free_port, http};

use crate::mesh::{Mesh, PATIENCE, devmesh};

/// The milliseconds that the greeting tells.
async fn took(mesh: &Mesh) -> Result<u64> {
    let pick = |line: &str| {
        line.split_once("devmesh is up (")?
            .1
            .split_once(" ms")?
            .0
            .parse()
            .ok()
    };
    mesh.process.wait_for_line(PATIENCE, pick).await
}

fn running(mesh: &Mesh) -> Result<Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(
        mesh.data().join("running.json"),
    )?)?)
}

#[tokio::test]
async fn a_fresh_mesh_answers_a_tool_call_leaves_a_record_and_stops_cleanly() {
    let mesh = Mesh::up().await.unwrap();
    let tools = mesh.json(&["tools", "list"]).unwrap();
    let names: Vec<&str> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"mesh_whoami"), "{names:?}");
    assert!(
        tools
            .as_array()
            .unwrap()
            .iter()
            .filter(|tool| !tool["name"].as_str().unwrap().starts_with("task_"))
            .all(|tool| tool["annotations"]["readOnlyHint"] == true),
        "{tools}"
    );

    let result = mesh.json(&["tools", "call", "mesh_whoami"]).unwrap();
    assert_eq!(result["structuredContent"]["tenant"], "default");
    let record = eventually(PATIENCE, || async {
        let records = mesh.json(&["audit", "--tool", "mesh_whoami"])?;
        records.get(0).cloned().context("no record yet")
    });
    assert_eq!(record.await.unwrap()["outcome"], "ok");

    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    assert!(!mesh.data().join("running.json").exists());
}

#[tokio::test]
async fn the_next_start_takes_less_than_a_second_and_knows_everything() {
    let mut mesh = Mesh::up().await.unwrap();
    mesh.json(&["keys", "create", "laptop", "--kind", "user"])
        .unwrap();
    let mut quickest = u64::MAX;
    // Other tests run at the same time; one of three undisturbed starts is enough to tell.
    for _ in 0..3 {
        assert_eq!(mesh.stop().await.unwrap(), Some(0));
        mesh.again(&[]).await.unwrap();
        quickest = quickest.min(took(&mesh).await.unwrap());
    }
    assert!(quickest < 1_000, "{quickest} ms");
    let keys = mesh.json(&["keys", "list"]).unwrap().to_string();
    assert!(keys.contains("laptop") && keys.contains("bootstrap"), "{keys}");
    assert_eq!(
        mesh.json(&["tools", "list", "--providers"])
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_mesh_that_moved_to_other_ports_still_reaches_itself() {
    let mut mesh = Mesh::up().await.unwrap();
    let before = running(&mesh).unwrap();
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    let port = free_port().unwrap().to_string();
    mesh.again(&["--api-port", &port]).await.unwrap();
    let now = running(&mesh).unwrap();
    assert_ne!(before["api_url"], now["api_url"]);
    let called = eventually(PATIENCE, || async {
        mesh.json(&["tools", "call", "mesh_list_jobs", "--arg", "limit=1"])
    });
    assert_eq!(called.await.unwrap()["isError"], false);
}

#[tokio::test]
async fn a_provider_that_was_removed_stays_removed() {
    let mut mesh = Mesh::up().await.unwrap();
    assert_eq!(mesh.run(&["tools", "remove", "mesh"]).unwrap().code, 0);
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    mesh.again(&[]).await.unwrap();
    assert_eq!(
        mesh.json(&["tools", "list"]).unwrap().as_array().unwrap().len(),
        0
    );
}

#[tokio::test]
async fn a_second_mesh_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let mesh = Mesh::up().await.unwrap();
    let second = devmesh(mesh.dir()).args(["up", "--mcp-port", "0", "--api-port", "0", "--worker-port", "0"]);
    let second = second.start().unwrap();
    assert_eq!(second.exit_code(PATIENCE).await.unwrap(), Some(1));
    let said = second.stderr_lines().join("\n");
    assert!(
        said.contains("another mesh runs on") && said.contains(&mesh.process.pid().to_string()),
        "{said}"
    );
    assert_eq!(mesh.run(&["tools", "list"]).unwrap().code, 0);
}

/// Runs `devmesh up` in `dir`, which must fail, and answers what it said.
async fn refused_in(dir: &std::path::Path) -> String {
    let up = devmesh(dir).args(["up", "--mcp-port", "0", "--api-port", "0", "--worker-port", "0"]);
    let up = up.start().unwrap();
    assert_eq!(up.exit_code(PATIENCE).await.unwrap(), Some(1));
    let said = eventually(PATIENCE, || async {
        up.stderr_lines()
            .into_iter()
            .find(|line| line.starts_with("devmesh: "))
    });
    said.await.unwrap()
}

#[tokio::test]
async fn a_file_in_the_place_of_the_database_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".devmesh")).unwrap();
    std::fs::write(dir.path().join(".devmesh/devmesh.db"), "no database ".repeat(200)).unwrap();
    std::fs::write(dir.path().join(".devmesh/credentials.key"), "0".repeat(64)).unwrap();
    let said = refused_in(dir.path()).await;
    assert!(
        said.contains("devmesh.db") && said.contains("not a database"),
        "{said}"
    );
}

#[tokio::test]
async fn a_lost_sealing_key_is_not_replaced_beside_the_database_that_needs_it() {
    let mesh = Mesh::up().await.unwrap();
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    std::fs::remove_file(mesh.data().join("credentials.key")).unwrap();
    let said = refused_in(mesh.dir()).await;
    assert!(
        said.contains("credentials.key") && said.contains("put it back"),
        "{said}"
    );
    assert!(!mesh.data().join("credentials.key").exists());
}

#[tokio::test]
async fn a_mesh_that_waits_for_its_database_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = free_port().unwrap();
    let file = format!(
        "[rest_api.database]\nurl = 'postgres://u:p@127.0.0.1:{nobody}/mesh'\n\
         [[rest_api.credentials.keys]]\nid = 'a'\nkey = '{}'\n",
        "0".repeat(64)
    );
    std::fs::write(dir.path().join("devmesh.toml"), file).unwrap();
    let up = devmesh(dir.path()).args(["up", "--mcp-port", "0", "--api-port", "0", "--worker-port", "0"]);
    let up = up.start().unwrap();
    up.wait_for_line(PATIENCE, |line| {
        line.contains("the database is not there yet").then_some(())
    })
    .await
    .unwrap();
    up.terminate().unwrap();
    assert_eq!(up.exit_code(PATIENCE).await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_setting_that_does_not_fit_is_named_and_ends_it_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = "[[rest_api.credentials.keys]]\nid = 'a'\nkey = 'short'\n";
    std::fs::write(dir.path().join("devmesh.toml"), file).unwrap();
    let up = devmesh(dir.path()).args(["up", "--mcp-port", "0", "--api-port", "0", "--worker-port", "0"]);
    let up = up.start().unwrap();
    assert_eq!(up.exit_code(PATIENCE).await.unwrap(), Some(2));
    let said = eventually(PATIENCE, || async {
        up.stderr_lines()
            .into_iter()
            .find(|line| line.contains("credentials.keys"))
    });
    assert!(said.await.unwrap().contains("rest-api"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let up = devmesh(dir.path()).args(["up", "--mcp-port", &port, "--api-port", "0", "--worker-port", "0"]);
    let up = up.start().unwrap();
    assert_eq!(up.exit_code(PATIENCE).await.unwrap(), Some(1));
    let said = up.stderr_lines().join("\n");
    assert!(said.contains("mcp-server") && said.contains(&port), "{said}");
}

#[tokio::test]
async fn the_first_key_is_in_a_file_for_its_owner_and_nowhere_else() {
    let mesh = Mesh::up().await.unwrap();
    let path = mesh.data().join("bootstrap.key");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        std::fs::metadata(mesh.data()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let key = std::fs::read_to_string(&path).unwrap();
    mesh.json(&["tools", "call", "mesh_whoami"]).unwrap();
    mesh.stop().await.unwrap();
    let secret = key.trim().rsplit('_').next().unwrap();
    let printed = [mesh.process.stdout_lines(), mesh.process.stderr_lines()]
        .concat()
        .join("\n");
    assert!(printed.contains("bootstrap.key") && !printed.contains(secret));
}

#[tokio::test]
async fn each_service_logs_and_counts_as_itself() {
    let mesh = Mesh::up().await.unwrap();
    let running = running(&mesh).unwrap();
    let mut with_process = Vec::new();
    for (service, field) in [
        ("rest-api", "api_url"),
        ("mcp-server", "mcp_url"),
        ("worker", "worker_url"),
    ] {
        let url = running[field]
            .as_str()
            .unwrap()
            .trim_end_matches("/mcp")
            .trim_end_matches('/');
        let page = http::get(&format!("{url}/metrics")).await.unwrap().text();
        assert!(
            page.contains(&format!(r#"mcp_build_info{{service="{service}""#)),
            "{page}"
        );
        with_process.extend(
            page.contains("process_start_time_seconds{")
                .then_some((service, page.contains(r#"service="devmesh""#))),
        );
        let logged = mesh
            .process
            .json_lines()
            .iter()
            .any(|line| line["service"] == service);
        assert!(logged, "no line of {service}");
    }
    assert_eq!(
        with_process,
        [("rest-api", true)],
        "the process is on one page, as devmesh"
    );
}

#[tokio::test]
async fn logs_go_to_a_file_where_that_is_asked_for() {
    let mesh = Mesh::up_with(&["--logs", "file", "--log-format", "json"])
        .await
        .unwrap();
    let log = std::fs::read_to_string(mesh.data().join("devmesh.log")).unwrap();
    assert!(
        log.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{log}"
    );
    assert!(log.contains("\"service\":\"worker\""), "{log}");
    assert_eq!(mesh.process.stdout_lines(), Vec::<String>::new());
}
