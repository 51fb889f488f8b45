//! Agents written with `devmesh-agent`, and programs made agents by `devmesh agent run`.

mod forgotten;
mod programs;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devmesh_agent::{Agent, Builder, Ended, Error, Failure, Message, Outcome, Stop, Task};
use e2e::{Api, Mesh, PATIENCE, Service, Setup};
use serde_json::{Value, json};
use test_support::eventually;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

on_both!(
    an_agent_of_the_sdk_does_what_it_can_says_how_far_it_is_and_why_it_could_not,
    a_task_that_is_cancelled_is_called_off_in_the_agent_that_does_it,
    an_agent_that_stops_ends_what_it_has_begun_and_one_that_is_drained_from_afar_too,
);

/// An agent that runs beside the test.
pub struct Beside {
    running: JoinHandle<Result<Ended, Error>>,
    stop: Stop,
}

impl Beside {
    #[expect(clippy::disallowed_methods, reason = "a test waits for it")]
    pub fn run(agent: Builder) -> Result<Self> {
        let agent = agent.build()?;
        let stop = agent.stopper();
        let running = tokio::spawn(agent.run());
        Ok(Self { running, stop })
    }

    pub async fn ended(self) -> Result<Result<Ended, Error>> {
        Ok(tokio::time::timeout(PATIENCE, self.running).await??)
    }
}

/// An agent of the mesh, which knows every replica; its heartbeats are quick, as the test is.
pub fn agent(mesh: &Mesh, key: &str) -> Result<Builder> {
    let urls = mesh.mcp_urls();
    let (first, others) = urls.split_first().context("no replica")?;
    let builder = others
        .iter()
        .fold(Agent::builder(first, key), |builder, url| builder.also(url));
    Ok(builder.heartbeat(Duration::from_secs(6)).options(|options| {
        options.reconnect_most = Duration::from_secs(1);
        options.progress_interval = Duration::from_millis(20);
    }))
}

async fn created(api: &Api, kind: &str) -> Result<String> {
    let task = api
        .post("/tasks", &json!({ "type": kind, "input": { "n": 20 } }))
        .await?;
    Ok(task["id"].as_str().context("no id")?.to_owned())
}

async fn ended(api: &Api, id: &str) -> Result<Value> {
    let path = format!("/tasks/{id}?wait_seconds=30");
    let task = api.get(&path).await?;
    ensure!(task.get("finished_at").is_some(), "{task}");
    Ok(task)
}

fn count(task: &Value, what: &str) -> usize {
    let history = task["history"].as_array();
    history
        .into_iter()
        .flatten()
        .filter(|event| event["what"] == what)
        .count()
}

/// The handlers of the test below.
fn able(builder: Builder, go: mpsc::Receiver<()>) -> Builder {
    let go = Arc::new(tokio::sync::Mutex::new(go));
    let tries = Arc::new(AtomicUsize::new(0));
    let slow = move |task: Task| {
        let go = Arc::clone(&go);
        async move {
            task.progress(40.0, "nearly half");
            go.lock().await.recv().await;
            Ok(json!("slow"))
        }
    };
    let second_time = move |task: Task| {
        let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            match first {
                true => Err(Failure::passing("busy", "come again")),
                false => Ok(json!(task.attempt())),
            }
        }
    };
    let large = |_: Task| async { Ok(json!("x".repeat(2 << 20))) };
    let builder = builder.capacity(8).on("double", double).on("slow", slow);
    builder
        .on("second_time", second_time)
        .on("panics", panics)
        .on("large", large)
}

async fn double(task: Task) -> Outcome {
    #[derive(serde::Deserialize)]
    struct Input {
        n: u32,
    }
    Ok(json!(task.input::<Input>()?.n * 2))
}

#[expect(clippy::panic, reason = "it is what is tested")]
async fn panics(_: Task) -> Outcome {
    panic!("the handler's own words")
}

