//! What operators look at: the lists of `doctor`, what the back ends say of themselves, `top`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Redis, free_port};

use crate::mesh::{Mesh, run};

/// The finding of this check.
fn find<'a>(findings: &'a Value, check: &str) -> &'a Value {
    let all = findings.as_array().unwrap().iter();
    let mut found = all.filter(|finding| finding["check"] == check);
    found
        .next()
        .unwrap_or_else(|| panic!("no check `{check}` in {findings:#}"))
}

#[tokio::test]
async fn the_daily_list_judges_what_the_services_show_and_names_what_it_could_not_see() {
    let mesh = Mesh::up().await.unwrap();
    for _ in 0..3 {
        mesh.json(&["tools", "list"]).unwrap();
    }
    let findings = mesh.json(&["doctor", "--daily"]).unwrap();
    assert_eq!(find(&findings, "rest-api: errors")["verdict"], "ok");
    assert_eq!(find(&findings, "rest-api: p99")["verdict"], "ok");
    assert_eq!(find(&findings, "circuit breakers")["found"], "all closed");
    assert_eq!(find(&findings, "dead letters")["found"], "none");
    assert!(
        find(&findings, "devmesh: memory")["found"]
            .as_str()
            .unwrap()
            .contains("MiB")
    );
    assert!(
        find(&findings, "devmesh: CPU")["found"]
            .as_str()
            .unwrap()
            .contains('%')
    );
    assert_eq!(find(&findings, "label overflow")["found"], "none");
    for unseen in ["alerts firing", "backup", "certificates"] {
        assert_eq!(find(&findings, unseen)["verdict"], "skip", "{unseen}");
    }
    assert!(!findings.to_string().contains("started this week"));
}

#[tokio::test]
async fn the_weekly_list_has_the_daily_one_and_fails_where_it_was_told_to_ask_and_could_not() {
    let mesh = Mesh::up_with(&["--set", "monitoring.metrics.values_per_label=1"])
        .await
        .unwrap();
    let findings = mesh.json(&["doctor", "--weekly"]).unwrap();
    // One value a label is not enough for any mesh.
    assert_eq!(find(&findings, "label overflow")["verdict"], "warn");
    for check in [
        "rest-api: requests",
        "started this week",
        "rest-api: series",
        "trends",
        "disk",
    ] {
        find(&findings, check);
    }
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let said = mesh
        .run(&["doctor", "--weekly", "--alerts", &nobody, "--prometheus", &nobody])
        .unwrap();
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(
        said.stdout.contains("is this Alertmanager's address?"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("is this Prometheus's address?"),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn slow_queries_of_a_mesh_on_sqlite_are_those_that_it_measured_itself() {
    let mesh = Mesh::up().await.unwrap();
    let slow = mesh.json(&["doctor", "--slow-queries"]).unwrap();
    for statement in slow.as_array().unwrap() {
        assert!(statement["mean_ms"].as_f64().unwrap() > 100.0, "{slow:#}");
    }
    let said = mesh.run(&["doctor", "--redis"]).unwrap();
    assert_eq!(said.code, 2, "{}", said.stdout);
    assert!(said.stderr.contains("there is no Redis"), "{}", said.stderr);
}

#[tokio::test]
async fn redis_is_shown_with_its_four_figures_and_slow_commands() {
    let server = Redis::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let url = format!("cache.url={}", server.url());
    let arguments = [
        "--output", "json", "doctor", "--redis", "--for", "rest-api", "--set", &url,
    ];
    let said = run(dir.path(), &arguments, &[]).unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let shown: Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(
        shown["figures"]["used_memory_bytes"].as_u64().unwrap() > 100_000,
        "{shown}"
    );
    assert!(
        shown["figures"]["connected_clients"].as_u64().unwrap() >= 1,
        "{shown}"
    );
    assert!(shown["slow_commands"].is_array(), "{shown}");
    server.stop().await.unwrap();
    let said = run(dir.path(), &arguments, &[]).unwrap();
    assert_eq!(said.code, 3, "{}", said.stderr);
}

#[tokio::test]
async fn top_shows_the_rate_and_latency_of_traffic_between_two_looks() {
    let mesh = Arc::new(Mesh::up().await.unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let (caller, until) = (Arc::clone(&mesh), Arc::clone(&over));
    let traffic = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            caller.json(&["tools", "list"]).unwrap();
        }
    });
    let look = mesh.json(&["top", "--once", "--interval", "2"]);
    let text = mesh.run(&["top", "--once", "--interval", "1"]);
    over.store(true, Ordering::Relaxed);
    traffic.join().unwrap();
    let (look, text) = (look.unwrap(), text.unwrap());
    let requests = look["figures"]["requests"].as_array().unwrap();
    let api = requests.iter().find(|of| of["service"] == "rest-api").unwrap();
    assert!(api["rate"].as_f64().unwrap() > 0.0, "{look:#}");
    assert_eq!(api["errors"], 0.0, "{look:#}");
    assert!(
        api["p99"].as_f64().unwrap() >= api["p50"].as_f64().unwrap(),
        "{look:#}"
    );
    assert_eq!(requests.len(), 3, "{look:#}");
    assert_eq!(look["figures"]["processes"][0]["service"], "devmesh", "{look:#}");
    for title in ["SERVICE", "PROCESS", "QUEUE", "MESH", "ALERTS"] {
        assert!(text.stdout.contains(title), "{}", text.stdout);
    }
    assert!(
        !text.stdout.contains('\x1b'),
        "colours in a pipe: {}",
        text.stdout
    );
}

#[tokio::test]
async fn top_and_the_daily_list_show_tasks_that_no_agent_takes() {
    let mesh = Mesh::up().await.unwrap();
    mesh.json(&["tasks", "create", "paint", "--needs", "paint@1"])
        .unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let shown = loop {
        let look = mesh.json(&["top", "--once", "--interval", "1"]).unwrap();
        let tasks = &look["figures"]["tasks"];
        if tasks[0]["task_type"] == "paint" && tasks[0]["waiting"] == 1.0 {
            break mesh.run(&["top", "--once", "--interval", "1"]).unwrap().stdout;
        }
        assert!(Instant::now() < until, "{look:#}");
    };
    let line = shown.lines().find(|line| line.starts_with("paint")).unwrap();
    assert_eq!(line.split_whitespace().nth(1), Some("1"), "{shown}");
    let findings = mesh.json(&["doctor", "--daily"]).unwrap();
    let found = find(&findings, "tasks of type paint");
    assert!(found["found"].as_str().unwrap().starts_with("1 wait"), "{found}");
}

#[test]
fn top_without_a_mesh_says_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let arguments = ["--url", &nobody, "--mcp-url", &nobody, "top", "--once"];
    let said = run(dir.path(), &arguments, &[]).unwrap();
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("devmesh up"), "{}", said.stderr);
}
