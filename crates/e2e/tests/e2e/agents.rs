//! Agents and the tasks that they are given, over whole processes.

mod reference;
mod sdk;
pub mod socket;

use anyhow::{Context, Result, ensure};
use e2e::{Api, Mesh, PATIENCE, Service, Setup};
use http::Method;
use serde_json::{Value, json};
use test_support::eventually;

use socket::Socket;

on_both!(
    a_task_that_one_agent_hands_to_another_over_mcp_comes_back_with_its_result,
    the_task_of_an_agent_that_died_is_done_by_another_once_and_its_late_answer_is_refused,
    an_agent_on_a_connection_is_told_of_its_tasks_and_of_those_that_are_taken_from_it,
);

/// An agent that speaks HTTP.
pub struct Agent {
    api: Api,
    pub id: String,
    epoch: Value,
}

impl Agent {
    /// Registers it, and lets it be heard.
    pub async fn start(api: &Api, body: &Value) -> Result<Self> {
        let registered = api.post("/agents", body).await?;
        let agent = Self {
            api: api.clone(),
            id: registered["id"].as_str().context("no id")?.to_owned(),
            epoch: registered["epoch"].clone(),
        };
        agent.beat().await?;
        Ok(agent)
    }

    pub async fn beat(&self) -> Result<Value> {
        let beat = json!({ "epoch": self.epoch });
        self.api
            .post(&format!("/agents/{}/heartbeat", self.id), &beat)
            .await
    }

    /// The next task that it is offered.
    pub async fn offered(&self) -> Result<Value> {
        let path = format!("/agents/{}/tasks?wait_seconds=20", self.id);
        let probe = || async {
            let offers = self.api.get(&path).await?;
            offers["offered"]
                .get(0)
                .cloned()
                .with_context(|| offers.to_string())
        };
        eventually(PATIENCE, probe).await
    }

    /// Says something of an assignment; the answer, whatever it is.
    pub async fn say(&self, task: &Value, verb: &str, more: Value) -> Result<(u16, Value)> {
        let mut body = json!({ "agent_id": self.id, "fence": task["fence"] });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        let path = format!("/tasks/{}/{verb}", task["id"].as_str().context("no id")?);
        let answer = self.api.request(Method::POST, &path).json(&body).send().await?;
        Ok((answer.status.as_u16(), serde_json::from_str(&answer.text())?))
    }

    /// Takes the next task and does it.
    pub async fn work(&self, result: Value) -> Result<Value> {
        let task = self.offered().await?;
        for (verb, more) in [("accept", json!({})), ("complete", json!({ "result": result }))] {
            let (status, answer) = self.say(&task, verb, more).await?;
            ensure!(status == 200, "{answer}");
        }
        Ok(task)
    }
}

async fn a_task_that_one_agent_hands_to_another_over_mcp_comes_back_with_its_result(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let body = json!({ "name": "reviewer", "type": "ide", "capabilities": ["code_review@2"], "heartbeat_seconds": 600 });
    let reviewer = Agent::start(&mesh.api(&key)?, &body).await?;
    let client = mesh.mcp(&key).await?;
    let tools = client.tools().await?;
    for tool in ["task_create", "task_get", "task_list", "task_cancel"] {
        ensure!(tools.iter().any(|name| name == tool), "{tools:?}");
    }
    let asked = json!({ "type": "code_review", "input": { "diff": "+1" }, "needs": { "capabilities": ["code_review@2"] } });
    let made = client.call("task_create", &asked).await?;
    let id = made["structuredContent"]["id"]
        .as_str()
        .with_context(|| made.to_string())?
        .to_owned();
    let waiting = json!({ "task_id": id, "wait_seconds": 30 });
    let (got, worked) = tokio::join!(
        client.call("task_get", &waiting),
        reviewer.work(json!("looks good"))
    );
    ensure!(worked?["id"] == id.as_str());
    let got = got?;
    ensure!(got["structuredContent"]["result"] == "looks good", "{got}");
    let wrong = client
        .call("task_create", &json!({ "type": "Not A Word" }))
        .await?;
    ensure!(
        wrong["isError"] == true && wrong.to_string().contains("type: expected"),
        "{wrong}"
    );
    let again = client.call("task_cancel", &json!({ "task_id": id })).await?;
    ensure!(again.to_string().contains("it is completed"), "{again}");
    let listed = client.call("task_list", &json!({ "state": "completed" })).await?;
    ensure!(
        listed["structuredContent"]["items"][0]["id"] == id.as_str(),
        "{listed}"
    );
    Ok(())
}

async fn the_task_of_an_agent_that_died_is_done_by_another_once_and_its_late_answer_is_refused(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    died(&mesh).await.map(drop)
}

