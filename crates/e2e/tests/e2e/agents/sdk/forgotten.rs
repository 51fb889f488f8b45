//! Agents that the mesh has forgotten.

use anyhow::{Context, Result, ensure};
use devmesh_agent::{Ended, Task};
use e2e::{Api, PATIENCE, Setup};
use serde_json::{Value, json};
use test_support::eventually;

use super::{Beside, agent, created, ended};

on_both!(an_agent_that_was_sent_away_by_mistake_registers_again_and_goes_on_working,);

async fn seen(api: &Api, epoch: u64) -> Result<Value> {
    let is_there = || async {
        let agents = api.get("/agents").await?;
        let one = agents["items"].get(0).cloned().context("nobody")?;
        let here = ["ready", "active"].contains(&one["state"].as_str().unwrap_or_default());
        ensure!(here && one["epoch"] == epoch, "{one}");
        Ok(one)
    };
    eventually(PATIENCE, is_there).await
}

async fn an_agent_that_was_sent_away_by_mistake_registers_again_and_goes_on_working(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let admin = mesh.admin()?;
    let works = |task: Task| async move { Ok(json!(task.attempt())) };
    let running = Beside::run(agent(&mesh, &key)?.name("forgotten").on("work", works))?;
    let first = seen(&admin, 1).await?;
    let id = first["id"].as_str().context("no id")?;
    admin.delete(&format!("/agents/{id}")).await?;
    let second = seen(&admin, 2).await?;
    ensure!(second["id"] == first["id"], "{second}");
    let task = created(&admin, "work").await?;
    let done = ended(&admin, &task).await?;
    ensure!(done["state"] == "completed", "{done}");
    running.stop.stop();
    ensure!(running.ended().await?? == Ended::Stopped);
    Ok(())
}
