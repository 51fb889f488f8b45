//! Every secret of a run is one that nothing else has, and after everything that the mesh does with them, none is found where
//! it must not be: logs, spans, metrics, database, spool, Redis, queues, back-ups, what commands print, what is answered.

mod faults;
mod hunt;
mod people;
mod places;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::{Mesh, PATIENCE, Service, Setup, Shape, Shop, unique};
use http::Method;
use serde_json::{Value, json};
use test_support::{Recorded, Reply, eventually};

use crate::tour;
use hunt::Hunt;
use places::{Cache, commands};

#[tokio::test]
async fn no_secret_is_found_anywhere_after_a_run_of_a_cluster() -> Result<()> {
    let (database, broker) = (unique("database"), unique("broker"));
    let cache = Cache::start(&unique("cache")).await?;
    let mut database_url = url::Url::parse(&test_support::fresh_database().await?)?;
    database_url
        .set_password(Some(&database))
        .ok()
        .context("no host")?;
    let vhost = test_support::fresh_vhost_or_prefix().await?;
    let setup = Setup::cluster()
        .with_database(database_url.into())
        .with_cache(cache.url())
        .with_broker(test_support::with_broker_user(&vhost, &broker).await?);
    let mut hunt = Hunt::default();
    hunt.canaries.add("database password", &database);
    hunt.canaries.add("broker password", &broker);
    hunt.canaries.add("cache password", cache.password());
    run(setup, &mut hunt).await?;
    let heard = cache.heard();
    ensure!(
        heard.windows(3).any(|part| part == b"SET" || part == b"set"),
        "nothing was written to Redis"
    );
    hunt.look("Redis", &heard);
    hunt.verdict(&[
        "a log line",
        "a span",
        "a metrics page",
        "a spool",
        "a journal of spans",
        "a file",
        "a back-up",
        "Redis",
        "a queue",
        "a command",
        "an answer",
    ])
}

#[tokio::test]
async fn no_secret_is_found_anywhere_after_a_run_of_up() -> Result<()> {
    let mut hunt = Hunt::default();
    run(Setup::up(), &mut hunt).await?;
    hunt.verdict(&[
        "a log line",
        "a span",
        "a metrics page",
        "a spool",
        "a journal of spans",
        "a ring of traces",
        "a file",
        "a command",
        "an answer",
    ])
}

async fn run(setup: Setup, hunt: &mut Hunt) -> Result<()> {
    let setup = setup
        .with_short_leases()
        // Records lie in the spool for long enough to be looked at.
        .set(Service::McpServer, "spool.interval", "3s");
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    for (number, secret) in mesh.secrets()?.iter().enumerate() {
        hunt.canaries
            .add(&format!("secret {number} of the installation"), secret);
    }
    let tour = tour::take(&mesh, &shop).await?;
    for (number, secret) in tour.secrets.iter().enumerate() {
        hunt.canaries.add(&format!("secret {number} of the tour"), secret);
    }
    hunt.look_all("an answer", &tour.answers);
    let (key, key_id) = mesh.agent_key().await?;
    hunt.canaries.add("agent key", &key);
    credentials(&mesh, &shop, hunt, &key).await?;
    keys(&mesh, hunt, &key_id).await?;
    people::come_and_go(&mesh, hunt).await?;
    commands(&mesh, hunt)?;
    if mesh.shape() == Shape::Cluster {
        // Before the worker is back the messages lie in their queues.
        mesh.kill(Service::Worker).await?;
        mesh.api(&key)?.call_async("alpha_echo", &json!({})).await?;
        places::queues(&mesh, hunt).await?;
        mesh.start_again(Service::Worker).await?;
    }
    for tool in ["alpha_echo", "alpha_leak", "beta_get_item"] {
        let said = mesh.mcp(&key).await?.call(tool, &json!({"id": 1})).await;
        hunt.look("an answer", format!("{said:?}").as_bytes());
    }
    hunt.look_all("a log line", &[mesh.stdout_lines(), mesh.stderr_lines()].concat());
    places::files(&mesh, hunt)?;
    let journal = ["a journal of spans", "a ring of traces"].into_iter();
    let kept = journal.take(if mesh.shape() == Shape::Up { 2 } else { 1 });
    for place in kept {
        ensure!(hunt.has_seen(place, "ExecuteTool"), "no call in {place}");
    }
    let pages = mesh.pages().await?;
    hunt.look_all(
        "a metrics page",
        &pages.into_iter().map(|page| page.page.text).collect::<Vec<_>>(),
    );
    let exported = || async { mesh.otlp().spans().iter().any(|span| span.service == "worker") };
    eventually(PATIENCE, exported).await?;
    if mesh.shape() == Shape::Cluster {
        places::backup(&mesh, &test_support::postgres_url().await?, hunt)?;
    }
    mesh.stop(PATIENCE).await?;
    hunt.look_all("a span", &mesh.otlp().texts());
    hunt.look_all("a log line", &mesh.stdout_lines());
    places::files(&mesh, hunt)
}