/// An agent accepts a task and is heard no more; another one does it.
async fn died(mesh: &Mesh) -> Result<String> {
    let (key, _) = mesh.agent_key().await?;
    let (api, admin) = (mesh.api(&key)?, mesh.admin()?);
    let first = Agent::start(&api, &json!({ "name": "first", "heartbeat_seconds": 2 })).await?;
    let made = admin.post("/tasks", &json!({ "type": "build" })).await?;
    let id = made["id"].as_str().context("no id")?.to_owned();
    let late = first.offered().await?;
    first.say(&late, "accept", json!({})).await?;
    let second = Agent::start(&api, &json!({ "name": "second", "heartbeat_seconds": 600 })).await?;
    let done = second.work(json!("by the second")).await?;
    ensure!(done["id"] == id.as_str() && done["fence"] == 2, "{done}");
    let (status, refused) = first
        .say(&late, "complete", json!({ "result": "by the first" }))
        .await?;
    ensure!(
        status == 409 && refused["detail"].to_string().contains("it is completed"),
        "{refused}"
    );
    let task = admin.get(&format!("/tasks/{id}")).await?;
    ensure!(task["result"] == "by the second", "{task}");
    let whats = task["history"].as_array().context("no history")?;
    let count = |what: &str| whats.iter().filter(|event| event["what"] == what).count();
    ensure!(
        (count("completed"), count("late_answer"), count("released")) == (1, 1, 1),
        "{task}"
    );
    Ok(id)
}

async fn an_agent_on_a_connection_is_told_of_its_tasks_and_of_those_that_are_taken_from_it(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let admin = mesh.admin()?;
    for url in mesh.mcp_urls() {
        let mut socket = Socket::open(&url, &key).await?;
        let registered = socket
            .ask(
                "agent.register",
                json!({ "name": "one", "heartbeat_seconds": 600, "labels": { "url": url } }),
            )
            .await?;
        let (id, epoch) = (&registered["id"], &registered["epoch"]);
        let beat = socket
            .ask("agent.heartbeat", json!({ "agent_id": id, "epoch": epoch }))
            .await?;
        ensure!(beat["state"] == "ready", "{beat}");
        let asked = json!({ "type": "build", "input": { "n": 1 }, "needs": { "labels": { "url": url } } });
        let made = admin.post("/tasks", &asked).await?;
        let told = socket.told("task.assigned").await?;
        ensure!(
            told["agent_id"] == *id && told["task"]["id"] == made["id"],
            "{told}"
        );
        ensure!(told["task"]["input"]["n"] == 1, "{told}");
        let answer = |more: Value| {
            let mut params = json!({ "task_id": made["id"], "agent_id": id, "fence": told["task"]["fence"] });
            if let (Value::Object(params), Value::Object(more)) = (&mut params, more) {
                params.extend(more);
            }
            params
        };
        socket.ask("task.accept", answer(json!({}))).await?;
        socket
            .ask("task.progress", answer(json!({ "percent": 10 })))
            .await?;
        let done = socket
            .ask("task.complete", answer(json!({ "result": [1, 2] })))
            .await?;
        ensure!(
            done["state"] == "completed" && done["result"] == json!([1, 2]),
            "{done}"
        );
        let late = socket
            .ask("task.complete", answer(json!({ "result": 3, "fence": 0 })))
            .await;
        ensure!(late.is_err_and(|error| error.to_string().contains("it is completed")));
        let made = admin.post("/tasks", &asked).await?;
        socket.told("task.assigned").await?;
        let path = format!("/tasks/{}/cancel", made["id"].as_str().context("no id")?);
        admin.post(&path, &json!({})).await?;
        let taken = socket.told("task.withdrawn").await?;
        ensure!(
            taken["task"]["id"] == made["id"] && taken["task"]["state"] == "cancelled",
            "{taken}"
        );
        socket
            .ask("agent.leave", json!({ "agent_id": id, "epoch": epoch }))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn tasks_go_on_where_they_were_when_rest_api_is_killed_and_started_again() -> Result<()> {
    let mut mesh = Setup::cluster().start().await?;
    let (key, _) = mesh.agent_key().await?;
    let agent = Agent::start(
        &mesh.api(&key)?,
        &json!({ "name": "one", "capacity": 2, "heartbeat_seconds": 600 }),
    )
    .await?;
    let admin = mesh.admin()?;
    let accepted = admin.post("/tasks", &json!({ "type": "build" })).await?;
    agent.say(&accepted, "accept", json!({})).await?;
    let short = admin
        .post("/tasks", &json!({ "type": "build", "accept_seconds": 1 }))
        .await?;
    mesh.kill(Service::RestApi).await?;
    mesh.start_again(Service::RestApi).await?;
    let agent = Agent {
        api: mesh.api(&key)?,
        ..agent
    };
    let (status, done) = agent.say(&accepted, "complete", json!({ "result": 1 })).await?;
    ensure!(status == 200, "{done}");
    let again = agent.offered().await?;
    ensure!(again["id"] == short["id"], "{again}");
    agent.work(json!(2)).await?;
    Ok(())
}
