//! A release and this build on the same data: one after the other, and both at once.
//!
//! - [`one_after_the_other`]: this build serves what the release wrote, and the release what this build wrote after it.
//! - [`both_at_once`]: two clusters, one of each, are replicas of each other on one database, broker and cache.
//! - [`store`] keeps what a release wrote for the ordinary tests, which do not build it: [`is_served`].
//! - [`data`] is what is written, and how it is found again.

pub mod data;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{Reply, eventually};

use crate::{Api, Mcp, Mesh, PATIENCE, Service, Setup, Shape, Shop};
use data::Written;

/// How long a process may take to end; it drains for 25 s at most.
const END: Duration = Duration::from_secs(60);
/// How often each of the two does everything while both run.
const ROUNDS: usize = 5;

/// The release writes and goes, in the middle of a job; this build finds all of it, finishes the job, writes more and goes;
/// the release finds all of that.
///
/// # Errors
/// With what is not there, or does not work.
pub async fn one_after_the_other(setup: Setup, release: &Path) -> Result<()> {
    let setup = setup.with_short_leases().with_programs(release);
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let first = Written::by(&mesh, "first").await?;
    shop.add_to(&mesh, &first.key).await?;
    let called = data::call(&mesh, &shop, &first.key).await?;
    let unfinished = cut_off(&mut mesh, &shop, &first.key).await?;
    mesh.stop(END).await?;

    mesh.use_programs(None);
    start_all(&mut mesh).await?;
    first.is_there(&mesh).await.context("what the release wrote")?;
    let done = mesh.api(&first.key)?.finished(&unfinished).await?;
    ensure!(
        done["state"] == "done" && done["attempt"].as_u64() >= Some(2),
        "{done}"
    );
    let listed = mesh.admin()?.get(&data::audit_of(Shop::GET_ITEM)).await?;
    ensure!(data::has(&listed, &called), "{called} is not in {listed}");
    data::call(&mesh, &shop, &first.key).await?;
    let second = Written::by(&mesh, "second").await?;
    mesh.stop(END).await?;

    mesh.use_programs(Some(release));
    start_all(&mut mesh).await?;
    for written in [first, second] {
        written.is_there(&mesh).await.context("one version back")?;
        data::call(&mesh, &shop, &written.key).await?;
    }
    mesh.stop(END).await
}

/// The release writes; its back-up, the keys that belong to it and what was written are put into `folder`.
///
/// # Errors
/// When the release does not work, or makes no back-up.
pub async fn store(release: &Path, folder: &Path) -> Result<()> {
    let mut mesh = Setup::up().with_programs(release).start().await?;
    let shop = Shop::open().await?;
    let written = Written::by(&mesh, "stored").await?;
    shop.add_to(&mesh, &written.key).await?;
    data::call(&mesh, &shop, &written.key).await?;
    fs::create_dir_all(folder)?;
    let (program, data) = (mesh.program("devmesh")?, mesh.data_dir());
    devmesh(&program, "backup", &folder.join(BACK_UP), &data)?;
    mesh.stop(END).await?;
    for key in KEYS {
        fs::copy(data.join(key), folder.join(key))?;
    }
    fs::write(folder.join(WRITTEN), serde_json::to_string_pretty(&written)?)?;
    Ok(())
}

/// This build restores what [`store`] kept, starts on it, and has all of it, with the key that opens its credentials. The shop is
/// gone, so nothing calls it.
///
/// # Errors
/// With what is not there.
pub async fn is_served(folder: &Path) -> Result<()> {
    let data = TempDir::new()?.keep();
    for key in KEYS {
        fs::copy(folder.join(key), data.join(key))?;
        fs::set_permissions(data.join(key), Permissions::from_mode(0o600))?;
    }
    let program = crate::binary("devmesh")?;
    devmesh(&program, "restore", &folder.join(BACK_UP), &data)?;
    let written: Written = serde_json::from_str(&fs::read_to_string(folder.join(WRITTEN))?)?;
    let mut mesh = Setup::up().with_data(&data).start().await?;
    written.is_there(&mesh).await?;
    let admin = mesh.admin()?;
    let providers = admin.get("/providers").await?;
    let names = providers["items"].as_array().context("no items")?;
    ensure!(
        names.iter().any(|provider| provider["name"] == "shop"),
        "{providers}"
    );
    let audit = admin.get(&data::audit_of(Shop::GET_ITEM)).await?;
    ensure!(audit["items"][0]["outcome"] == "ok", "{audit}");
    for url in mesh.mcp_urls() {
        data::lists_the_shop(&Mcp::stateless(&url, &written.key)).await?;
    }
    let said = devmesh_said(
        &program,
        &["--output", "json", "secrets", "status"],
        &mesh.data_dir(),
    )?;
    let keys: Value = serde_json::from_str(&said)?;
    // One key, which seals at least the shop's credential; one that opens nothing fails by its exit code.
    ensure!(
        keys[0]["state"] == "seals" && keys[0]["secrets"].as_u64() >= Some(1),
        "{keys}"
    );
    mesh.stop(END).await
}