/// Providers with each kind of credential, whose upstream shows it in answers and errors, or is not there at all.
async fn credentials(mesh: &Mesh, shop: &Shop, hunt: &mut Hunt, key: &str) -> Result<()> {
    shop.upstream().on("GET", "/leak", Reply::computed(leak));
    shop.describe(&["leak"]);
    let odd = r#""\+/%&=<>~"#;
    for (name, auth, secret) in [
        (
            "alpha",
            json!({"type": "bearer"}),
            format!("{}{odd}", unique("alpha")),
        ),
        (
            "beta",
            json!({"type": "query", "name": "token"}),
            format!("{}{odd} ", unique("beta")),
        ),
        (
            "gamma",
            json!({"type": "basic"}),
            format!("user:{}{odd}", unique("gamma")),
        ),
        (
            "delta",
            json!({"type": "header", "name": "x-token"}),
            format!("{}{odd}", unique("delta")),
        ),
    ] {
        hunt.canaries.add(name, &secret);
        // What no notation of letters and digits changes is looked for by itself, in case one is not known.
        let core = secret.trim_start_matches("user:").split('"').next();
        hunt.canaries.add(name, core.unwrap_or_default());
        let mut provider = shop.provider();
        provider["name"] = name.into();
        provider["auth"] = auth.clone();
        provider["secret"] = secret.clone().into();
        let admin = mesh.admin()?;
        let job = admin.post("/providers", &provider).await?;
        hunt.look("an answer", job.to_string().as_bytes());
        hunt.look("an answer", admin.result_of(&job).await?.to_string().as_bytes());
        // The same once more, which is refused; and one whose upstream nobody is.
        hunt.refused(admin.request(Method::POST, "/providers").json(&provider))
            .await?;
        provider["name"] = format!("{name}away").into();
        provider["base_url"] = "http://127.0.0.1:9".into();
        provider["allowed_hosts"] = json!(["127.0.0.1"]);
        admin
            .result_of(&admin.post("/providers", &provider).await?)
            .await?;
        calls(mesh, hunt, key, name).await?;
        // Where it belongs it is found: the upstream got it.
        let sent = format!("{:?}", shop.upstream().requests());
        let found = hunt.canaries.found_in(sent.as_bytes(), "")?;
        ensure!(
            found.iter().any(|hit| hit.starts_with(name)),
            "{name} was not sent: {found:?}"
        );
    }
    Ok(())
}

async fn calls(mesh: &Mesh, hunt: &mut Hunt, key: &str, name: &str) -> Result<()> {
    let (client, agent) = (mesh.stateless_mcp(key)?, mesh.api(key)?);
    for tool in ["get_item", "echo", "break", "leak"] {
        let tool = format!("{name}_{tool}");
        hunt.look(
            "an answer",
            answered(&client, &tool).await?.to_string().as_bytes(),
        );
        let job = agent.call_async(&tool, &json!({})).await?;
        let settled = || async {
            let job = agent.job(&job).await?;
            let state = job["state"].as_str().unwrap_or_default();
            ensure!(
                state != "pending" && state != "running" || job["attempt"].as_u64() >= Some(1),
                "{job}"
            );
            anyhow::Ok(job)
        };
        hunt.look(
            "an answer",
            eventually(PATIENCE, settled).await?.to_string().as_bytes(),
        );
    }
    let away = answered(&client, &format!("{name}away_get_item")).await?;
    ensure!(away["isError"] == true, "{away}");
    hunt.look("an answer", away.to_string().as_bytes());
    Ok(())
}

/// The result of a call, once the replica knows the tool.
async fn answered(client: &e2e::Mcp, tool: &str) -> Result<Value> {
    let arguments = json!({"id": 1});
    eventually(PATIENCE, || client.call(tool, &arguments)).await
}

/// An upstream that shows in its error what it was sent, in several notations.
fn leak(request: &Recorded) -> Reply {
    let headers = [request.header("authorization"), request.header("x-token")];
    let mut shown: Vec<String> = headers.into_iter().flatten().map(str::to_owned).collect();
    shown.extend(request.query_pairs().into_iter().map(|(_, value)| value));
    let notations = shown.iter().flat_map(|text| {
        let bare = text.rsplit_once(' ').map_or(text.as_str(), |(_, bare)| bare);
        [text.clone(), STANDARD.encode(bare), hex::encode(bare)]
    });
    let notations = notations.chain(request.query.clone());
    Reply::json(
        500,
        &json!({ "message": "bad credential", "seen": notations.collect::<Vec<_>>() }),
    )
}

/// Keys that are made, rotated, repeated and wrong.
async fn keys(mesh: &Mesh, hunt: &mut Hunt, key_id: &str) -> Result<()> {
    let admin = mesh.admin()?;
    let rotated = admin.post(&format!("/keys/{key_id}/rotate"), &json!({})).await?;
    hunt.canaries.add("rotated key", text(&rotated["secret"])?);
    let create = || {
        let request = admin
            .request(Method::POST, "/keys")
            .header("idempotency-key", "once");
        request.json(&json!({"name": "repeated", "kind": "agent"})).send()
    };
    let (first, second) = (create().await?.json()?, create().await?.json()?);
    ensure!(
        first["secret"] == second["secret"] && first["secret"].is_string(),
        "{first}"
    );
    hunt.canaries.add("repeated key", text(&first["secret"])?);
    let wrong = format!(
        "dm_0123456789ab_{}{}",
        hex::encode(&unique("wrong")[13..29]),
        "0".repeat(32)
    );
    hunt.canaries.add("wrong key", &wrong);
    hunt.refused(mesh.api(&wrong)?.request(Method::GET, "/tools"))
        .await?;
    let malformed = unique("malformed");
    hunt.canaries.add("malformed key", &malformed);
    hunt.refused(mesh.api(&malformed)?.request(Method::GET, "/tools"))
        .await?;
    for url in mesh.mcp_urls() {
        for key in [&wrong, &malformed] {
            let said = e2e::Mcp::stateless(&url, key).tools().await;
            ensure!(said.is_err());
            hunt.look("an answer", format!("{said:?}").as_bytes());
        }
    }
    Ok(())
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("a key has text")
}
