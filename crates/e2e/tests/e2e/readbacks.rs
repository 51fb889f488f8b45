//! Writes that were cut off, and a tool that says how to look whether they happened.

use anyhow::{Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shop};
use http::Method;
use serde_json::{Value, json};
use test_support::{Gate, Reply};

on_both!(
    a_write_that_happened_although_its_worker_was_killed_is_found_done,
    a_write_that_did_not_happen_before_its_worker_was_killed_is_found_failed,
    a_write_stays_in_doubt_with_the_reason_when_the_check_cannot_tell,
    a_check_that_cannot_work_is_refused_with_what_is_wrong,
);

/// Reads the whole stock.
const STOCK: &str = "shop_stock";

fn check() -> Value {
    let item = json!({"at": "/result", "field": "/name", "to": {"argument": "/name"}});
    json!({"tool": STOCK, "done": {"contains": item}, "failed": {"lacks": item}, "delay_ms": 100, "attempts": 2})
}

/// A mesh whose worker was killed in the middle of adding a desk, and the job.
async fn cut_off(setup: Setup, stock: Reply) -> Result<(Mesh, Shop, Value)> {
    let (mut mesh, shop) = (setup.with_short_leases().start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.describe(&["stock"]);
    shop.upstream().on("GET", "/stock", stock);
    shop.add_to(&mesh, &key).await?;
    declare(&mesh, &check()).await?;
    shop.upstream().on(
        "POST",
        "/items",
        Reply::json(201, &json!({})).held_by(&Gate::new()),
    );
    let job = mesh
        .api(&key)?
        .call_async(Shop::ADD_ITEM, &json!({"name": "desk"}))
        .await?;
    let arrived = || async { !shop.additions().is_empty() };
    test_support::eventually(PATIENCE, arrived).await?;
    mesh.kill(Service::Worker).await?;
    mesh.start_again(Service::Worker).await?;
    Ok((mesh, shop, job))
}

async fn declare(mesh: &Mesh, check: &Value) -> Result<()> {
    let path = format!("/tools/{}/readback", Shop::ADD_ITEM);
    let answer = mesh
        .admin()?
        .request(Method::PUT, &path)
        .json(check)
        .send()
        .await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(())
}

async fn a_write_that_happened_although_its_worker_was_killed_is_found_done(setup: Setup) -> Result<()> {
    let stock = Reply::json(200, &json!([{"name": "lamp"}, {"name": "desk"}]));
    let (mesh, shop, job) = cut_off(setup, stock).await?;
    let admin = mesh.admin()?;
    let done = admin.reaches(&job, &["done", "failed"]).await?;
    ensure!(done["state"] == "done", "{done}");
    ensure!(
        done["result"]["resolved_by"]
            .as_str()
            .is_some_and(|by| by.contains(STOCK)),
        "{done}"
    );
    ensure!(shop.additions().len() == 1, "{:?}", shop.additions());
    let of_the_check = |record: &Value| record["action"] == "job/read_back/done";
    let record = admin.audit_record("limit=100", of_the_check).await?;
    ensure!(
        record["job_id"] == job["id"] && record["tool"] == STOCK,
        "{record}"
    );
    counted(&mesh, "done").await
}

async fn a_write_that_did_not_happen_before_its_worker_was_killed_is_found_failed(
    setup: Setup,
) -> Result<()> {
    let stock = Reply::json(200, &json!([{"name": "lamp"}]));
    let (mesh, _shop, job) = cut_off(setup, stock).await?;
    let failed = mesh.admin()?.reaches(&job, &["done", "failed"]).await?;
    ensure!(failed["state"] == "failed", "{failed}");
    ensure!(failed["error"]["kind"] == "resolved_as_failed", "{failed}");
    counted(&mesh, "failed").await
}

async fn a_write_stays_in_doubt_with_the_reason_when_the_check_cannot_tell(setup: Setup) -> Result<()> {
    let (mesh, shop, job) = cut_off(setup, Reply::status(500)).await?;
    let admin = mesh.admin()?;
    let told = || async {
        let job = admin.job(&job).await?;
        let message = job["error"]["message"].as_str().unwrap_or_default();
        ensure!(message.contains("upstream_failed (500)"), "{job}");
        Ok(job)
    };
    let left = test_support::eventually(PATIENCE, told).await?;
    ensure!(left["state"] == "in_doubt", "{left}");
    ensure!(
        shop.upstream().requests_to("/stock").len() == 2,
        "as often as it was told to"
    );
    counted(&mesh, "undecided").await
}

async fn a_check_that_cannot_work_is_refused_with_what_is_wrong(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let admin = mesh.admin()?;
    let put = async |tool: &str, check: Value| {
        let path = format!("/tools/{tool}/readback");
        admin.request(Method::PUT, &path).json(&check).send().await
    };
    let wrong = json!({"tool": Shop::ADD_ITEM, "arguments": {"nmae": "job_id"},
        "done": {"exists": "name"}, "failed": {"status": 404}});
    let answer = put(Shop::ADD_ITEM, wrong).await?;
    let text = answer.text();
    ensure!(answer.status.is_client_error(), "{} {text}", answer.status);
    for fault in ["only reads", "nmae", "JSON pointer"] {
        ensure!(text.contains(fault), "{fault} is not in {text}");
    }
    let of_a_read = json!({"tool": Shop::GET_ITEM, "arguments": {"id": {"value": 1}},
        "done": {"status": 200}, "failed": {"status": 404}});
    let answer = put(Shop::GET_ITEM, of_a_read.clone()).await?;
    ensure!(answer.status.is_client_error(), "{}", answer.text());
    ensure!(put(Shop::ADD_ITEM, of_a_read).await?.status == 200);
    let path = format!("/tools/{}/readback", Shop::ADD_ITEM);
    ensure!(admin.get(&path).await?["delay_ms"] == 30_000);
    admin.delete(&path).await?;
    ensure!(admin.get(&path).await.is_err());
    Ok(())
}

/// Waits for the count of one check with this outcome.
async fn counted(mesh: &Mesh, outcome: &str) -> Result<()> {
    let shown = || async {
        let pages = mesh.pages().await?;
        let sum = |page: &e2e::ServicePage| page.page.sum("mcp_job_readbacks_total", &[("outcome", outcome)]);
        let sum: f64 = pages.iter().map(sum).sum();
        ensure!(
            (sum - 1.0).abs() < f64::EPSILON,
            "mcp_job_readbacks_total is {sum}"
        );
        anyhow::Ok(())
    };
    test_support::eventually(PATIENCE, shown).await
}