/// What [`store`] puts into a folder: of a mesh that is gone, so its keys open nothing else.
const BACK_UP: &str = "mesh.tar";
const KEYS: [&str; 2] = ["bootstrap.key", "credentials.key"];
const WRITTEN: &str = "written.json";

fn devmesh(program: &Path, verb: &str, file: &Path, data: &Path) -> Result<()> {
    let file = file.to_str().context("a path that is no text")?;
    devmesh_said(program, &[verb, file], data).map(drop)
}

fn devmesh_said(program: &Path, arguments: &[&str], data: &Path) -> Result<String> {
    let mut command = Command::new(program);
    command.env_clear().args(arguments).arg("--data").arg(data);
    let ended = command.output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{arguments:?}: {said}");
    Ok(String::from_utf8(ended.stdout)?)
}

/// A read whose worker was killed before it was answered.
async fn cut_off(mesh: &mut Mesh, shop: &Shop, key: &str) -> Result<Value> {
    let answer = Reply::json(200, &json!({"id": 5, "name": "lamp"}));
    let upstream = shop.upstream();
    upstream.on_each("GET", "/items/5", vec![Reply::hang(), answer]);
    let job = mesh
        .api(key)?
        .call_async(Shop::GET_ITEM, &json!({"id": 5}))
        .await?;
    eventually(PATIENCE, || async {
        !upstream.requests_to("/items/5").is_empty()
    })
    .await?;
    mesh.kill(Service::Worker).await?;
    Ok(job)
}

async fn start_all(mesh: &mut Mesh) -> Result<()> {
    let all = [
        (Service::RestApi, 1),
        (Service::Worker, 1),
        (Service::McpServer, 1),
        (Service::McpServer, 2),
    ];
    let processes = match mesh.shape() {
        Shape::Up => 1,
        Shape::Cluster => all.len(),
    };
    for (service, replica) in all.into_iter().take(processes) {
        mesh.start_replica(service, replica).await?;
    }
    Ok(())
}

/// Whatever is written through either is used through both; no call fails.
///
/// # Errors
/// With the call that failed.
pub async fn both_at_once(release: &Path) -> Result<()> {
    let old = Setup::cluster().with_programs(release).start().await?;
    let new = Setup::beside(&old)?.start().await?;
    let shop = Shop::open().await?;
    let (first, _) = old.agent_key().await?;
    shop.add_to(&old, &first).await?;
    let urls = [old.mcp_urls(), new.mcp_urls()].concat();
    let admin = old.admin_key()?;
    let apis = [old.api(&admin)?, new.api(&admin)?];
    for round in 0..ROUNDS {
        for (number, writer) in apis.iter().enumerate() {
            let reader = &apis[1 - number];
            through_either(writer, reader, &urls, &format!("{round}-{number}"))
                .await
                .with_context(|| format!("round {round}, written through number {number} of the two"))?;
        }
    }
    ensure!(
        shop.additions().len() == 2 * ROUNDS,
        "{} of {} writes arrived",
        shop.additions().len(),
        2 * ROUNDS
    );
    Ok(())
}

/// A key of one rest-api works at every edge until the other one revokes it; a job of one is done and read at the other.
async fn through_either(writer: &Api, reader: &Api, urls: &[String], name: &str) -> Result<()> {
    let made = writer
        .post("/keys", &json!({ "name": name, "kind": "agent" }))
        .await?;
    let (key, id) = (data::text(&made["secret"])?, data::text(&made["key"]["id"])?);
    let edges: Vec<_> = urls.iter().map(|url| Mcp::stateless(url, &key)).collect();
    for edge in &edges {
        data::lists_the_shop(edge).await?;
        let called = edge.call(Shop::GET_ITEM, &json!({ "id": 1 })).await?;
        ensure!(called["structuredContent"]["id"] == 1, "{called}");
    }
    let job = writer
        .call_async(Shop::ADD_ITEM, &json!({ "name": name }))
        .await?;
    let result = reader.result_of(&job).await?;
    ensure!(result["structured"]["name"] == name, "{result}");
    reader.post(&format!("/keys/{id}/revoke"), &json!({})).await?;
    for edge in &edges {
        let refused = || async { edge.tools().await.is_err() };
        eventually(PATIENCE, refused).await?;
    }
    Ok(())
}
