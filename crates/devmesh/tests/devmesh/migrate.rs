//! `devmesh migrate`: the schema from the command line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::mesh::{Said, run};

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{} {}", said.stdout, said.stderr))
}

#[test]
fn what_is_pending_is_shown_applied_and_then_no_more() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join(".devmesh")).unwrap();
    let ask = |arguments: &[&str]| run(dir.path(), arguments, &[]).unwrap();
    let before = ask(&["migrate", "status", "--output", "json"]);
    assert_eq!(before.code, 1, "{}", before.stderr);
    assert!(before.stderr.contains("devmesh migrate up"), "{}", before.stderr);
    let known = json(&before)["migrations"].as_array().unwrap().len();
    assert_eq!(json(&before)["schema"], 0);

    let up = ask(&["migrate", "up"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    assert_eq!(up.stdout.lines().count(), known, "{}", up.stdout);
    assert!(up.stdout.starts_with("applied 1 identity ("), "{}", up.stdout);

    let after = ask(&["migrate", "status", "--output", "json"]);
    assert_eq!(after.code, 0, "{}", after.stderr);
    assert_eq!(json(&after)["schema"], json(&after)["known"]);
    let again = ask(&["migrate", "up", "--output", "json"]);
    assert_eq!((again.code, again.stdout.trim()), (0, "[]"), "{}", again.stderr);
}

/// Another process writes: python's own SQLite, which locks the file as any does.
#[test]
fn whoever_writes_to_the_file_is_named_by_process_and_waited_for_no_longer_than_asked() {
    const WRITER: &str = "import sqlite3, sys
writer = sqlite3.connect(sys.argv[1], isolation_level=None)
writer.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()";
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join(".devmesh")).unwrap();
    let ask = |arguments: &[&str]| run(dir.path(), arguments, &[]).unwrap();
    assert_eq!(ask(&["migrate", "up"]).code, 0);
    let mut writer = Command::new("python3")
        .args(["-c", WRITER])
        .arg(dir.path().join(".devmesh/devmesh.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(writer.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert_eq!(said.trim(), "locked");

    let status = ask(&["migrate", "status", "--output", "json"]);
    assert_eq!(json(&status)["lock"]["process"], writer.id(), "{}", status.stderr);
    let up = ask(&["migrate", "up", "--wait", "1"]);
    assert_eq!(up.code, 1, "{}", up.stderr);
    assert!(
        up.stderr.contains(&format!("process {}", writer.id())),
        "{}",
        up.stderr
    );
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    assert_eq!(ask(&["migrate", "up"]).code, 0);
    assert_eq!(
        json(&ask(&["migrate", "status", "--output", "json"]))["lock"],
        Value::Null
    );
}

#[test]
fn what_is_wrong_with_the_login_is_told_by_the_option_and_a_database_that_is_away_by_its_exit_code() {
    let dir = TempDir::new().unwrap();
    let login = dir.path().join("owner-url");
    let with = |arguments: &[&str]| {
        let place = ["--for", "rest-api", "--login-file", login.to_str().unwrap()];
        run(dir.path(), &[arguments, &place].concat(), &[]).unwrap()
    };
    for command in [
        &["migrate", "up"][..],
        &["migrate", "status"],
        &["backup", "x.tar"],
    ] {
        std::fs::remove_file(&login).unwrap_or_default();
        let missing = with(command);
        assert_eq!(missing.code, 2, "{}", missing.stderr);
        assert!(
            missing.stderr.contains("--login-file") && missing.stderr.contains("No such file"),
            "{}",
            missing.stderr
        );
        std::fs::write(&login, "PASSWORD-ALONE").unwrap();
        let other = with(command);
        assert_eq!(other.code, 2, "{}", other.stderr);
        assert!(
            other.stderr.contains("--login-file") && !other.stderr.contains("PASSWORD"),
            "{}",
            other.stderr
        );
    }
    let nobody = format!(
        "postgres://owner@127.0.0.1:{}/mesh",
        test_support::free_port().unwrap()
    );
    std::fs::write(&login, format!("{nobody}\n")).unwrap();
    assert_eq!(with(&["migrate", "status"]).code, 3);
}

#[tokio::test]
async fn on_postgres_the_owner_migrates_for_the_login_that_serves() {
    let owner = test_support::fresh_database().await.unwrap();
    let dir = TempDir::new().unwrap();
    let login = dir.path().join("owner-url");
    std::fs::write(&login, &owner).unwrap();
    let database = format!("database.url={owner}");
    let place = [
        "--for",
        "rest-api",
        "--set",
        &database,
        "--login-file",
        login.to_str().unwrap(),
    ];
    let ask = |action: &str| {
        run(
            dir.path(),
            &[&["migrate", action, "--output", "json"], &place[..]].concat(),
            &[],
        )
        .unwrap()
    };
    assert_eq!(ask("status").code, 1);
    let up = ask("up");
    assert_eq!(up.code, 0, "{}", up.stderr);
    assert_eq!(json(&up)[0]["state"], "applied", "{}", up.stdout);
    let status = ask("status");
    assert_eq!(
        (status.code, json(&status)["backend"].as_str()),
        (0, Some("postgres")),
        "{}",
        status.stderr
    );
}