async fn an_agent_of_the_sdk_does_what_it_can_says_how_far_it_is_and_why_it_could_not(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let admin = mesh.admin()?;
    let (say_go, go) = mpsc::channel(1);
    let running = Beside::run(able(agent(&mesh, &key)?, go))?;
    let doubled = ended(&admin, &created(&admin, "double").await?).await?;
    ensure!(doubled["result"] == 40, "{doubled}");
    let wrong = admin.post("/tasks", &json!({ "type": "double" })).await?;
    let wrong = ended(&admin, wrong["id"].as_str().context("no id")?).await?;
    ensure!(wrong["error"]["kind"] == "bad_input", "{wrong}");
    ensure!(
        wrong["error"]["message"]
            .to_string()
            .contains("missing field `n`"),
        "{wrong}"
    );
    let slow = created(&admin, "slow").await?;
    let told = || async {
        let task = admin.get(&format!("/tasks/{slow}")).await?;
        ensure!(
            task["progress"]["percent"] == 40.0 && task["state"] == "in_progress",
            "{task}"
        );
        Ok(())
    };
    eventually(PATIENCE, told).await?;
    say_go.send(()).await?;
    let slow = ended(&admin, &slow).await?;
    ensure!(
        slow["result"] == "slow" && count(&slow, "late_answer") == 0,
        "{slow}"
    );
    let again = ended(&admin, &created(&admin, "second_time").await?).await?;
    ensure!(again["result"] == 2 && count(&again, "failed") == 1, "{again}");
    let panicked = ended(&admin, &created(&admin, "panics").await?).await?;
    ensure!(panicked["error"]["kind"] == "panicked", "{panicked}");
    ensure!(
        panicked["error"]["message"] == "the handler's own words",
        "{panicked}"
    );
    let large = ended(&admin, &created(&admin, "large").await?).await?;
    ensure!(large["error"]["kind"] == "result_refused", "{}", large["error"]);
    let unknown = created(&admin, "nobody_does_this").await?;
    let refused = || async {
        let task = admin.get(&format!("/tasks/{unknown}")).await?;
        ensure!(
            count(&task, "rejected") == 1 && task["state"] == "pending",
            "{task}"
        );
        Ok(())
    };
    eventually(PATIENCE, refused).await?;
    running.stop.stop();
    ensure!(running.ended().await?? == Ended::Stopped);
    Ok(())
}

async fn a_task_that_is_cancelled_is_called_off_in_the_agent_that_does_it(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let admin = mesh.admin()?;
    let (say, mut said) = mpsc::unbounded_channel();
    let endless = move |task: Task| {
        let say = say.clone();
        async move {
            let _ = say.send("begun");
            task.cancelled().await;
            let _ = say.send("called off");
            Ok(Value::Null)
        }
    };
    let running = Beside::run(agent(&mesh, &key)?.on("endless", endless))?;
    let id = created(&admin, "endless").await?;
    ensure!(said.recv().await == Some("begun"));
    admin.post(&format!("/tasks/{id}/cancel"), &json!({})).await?;
    let off = tokio::time::timeout(PATIENCE, said.recv()).await?;
    ensure!(off == Some("called off"));
    let task = ended(&admin, &id).await?;
    ensure!(task["state"] == "cancelled", "{task}");
    running.stop.stop();
    running.ended().await??;
    Ok(())
}

#[tokio::test]
async fn an_agent_goes_on_over_a_replica_that_is_killed_and_its_result_is_said_once() -> Result<()> {
    let mut mesh = Setup::cluster().start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (say, mut said) = mpsc::unbounded_channel();
    let go = Arc::new(tokio::sync::Notify::new());
    let (gone_on, runs) = (Arc::clone(&go), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&runs);
    let waits = move |_: Task| {
        let (say, go) = (say.clone(), Arc::clone(&gone_on));
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = say.send(());
            go.notified().await;
            Ok(json!("done"))
        }
    };
    // Longer than the replica is away: this is about coming back, not about being missed.
    let sdk = agent(&mesh, &key)?
        .on("waits", waits)
        .heartbeat(Duration::from_secs(120));
    let running = Beside::run(sdk.options(|options| options.connect_timeout = Duration::from_secs(2)))?;
    let admin = mesh.admin()?;
    let id = created(&admin, "waits").await?;
    said.recv().await.context("it does not begin")?;
    mesh.kill(Service::McpServer).await?;
    go.notify_one();
    // Over the other replica.
    let done = ended(&mesh.admin()?, &id).await?;
    ensure!(
        done["result"] == "done" && count(&done, "completed") == 1,
        "{done}"
    );
    ensure!(runs.load(Ordering::SeqCst) == 1);
    running.stop.stop();
    running.ended().await??;
    Ok(())
}

