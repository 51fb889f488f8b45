//! Streams of what happens: when they end, and what a reader is told that comes too late.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ports::storage::Retention;
use reqwest::Response;
use runtime::config::Duration as Setting;
use serde_json::json;
use storage::StorageOptions;
use test_support::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::app::App;

/// Whatever a loaded machine does.
const PATIENCE: Duration = Duration::from_secs(30);

/// An app whose streams look at keys only when they hear of something, on both back ends.
async fn apps(change: impl Fn(&mut rest_api::Config)) -> [App; 2] {
    let change = |config: &mut rest_api::Config| {
        config.events.recheck = Setting::from_hours(1);
        config.events.heartbeat = Setting::from_hours(1);
        change(config);
    };
    [App::with(change).await, App::on_postgres_with(change).await]
}

/// A stream that has begun.
async fn open(app: &App, key: &str, path: &str) -> Response {
    let asked = app.request("GET", path).bearer_auth(key);
    let answer = asked.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

/// All that the stream says until it is closed.
async fn to_the_end(stream: Response) -> String {
    timeout(PATIENCE, stream.text())
        .await
        .expect("it is still open")
        .unwrap()
}

async fn add_ann(app: &App) {
    let user = json!({ "name": "ann@example.com", "password": "correct horse battery" });
    app.post(&app.admin, "/api/v1/users", user).await.expect(201);
}

/// An access token of hers.
async fn token(app: &App) -> String {
    let form = json!({ "username": "ann@example.com", "password": "correct horse battery" });
    let given = App::send(app.request("POST", "/auth/token").json(&form)).await;
    given.expect(200)["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stream_is_closed_when_its_key_is_revoked_or_its_user_disabled() {
    for app in apps(|_| {}).await {
        let (key, id) = app
            .key(&app.admin, json!({ "name": "reader", "kind": "user" }))
            .await;
        add_ann(&app).await;
        let of_key = open(&app, &key, "/api/v1/events").await;
        let of_user = open(&app, &token(&app).await, "/api/v1/events").await;
        let stays = open(&app, &app.admin, "/api/v1/events").await;
        app.post(&app.admin, &format!("/api/v1/keys/{id}/revoke"), json!({}))
            .await
            .expect(200);
        assert!(
            to_the_end(of_key)
                .await
                .ends_with("event: closing\ndata: {\"reason\":\"revoked\"}\n\n")
        );
        app.post(&app.admin, "/api/v1/users/ann@example.com/disable", json!({}))
            .await
            .expect(200);
        assert!(to_the_end(of_user).await.contains("\"reason\":\"revoked\""));
        let goes_on = timeout(Duration::from_millis(300), stays.text()).await;
        assert!(goes_on.is_err(), "another key's stream was closed");
    }
}

#[tokio::test]
async fn a_stream_is_closed_when_its_access_token_expires() {
    for app in apps(|config| config.users.token_lifetime = Setting::from_secs(2)).await {
        add_ann(&app).await;
        // On a slow machine a token may be over before anything was done with it.
        let opened = || async {
            let asked = app
                .request("GET", "/api/v1/events")
                .bearer_auth(token(&app).await);
            let answer = asked.header("accept", "text/event-stream").send().await?;
            anyhow::ensure!(answer.status() == 200, "{}", answer.status());
            Ok(answer)
        };
        let stream = eventually(PATIENCE, opened).await.unwrap();
        assert!(to_the_end(stream).await.contains("\"reason\":\"revoked\""));
    }
}

#[tokio::test]
async fn a_revocation_of_which_no_notice_comes_is_seen_at_the_next_look() {
    let app = App::with(|config| config.events.recheck = Setting::from_millis(50)).await;
    let (key, id) = app
        .key(&app.admin, json!({ "name": "reader", "kind": "user" }))
        .await;
    let stream = open(&app, &key, "/api/v1/events").await;
    // As from another process: this one hears nothing of it.
    let url = format!("sqlite:{}", app.data().join("devmesh.db").display());
    let beside = storage::connect(&url, &StorageOptions::default(), &app.telemetry)
        .await
        .unwrap();
    let tenant = app.control.authenticate(&key).await.unwrap().unwrap().tenant_id;
    beside
        .keys
        .revoke(tenant, id.parse().unwrap(), Utc::now())
        .await
        .unwrap();
    assert!(to_the_end(stream).await.contains("\"reason\":\"revoked\""));
}

/// Tasks that wait for an agent with labels that fill an event: 32 KiB with 32 of them.
async fn tasks(app: &App, count: usize, size: usize) {
    let label = |n| (format!("{n:0>2}{}", "𝄞".repeat(126)), json!("𝄞".repeat(128)));
    let labels: serde_json::Map<_, _> = (0..size).map(label).collect();
    for _ in 0..count {
        let task = json!({ "type": "build", "needs": { "labels": labels } });
        app.post(&app.admin, "/api/v1/tasks", task).await.expect(201);
    }
}

/// The number of the last event, once there are `count` of them.
async fn numbered(app: &App, count: u64) -> u64 {
    let last = || async {
        let page = app
            .get(&app.admin, "/api/v1/events?after=0&limit=1")
            .await
            .expect(200);
        let last = page["last"].as_u64().unwrap();
        anyhow::ensure!(last >= count, "{page}");
        Ok(last)
    };
    eventually(PATIENCE, last).await.unwrap()
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_let_go_and_told_so_if_it_ever_reads_on() {
    let app = App::with(|config| {
        config.events.max_per_key = 1;
        config.events.heartbeat = Setting::from_millis(20);
        config.events.slow_reader = Setting::from_millis(300);
    })
    .await;
    // More than the buffers of a connection hold: 4 MiB at Linux' bounds.
    tasks(&app, 75, 32).await;
    numbered(&app, 150).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut socket = socket.connect(app.address).await.unwrap();
    let asked = format!(
        "GET /api/v1/events?after=0 HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n",
        app.admin
    );
    socket.write_all(asked.as_bytes()).await.unwrap();
    let mut beginning = [0; 64];
    socket.read_exact(&mut beginning).await.unwrap();
    assert!(
        beginning.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&beginning)
    );
    // Its place is free again.
    let place_is_free = || async {
        let asked = app.request("GET", "/api/v1/events").bearer_auth(&app.admin);
        let answer = asked.header("accept", "text/event-stream").send().await?;
        anyhow::ensure!(answer.status() == 200, "{}", answer.status());
        Ok(())
    };
    eventually(PATIENCE, place_is_free).await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    let rest = String::from_utf8_lossy(&rest);
    let end = &rest[rest.len().saturating_sub(200)..];
    assert!(
        end.contains("event: closing\ndata: {\"reason\":\"slow\"}"),
        "{end}"
    );
}

#[tokio::test]
async fn a_reader_that_comes_back_after_the_log_was_cut_is_told_which_numbers_are_gone() {
    for app in [App::on_sqlite().await, App::on_postgres().await] {
        tasks(&app, 3, 0).await;
        let last = numbered(&app, 6).await;
        let old = DateTime::UNIX_EPOCH;
        let cut = Retention {
            changes_kept: u64::MAX >> 1,
            changes_before: old,
            jobs_before: old,
            tasks_before: old,
            events_before: Utc::now() + TimeDelta::hours(1),
            audit_before: old,
            answers_before: old,
        };
        assert_eq!(
            app.control.storage.database.prune(&cut).await.unwrap().events,
            last
        );
        let asked = app.request("GET", "/api/v1/events").bearer_auth(&app.admin);
        let asked = asked
            .header("accept", "text/event-stream")
            .header("last-event-id", "2");
        let mut stream = asked.send().await.unwrap();
        tasks(&app, 1, 0).await;
        let mut said = String::new();
        while !said.contains("task.waiting") {
            let chunk = timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap().unwrap();
            said.push_str(&String::from_utf8_lossy(&chunk));
        }
        let gap = format!("id: {last}\nevent: gap\ndata: {{\"from\":3,\"to\":{last}}}\n\n");
        let (gap, next) = (
            said.find(&gap),
            said.find(&format!("id: {}\nevent: task.created", last + 1)),
        );
        assert!(gap.is_some() && gap < next, "{said}");
        let page = app.get(&app.admin, "/api/v1/events?after=2").await.expect(200);
        assert_eq!(
            (&page["pruned"], &page["items"][0]["number"]),
            (&json!(last), &json!(last + 1)),
            "{page}"
        );
    }
}
