//! Workers that are killed in the middle of a job.

use anyhow::{Result, ensure};
use e2e::{PATIENCE, Service, Setup, Shop};
use serde_json::{Value, json};
use test_support::{Gate, Reply};

on_both!(
    a_read_whose_worker_was_killed_is_done_by_the_next_one,
    a_write_whose_worker_was_killed_is_in_doubt_until_a_person_closes_it,
    every_write_of_a_burst_is_accounted_for_although_the_worker_is_killed_in_the_middle,
);

async fn a_read_whose_worker_was_killed_is_done_by_the_next_one(setup: Setup) -> Result<()> {
    let (mut mesh, shop) = (setup.with_short_leases().start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let answer = Reply::json(200, &json!({"id": 5, "name": "lamp"}));
    shop.upstream()
        .on_each("GET", "/items/5", vec![Reply::hang(), answer]);
    let job = mesh
        .api(&key)?
        .call_async(Shop::GET_ITEM, &json!({"id": 5}))
        .await?;
    wait_for(&shop, "/items/5").await?;
    mesh.kill(Service::Worker).await?;
    mesh.start_again(Service::Worker).await?;
    let done = mesh.api(&key)?.finished(&job).await?;
    ensure!(done["state"] == "done" && done["attempt"] == 2, "{done}");
    ensure!(done["result"]["structured"]["id"] == 5, "{done}");
    ensure!(shop.upstream().requests_to("/items/5").len() == 2);
    Ok(())
}

async fn a_write_whose_worker_was_killed_is_in_doubt_until_a_person_closes_it(setup: Setup) -> Result<()> {
    let (mut mesh, shop) = (setup.with_short_leases().start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let gate = Gate::new();
    shop.upstream().on("POST", "/items", added().held_by(&gate));
    let job = mesh
        .api(&key)?
        .call_async(Shop::ADD_ITEM, &json!({"name": "desk"}))
        .await?;
    wait_for(&shop, "/items").await?;
    mesh.kill(Service::Worker).await?;
    gate.open();
    mesh.start_again(Service::Worker).await?;
    let admin = mesh.admin()?;
    let doubtful = admin.finished(&job).await?;
    ensure!(
        doubtful["state"] == "in_doubt" && doubtful["error"]["message"].is_string(),
        "{doubtful}"
    );
    ensure!(shop.additions().len() == 1, "{:?}", shop.additions());
    shown_in_doubt(&mesh, 1.0).await?;

    let path = format!("/jobs/{}/resolve", job["id"].as_str().unwrap_or_default());
    let resolved: Value = admin.post(&path, &json!({"as": "done"})).await?;
    ensure!(resolved["state"] == "done", "{resolved}");
    let listed = admin.get("/jobs?state=in_doubt").await?;
    ensure!(listed["items"] == json!([]), "{listed}");
    shown_in_doubt(&mesh, 0.0).await?;
    ensure!(shop.additions().len() == 1, "{:?}", shop.additions());
    Ok(())
}

async fn every_write_of_a_burst_is_accounted_for_although_the_worker_is_killed_in_the_middle(
    setup: Setup,
) -> Result<()> {
    const WRITES: usize = 60;
    let setup = setup
        .with_short_leases()
        .set(Service::Worker, "jobs.concurrency", "4");
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let gate = Gate::new();
    shop.upstream().on("POST", "/items", added().held_by(&gate));
    let agent = mesh.api(&key)?;
    let mut jobs = Vec::new();
    for number in 0..WRITES {
        let name = format!("item {number}");
        let job = agent.call_async(Shop::ADD_ITEM, &json!({"name": name})).await?;
        jobs.push((name, job));
    }
    gate.open();
    let in_the_middle = || async { shop.additions().len() >= WRITES / 4 };
    test_support::eventually(PATIENCE, in_the_middle).await?;
    mesh.kill(Service::Worker).await?;
    mesh.start_again(Service::Worker).await?;
    let agent = mesh.api(&key)?;
    let mut done = 0;
    for (name, job) in &jobs {
        let job = agent.finished(job).await?;
        let additions = shop.additions().into_iter();
        let effects =
            additions.filter(|request| request.json().is_ok_and(|item| item["name"] == name.as_str()));
        match (job["state"].as_str(), effects.count()) {
            (Some("done"), 1) => done += 1,
            (Some("in_doubt"), 0 | 1) => {}
            (_, effects) => anyhow::bail!("{effects} effects of {job}"),
        }
    }
    // At most as many are in doubt as ran at once.
    ensure!(done >= WRITES - 4, "only {done} of {WRITES} are done");
    Ok(())
}

fn added() -> Reply {
    Reply::json(201, &json!({"id": 7, "name": "desk"}))
}

/// Waits for the gauge that the alert reads.
async fn shown_in_doubt(mesh: &e2e::Mesh, count: f64) -> Result<()> {
    let shown = || async {
        let pages = mesh.pages().await?;
        let sum = |page: &e2e::ServicePage| page.page.sum("mcp_jobs_in_doubt", &[("job_type", "tool_call")]);
        let sum: f64 = pages.iter().map(sum).sum();
        ensure!((sum - count).abs() < f64::EPSILON, "mcp_jobs_in_doubt is {sum}");
        anyhow::Ok(())
    };
    test_support::eventually(PATIENCE, shown).await
}

async fn wait_for(shop: &Shop, path: &str) -> Result<()> {
    let arrived = || async { !shop.upstream().requests_to(path).is_empty() };
    test_support::eventually(PATIENCE, arrived).await
}