async fn an_agent_that_stops_ends_what_it_has_begun_and_one_that_is_drained_from_afar_too(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let admin = mesh.admin()?;
    for from_afar in [false, true] {
        let (say, mut said) = mpsc::unbounded_channel();
        let go = Arc::new(tokio::sync::Notify::new());
        let until = Arc::clone(&go);
        let waits = move |_: Task| {
            let (say, until) = (say.clone(), Arc::clone(&until));
            async move {
                let _ = say.send(());
                until.notified().await;
                Ok(json!("done"))
            }
        };
        let name = format!("ends-{from_afar}");
        let running = Beside::run(agent(&mesh, &key)?.name(&name).capacity(2).on("waits", waits))?;
        let id = created(&admin, "waits").await?;
        said.recv().await.context("it does not begin")?;
        let task = admin.get(&format!("/tasks/{id}")).await?;
        let of = format!("/agents/{}", task["agent_id"].as_str().context("no agent")?);
        if from_afar {
            admin.post(&format!("{of}/drain"), &json!({})).await?;
        } else {
            running.stop.stop();
        }
        let late = created(&admin, "waits").await?;
        go.notify_one();
        let done = ended(&admin, &id).await?;
        ensure!(done["result"] == "done", "{done}");
        let expected = if from_afar { Ended::Drained } else { Ended::Stopped };
        ensure!(running.ended().await?? == expected);
        let gone = admin.get(&of).await?;
        ensure!(gone["state"] == "offline" && gone["reason"] == "left", "{gone}");
        let late = admin.get(&format!("/tasks/{late}")).await?;
        ensure!(late["state"] == "pending", "{late}");
        admin
            .post(
                &format!("/tasks/{}/cancel", late["id"].as_str().context("no id")?),
                &json!({}),
            )
            .await?;
    }
    Ok(())
}

/// How many messages the test below sends, half of them before the replica that both agents are on is killed.
const LETTERS: u64 = 20;

#[tokio::test]
async fn messages_of_agents_are_read_once_and_in_order_and_answered_over_a_replica_that_is_killed()
-> Result<()> {
    let mut mesh = Setup::cluster().start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (note, mut read) = mpsc::unbounded_channel();
    let echo = move |message: Message| {
        let note = note.clone();
        async move {
            let n = message.raw_body()["n"].clone();
            let _ = note.send(n.clone());
            if let Err(error) = message.reply(json!({ "n": n })).await {
                let _ = note.send(json!(error.to_string()));
            }
        }
    };
    let (tell, mut answers) = mpsc::unbounded_channel();
    let hears = move |message: Message| {
        let _ = tell.send((
            message.from().to_owned(),
            message.reply_to().map(str::to_owned),
            message.raw_body()["n"].clone(),
        ));
        std::future::ready(())
    };
    // Longer than the replica is away: this is about coming back, not about being missed.
    let patient = |builder: Builder| builder.heartbeat(Duration::from_secs(120));
    let receiver = Beside::run(patient(agent(&mesh, &key)?).name("echo").on_message(echo))?;
    let sender = patient(agent(&mesh, &key)?).name("sender").on_message(hears);
    let sender = sender.build()?;
    let (way, stop) = (sender.mesh(), sender.stopper());
    #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
    let sending = tokio::spawn(sender.run());
    // The other one may not have registered yet.
    let admin = mesh.admin()?;
    let is_known = || async {
        let found = admin.get("/agents").await?;
        let agents = found["items"].as_array().context("no list")?;
        ensure!(agents.iter().any(|agent| agent["name"] == "echo"), "{found}");
        Ok(())
    };
    eventually(PATIENCE, is_known).await?;
    let mut sent = Vec::new();
    for n in 0..LETTERS {
        if n == LETTERS / 2 {
            mesh.kill_replica(Service::McpServer, 1).await?;
        }
        let body = json!({ "to": { "agent": "echo" }, "body": { "n": n } });
        sent.push(way.send_message(body).await?);
    }
    for n in 0..LETTERS {
        let came = tokio::time::timeout(PATIENCE, read.recv()).await?;
        ensure!(came == Some(json!(n)), "{came:?} where {n} was due");
        let answer = tokio::time::timeout(PATIENCE, answers.recv()).await?;
        let of = sent[usize::try_from(n)?]["id"].as_str().map(str::to_owned);
        ensure!(
            answer == Some(("echo".to_owned(), of, json!(n))),
            "{answer:?} where that to {n} was due"
        );
    }
    stop.stop();
    sending.await??;
    receiver.stop.stop();
    receiver.ended().await??;
    ensure!(read.try_recv().is_err(), "a message was read twice");
    Ok(())
}
