//! One call to rest-api changes the log level of every replica of every service.

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shape};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use test_support::eventually;
use test_support::http::{Answer, Request};

on_both!(
    one_call_changes_the_log_level_of_every_replica_and_says_who_took_it,
    what_is_no_level_is_refused_and_only_rest_api_speaks_for_all,
);

const TOKEN: &str = "the admin token of this test";

async fn start(setup: Setup) -> Result<Mesh> {
    let with_token = |setup: Setup, service| setup.set(service, "admin_token", TOKEN);
    Service::ALL.into_iter().fold(setup, with_token).start().await
}

async fn ask(url: &str, query: &str, change: Option<Value>) -> Result<Answer> {
    let method = if change.is_some() {
        Method::PUT
    } else {
        Method::GET
    };
    let request = Request::new(method, &format!("{url}/admin/log-level{query}"));
    let request = request.header("authorization", &format!("Bearer {TOKEN}"));
    match change {
        Some(change) => request.json(&change).send().await,
        None => request.send().await,
    }
}

/// The services of these answers, in order.
fn services(body: &Value) -> Vec<&str> {
    let replicas = body["replicas"].as_array().into_iter().flatten();
    replicas
        .filter_map(|replica| replica["service"].as_str())
        .collect()
}

async fn one_call_changes_the_log_level_of_every_replica_and_says_who_took_it(setup: Setup) -> Result<()> {
    let mesh = start(setup).await?;
    let api = mesh.api_url()?;
    let expected: &[&str] = match mesh.shape() {
        Shape::Up => &["mcp-server", "rest-api", "worker"],
        Shape::Cluster => &["mcp-server", "mcp-server", "rest-api", "worker"],
    };
    // Replicas attend a moment after they are ready.
    let all_there = || async {
        let body = ask(&api, "?all=true", None).await?.json()?;
        ensure!(services(&body) == expected, "{body}");
        anyhow::Ok(())
    };
    eventually(PATIENCE, all_there).await?;

    let answer = ask(&api, "?all=true", Some(json!({"level": "debug"})))
        .await?
        .json()?;
    ensure!(
        answer["took"] == expected.len() && answer["failed"] == 0,
        "{answer}"
    );
    ensure!(answer.get("warning").is_none(), "{answer}");
    let levels = answer["replicas"].as_array().context("no replicas")?;
    ensure!(
        levels.iter().all(|replica| replica["level"] == "debug"),
        "{answer}"
    );
    let mut asked = 0;
    for service in Service::ALL {
        for url in mesh.service_urls(service) {
            let own = ask(&url, "", None).await?.json()?;
            ensure!(own["level"] == "debug", "{} at {url}: {own}", service.name());
            asked += 1;
        }
    }
    ensure!(asked == expected.len(), "{asked}");

    ask(&api, "", Some(json!({"level": "warn"}))).await?;
    let body = ask(&api, "?all=true", None).await?.json()?;
    let warn = levels_of(&body, "warn");
    ensure!(
        warn == ["rest-api"],
        "without all it was changed elsewhere too: {body}"
    );
    Ok(())
}

fn levels_of<'a>(body: &'a Value, level: &str) -> Vec<&'a str> {
    let replicas = body["replicas"].as_array().into_iter().flatten();
    replicas
        .filter(|replica| replica["level"] == level)
        .filter_map(|replica| replica["service"].as_str())
        .collect()
}

async fn what_is_no_level_is_refused_and_only_rest_api_speaks_for_all(setup: Setup) -> Result<()> {
    let mesh = start(setup).await?;
    let api = mesh.api_url()?;
    let answer = ask(&api, "?all=true", Some(json!({"level": "loud"}))).await?;
    ensure!(answer.status == StatusCode::BAD_REQUEST, "{}", answer.text());
    let edge = mesh.service_urls(Service::McpServer).remove(0);
    let answer = ask(&edge, "?all=true", Some(json!({"level": "debug"}))).await?;
    ensure!(answer.status == StatusCode::BAD_REQUEST, "{}", answer.text());
    let unknown = Request::new(Method::GET, &format!("{api}/admin/log-level?all=true"));
    let answer = unknown.send().await?;
    ensure!(answer.status == StatusCode::UNAUTHORIZED, "{}", answer.text());
    Ok(())
}
