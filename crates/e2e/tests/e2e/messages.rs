//! Messages between agents, and the log of what happens, over whole processes.

use anyhow::{Context, Result, ensure};
use e2e::{Api, Mesh, PATIENCE, Service, Setup};
use serde_json::{Value, json};
use test_support::eventually;

use crate::agents::socket::Socket;

on_both!(
    a_message_reaches_its_receiver_over_whichever_replica_holds_it_and_its_sender_sees_how_it_stands,
    a_message_to_a_group_reaches_all_of_it_and_one_to_anybody_reaches_one,
    whoever_follows_what_happens_goes_on_exactly_where_it_left_off,
    an_agent_is_told_over_its_connection_what_it_has_subscribed_to,
    an_agent_whose_connection_broke_is_lost_before_its_heartbeat_is_missed,
    a_border_lets_through_what_both_modes_and_the_grants_say_and_counts_the_rest,
);

/// An agent on a connection to one of the replicas.
struct Wired {
    socket: Socket,
    id: String,
    epoch: Value,
}

impl Wired {
    async fn start(url: &str, key: &str, body: Value) -> Result<Self> {
        let mut socket = Socket::open(url, key).await?;
        let agent = socket.ask("agent.register", body).await?;
        let mut wired = Self {
            socket,
            id: agent["id"].as_str().context("no id")?.to_owned(),
            epoch: agent["epoch"].clone(),
        };
        wired.beat().await?;
        Ok(wired)
    }

    async fn beat(&mut self) -> Result<()> {
        let beat = json!({ "agent_id": self.id, "epoch": self.epoch });
        self.socket.ask("agent.heartbeat", beat).await.map(drop)
    }

    async fn send(&mut self, to: Value, body: Value) -> Result<Value> {
        let message = json!({ "agent_id": self.id, "to": to, "body": body });
        self.socket.ask("message.send", message).await
    }

    async fn received(&mut self) -> Result<Value> {
        let told = self.socket.told("message.received").await?;
        ensure!(told["agent_id"] == self.id.as_str(), "{told}");
        Ok(told["message"].clone())
    }

    async fn ack(&mut self, message: &Value) -> Result<Value> {
        let ack = json!({ "agent_id": self.id, "message_id": message["id"] });
        self.socket.ask("message.ack", ack).await
    }
}

fn first_and_last(mesh: &Mesh) -> Result<(String, String)> {
    let urls = mesh.mcp_urls();
    let (first, last) = (
        urls.first().context("no replica")?,
        urls.last().context("no replica")?,
    );
    Ok((first.clone(), last.clone()))
}

fn agent(name: &str, label: &str) -> Value {
    json!({ "name": name, "type": "cicd", "capabilities": ["deploy@2"], "labels": { "team": label }, "heartbeat_seconds": 600 })
}

async fn a_message_reaches_its_receiver_over_whichever_replica_holds_it_and_its_sender_sees_how_it_stands(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (here, there) = first_and_last(&mesh)?;
    let mut one = Wired::start(&here, &key, agent("one", "red")).await?;
    let mut other = Wired::start(&there, &key, agent("other", "red")).await?;
    let sent = one.send(json!({ "agent": "other" }), json!({ "n": 1 })).await?;
    ensure!(sent["receivers"][0]["state"] == "waiting", "{sent}");
    let message = other.received().await?;
    ensure!(
        message["id"] == sent["id"] && message["body"]["n"] == 1 && message["from"]["name"] == "one",
        "{message}"
    );
    // That it was handed out is noted once it was.
    let (api, path) = (
        mesh.api(&key)?,
        format!("/messages/{}", sent["id"].as_str().context("no id")?),
    );
    let handed_out = || async {
        let found = api.get(&path).await?;
        ensure!(found["receivers"][0]["state"] == "delivered", "{found}");
        Ok(())
    };
    eventually(PATIENCE, handed_out).await?;
    other.ack(&message).await?;
    let again = other.ack(&message).await?;
    ensure!(again["receivers"][0]["state"] == "acknowledged", "{again}");
    let standing = json!({ "message_id": sent["id"] });
    let known = one.socket.ask("message.get", standing).await?;
    ensure!(known["receivers"][0]["state"] == "acknowledged", "{known}");
    // With the same key it is sent once.
    let keyed = json!({ "agent_id": one.id, "to": { "agent_id": other.id }, "body": { "n": 2 }, "idempotency_key": "k" });
    let first = one.socket.ask("message.send", keyed.clone()).await?;
    let second = one.socket.ask("message.send", keyed).await?;
    ensure!(first["id"] == second["id"], "{first} {second}");
    // Nobody speaks for another key's agent, and nobody reads what is not for it.
    let (stranger, _) = mesh.agent_key().await?;
    let mut stranger = Wired::start(&here, &stranger, agent("stranger", "red")).await?;
    let stolen = stranger
        .socket
        .ask("message.get", json!({ "message_id": sent["id"] }))
        .await;
    ensure!(stolen.is_err_and(|error| error.to_string().contains("not_found")));
    let forged = json!({ "agent_id": one.id, "to": { "agent": "other" } });
    ensure!(stranger.socket.ask("message.send", forged).await.is_err());
    // A key of that name is another one's with them; and for another message it is refused.
    let theirs = json!({ "agent_id": stranger.id, "to": { "agent_id": stranger.id }, "body": {}, "idempotency_key": "k" });
    let third = stranger.socket.ask("message.send", theirs).await?;
    ensure!(
        third["id"] != first["id"] && third["body"] == json!({}),
        "{third}"
    );
    let different = json!({ "agent_id": one.id, "to": { "agent_id": other.id }, "body": { "n": 3 }, "idempotency_key": "k" });
    ensure!(one.socket.ask("message.send", different).await.is_err());
    // Nobody answers what is none of their business, or is not there.
    for (who, to) in [
        (&mut stranger, &sent["id"]),
        (&mut one, &json!(uuid::Uuid::nil())),
    ] {
        let reply = json!({ "agent_id": who.id, "to": { "agent_id": who.id }, "body": {}, "reply_to": to });
        let refused = who.socket.ask("message.send", reply).await;
        ensure!(refused.is_err_and(|error| error.to_string().contains("reply_to: expected")));
    }
    let types = [("source_type", "cicd"), ("target_type", "cicd")];
    let counted = shown(&mesh, "mcp_cross_agent_messages_total", &types).await?;
    ensure!(counted == 3.0, "{counted}");
    Ok(())
}

async fn a_message_to_a_group_reaches_all_of_it_and_one_to_anybody_reaches_one(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (here, there) = first_and_last(&mesh)?;
    let mut sender = Wired::start(&here, &key, agent("sender", "red")).await?;
    let mut others = Vec::new();
    for (name, url, team) in [("a", &here, "red"), ("b", &there, "red"), ("c", &there, "blue")] {
        others.push(Wired::start(url, &key, agent(name, team)).await?);
    }
    let sent = sender
        .send(json!({ "label": "team=red" }), json!({ "for": "red" }))
        .await?;
    ensure!(
        sent["receivers"].as_array().is_some_and(|to| to.len() == 2),
        "{sent}"
    );
    for receiver in &mut others[..2] {
        let message = receiver.received().await?;
        ensure!(message["id"] == sent["id"], "{message}");
        receiver.ack(&message).await?;
    }
    let one = sender
        .send(
            json!({ "capability": "deploy@2", "one": true }),
            json!({ "for": "one" }),
        )
        .await?;
    ensure!(
        one["receivers"].as_array().is_some_and(|to| to.len() == 1),
        "{one}"
    );
    let nobody = sender.send(json!({ "capability": "fly" }), json!({})).await;
    ensure!(nobody.is_err_and(|error| error.to_string().contains("nobody fits")));
    let unclear = sender
        .send(json!({ "agent": "a", "type": "cicd" }), json!({}))
        .await;
    ensure!(unclear.is_err_and(|error| error.to_string().contains("either")));
    // Over HTTP it is the same.
    let api = mesh.api(&key)?;
    let c = others[2].id.clone();
    let by_id = sender
        .send(json!({ "agent_id": c }), json!({ "for": "c" }))
        .await?;
    let inbox = api.get(&format!("/agents/{c}/messages?wait_seconds=20")).await?;
    let found = inbox["messages"].as_array().context("no list")?;
    ensure!(
        found.iter().any(|message| message["id"] == by_id["id"]),
        "{inbox}"
    );
    for message in found {
        let path = format!("/messages/{}/ack", message["id"].as_str().context("no id")?);
        api.post(&path, &json!({ "agent_id": c })).await?;
    }
    let empty = api.get(&format!("/agents/{c}/messages")).await?;
    ensure!(empty["messages"] == json!([]), "{empty}");
    Ok(())
}

#[tokio::test]
async fn no_message_is_lost_when_the_replica_that_holds_the_receiver_is_killed_before_it_is_acknowledged()
-> Result<()> {
    let mut mesh = Setup::cluster().start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (here, there) = first_and_last(&mesh)?;
    let mut sender = Wired::start(&here, &key, agent("sender", "red")).await?;
    let mut receiver = Wired::start(&there, &key, agent("receiver", "red")).await?;
    let mut sent = Vec::new();
    for n in 0..10 {
        sent.push(
            sender
                .send(json!({ "agent": "receiver" }), json!({ "n": n }))
                .await?,
        );
    }
    for _ in 0..4 {
        let message = receiver.received().await?;
        receiver.ack(&message).await?;
    }
    let replica = mesh.mcp_urls().len();
    mesh.kill_replica(Service::McpServer, replica).await?;
    for n in 10..20 {
        sent.push(
            sender
                .send(json!({ "agent": "receiver" }), json!({ "n": n }))
                .await?,
        );
    }
    // It comes back over the other replica, as the same instance.
    receiver.socket = Socket::open(&here, &key).await?;
    receiver.beat().await?;
    for expected in 4..20 {
        let message = receiver.received().await?;
        ensure!(
            message["body"]["n"] == expected,
            "{message} where {expected} was due"
        );
        receiver.ack(&message).await?;
    }
    for message in sent {
        let standing = json!({ "message_id": message["id"] });
        let standing = sender.socket.ask("message.get", standing).await?;
        ensure!(standing["receivers"][0]["state"] == "acknowledged", "{standing}");
    }
    Ok(())
}

async fn an_agent_whose_connection_broke_is_lost_before_its_heartbeat_is_missed(setup: Setup) -> Result<()> {
    let mesh = setup.set(Service::RestApi, "agents.grace", "1s").start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (here, there) = first_and_last(&mesh)?;
    let gone = Wired::start(&here, &key, agent("gone", "red")).await?;
    let mut back = Wired::start(&here, &key, agent("back", "red")).await?;
    let id = gone.id.clone();
    drop(gone);
    back.socket = Socket::open(&there, &key).await?;
    back.beat().await?;
    let api = mesh.api(&key)?;
    let lost = || async {
        let agent = api.get(&format!("/agents/{id}")).await?;
        ensure!(
            agent["state"] == "offline" && agent["reason"] == "heartbeat_lost",
            "{agent}"
        );
        Ok(())
    };
    eventually(PATIENCE, lost).await?;
    let agent = api.get(&format!("/agents/{}", back.id)).await?;
    ensure!(agent["state"] == "ready", "it came back: {agent}");
    // The log has it a moment after the state.
    let told = || async {
        let told = api.get("/events?types=agent.lost").await?;
        let items = told["items"].as_array().context("no items")?;
        ensure!(items.len() == 1 && items[0]["agent_id"] == id.as_str(), "{told}");
        Ok(())
    };
    eventually(PATIENCE, told).await
}

async fn whoever_follows_what_happens_goes_on_exactly_where_it_left_off(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let admin = mesh.admin()?;
    let follows = admin.stream("/events?types=task.*", None).await?;
    let first = create(&admin, "build").await?;
    let kinds = || async {
        let told = follows.messages();
        let kinds: Vec<_> = told.iter().map(|event| event["type"].clone()).collect();
        ensure!(kinds == ["task.created", "task.waiting"], "{told:?}");
        Ok(told)
    };
    let told = eventually(PATIENCE, kinds).await?;
    ensure!(
        told[0]["task_id"] == first["id"] && told[0]["data"]["type"] == "build",
        "{told:?}"
    );
    let last = told[1]["number"].as_u64().context("no number")?;
    drop(follows);
    // What happens while nobody follows.
    for kind in ["test", "deploy"] {
        create(&admin, kind).await?;
    }
    let path = format!("/tasks/{}/cancel", first["id"].as_str().context("no id")?);
    admin.post(&path, &json!({})).await?;
    let follows = admin.stream("/events?types=task.*", Some(last)).await?;
    let all = || async {
        let numbers: Vec<_> = follows
            .messages()
            .iter()
            .filter_map(|event| event["number"].as_u64())
            .collect();
        ensure!(
            numbers == (last + 1..=last + 5).collect::<Vec<_>>(),
            "{numbers:?}"
        );
        Ok(())
    };
    eventually(PATIENCE, all).await?;
    let of_one = format!(
        "/events?after=0&task_id={}",
        first["id"].as_str().context("no id")?
    );
    let page = admin.get(&of_one).await?;
    let kinds: Vec<_> = page["items"]
        .as_array()
        .context("no list")?
        .iter()
        .map(|event| &event["type"])
        .collect();
    ensure!(
        kinds == ["task.created", "task.waiting", "task.cancelled"],
        "{page}"
    );
    ensure!(
        !page.to_string().contains("hidden"),
        "an input is in an event: {page}"
    );
    // A key that may not see tasks is told so, and one that sees agents only gets these.
    for types in ["nonsense", "jobs.done", "task."] {
        let wrong = admin.stream(&format!("/events?types={types}"), None).await;
        ensure!(
            wrong.is_err_and(|error| error.to_string().contains("422")),
            "{types}"
        );
    }
    let one_is_open = || async {
        let open = shown(&mesh, "http_streams_active", &[("path", "/api/v1/events")]).await?;
        ensure!(open == 1.0, "{open} streams are open");
        Ok(())
    };
    eventually(PATIENCE, one_is_open).await
}

async fn an_agent_is_told_over_its_connection_what_it_has_subscribed_to(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (here, there) = first_and_last(&mesh)?;
    let mut one = Wired::start(&here, &key, agent("one", "red")).await?;
    let subscribed = json!({ "types": ["agent.*"], "labels": { "team": "blue" } });
    let subscribed = one.socket.ask("event.subscribe", subscribed).await?;
    Wired::start(&there, &key, agent("red", "red")).await?;
    let blue = Wired::start(&there, &key, agent("blue", "blue")).await?;
    for kind in ["agent.registered", "agent.state"] {
        let told = one.socket.told("event").await?;
        ensure!(told["subscription"] == subscribed["subscription"], "{told}");
        let event = &told["event"];
        ensure!(
            event["type"] == kind && event["agent_id"] == blue.id.as_str(),
            "{told}"
        );
        ensure!(
            event["number"].as_u64() > subscribed["after"].as_u64(),
            "{told} after {subscribed}"
        );
    }
    let over = json!({ "subscription": subscribed["subscription"] });
    one.socket.ask("event.unsubscribe", over.clone()).await?;
    ensure!(one.socket.ask("event.unsubscribe", over).await.is_err());
    // All that is kept, from the beginning, in order and without a gap.
    one.socket.ask("event.subscribe", json!({ "after": 0 })).await?;
    for number in 1..=6 {
        let told = one.socket.told("event").await?;
        ensure!(told["event"]["number"] == number, "{told} where {number} was due");
    }
    let wrong = one
        .socket
        .ask("event.subscribe", json!({ "types": ["Agent"] }))
        .await;
    ensure!(wrong.is_err_and(|error| error.to_string().contains("types: expected")));
    // Sixteen at most, also when none waits for the other's answer; one is open.
    let wanted = json!({ "types": ["agent.*"] });
    let answers = one.socket.ask_at_once("event.subscribe", &wanted, 40).await?;
    let (kept, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["error"].is_null());
    ensure!(kept.len() == 15, "{answers:?}");
    let says_why = |answer: &&Value| answer["error"]["message"].to_string().contains("at most 16");
    ensure!(refused.iter().all(says_why), "{answers:?}");
    Ok(())
}

/// The mode of the sender's tenant, that of the receiver's, what that has granted, and whether its agents can then be
/// discovered, sent messages, and given tasks.
const BORDERS: [(&str, &str, &[&str], [bool; 3]); 9] = [
    (
        "strict",
        "open",
        &["discover", "message", "assign"],
        [false, false, false],
    ),
    (
        "open",
        "strict",
        &["discover", "message", "assign"],
        [false, false, false],
    ),
    ("relaxed", "relaxed", &[], [false, false, false]),
    ("relaxed", "relaxed", &["discover"], [true, false, false]),
    ("relaxed", "relaxed", &["message"], [false, true, false]),
    ("relaxed", "relaxed", &["assign"], [false, false, true]),
    ("open", "relaxed", &["message"], [false, true, false]),
    ("relaxed", "open", &["assign"], [true, true, true]),
    ("open", "open", &[], [true, true, false]),
];

async fn a_border_lets_through_what_both_modes_and_the_grants_say_and_counts_the_rest(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let ours = mesh.admin()?;
    let made = ours.post("/tenants", &json!({ "name": "theirs" })).await?;
    let theirs = mesh.api(made["secret"].as_str().context("no key")?)?;
    let their_id = &made["tenant"]["id"];
    let our_id = &ours.get("/isolation").await?["tenant_id"];
    let them =
        crate::agents::Agent::start(&theirs, &json!({ "name": "them", "heartbeat_seconds": 600 })).await?;
    let mut closed = 0.0;
    for (from, to, granted, [discover, message, assign]) in BORDERS {
        let case = format!("{from} to {to} with {granted:?}");
        ours.put("/isolation", &json!({ "mode": from })).await?;
        theirs.put("/isolation", &json!({ "mode": to })).await?;
        let grants = format!("/grants/{}", our_id.as_str().context("no id")?);
        theirs.put(&grants, &json!({ "verbs": granted })).await?;
        let path = format!(
            "/agents/discover?tenant_id={}",
            their_id.as_str().context("no id")?
        );
        let found = ours.get(&path).await;
        ensure!(found.is_ok() == discover, "{case}: {found:?}");
        let say = json!({ "to": { "tenant_id": their_id, "agent_id": them.id }, "body": { "case": case } });
        let said = ours.post("/messages", &say).await;
        ensure!(said.is_ok() == message, "{case}: {said:?}");
        let task = json!({ "type": "build", "tenant_id": their_id, "agent": "them", "delegation": "manual" });
        let given = ours.post("/tasks", &task).await;
        ensure!(given.is_ok() == assign, "{case}: {given:?}");
        if let Ok(task) = given {
            let path = format!("/tasks/{}", task["id"].as_str().context("no id")?);
            let across = format!("{path}?tenant_id={}", their_id.as_str().context("no id")?);
            ours.get(&across).await?;
            ensure!(ours.get(&path).await.is_err(), "{case}: it is theirs");
            let (key, _) = mesh.agent_key().await?;
            ensure!(
                mesh.api(&key)?.get(&across).await.is_err(),
                "{case}: another key gave it to them"
            );
        }
        closed += [discover, message, assign].iter().filter(|open| !**open).count() as f64;
    }
    let counted = shown(&mesh, "mcp_cross_org_attempts_blocked_total", &[]).await?;
    ensure!(
        counted == closed,
        "{counted} attempts were counted, {closed} made"
    );
    // What came through is there, and its sender sees that it arrived.
    let inbox = theirs.get(&format!("/agents/{}/messages", them.id)).await?;
    let messages = inbox["messages"].as_array().context("no list")?;
    ensure!(messages.len() == 4, "{inbox}");
    let path = format!("/messages/{}", messages[0]["id"].as_str().context("no id")?);
    theirs
        .post(&format!("{path}/ack"), &json!({ "agent_id": them.id }))
        .await?;
    let seen = ours.get(&path).await?;
    ensure!(seen["receivers"][0]["state"] == "acknowledged", "{seen}");
    let audit = ours.get("/audit?limit=200").await?;
    let records = audit["items"].as_array().context("no list")?;
    let set = records
        .iter()
        .filter(|record| record["action"] == "isolation/set");
    ensure!(set.count() == BORDERS.len(), "{audit}");
    Ok(())
}

async fn create(api: &Api, kind: &str) -> Result<Value> {
    let task =
        json!({ "type": kind, "input": { "word": "hidden" }, "needs": { "labels": { "nobody": kind } } });
    api.post("/tasks", &task).await
}

/// The sum of what all services show.
async fn shown(mesh: &Mesh, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
    let pages = mesh.pages().await?;
    Ok(pages.iter().map(|page| page.page.sum(name, labels)).sum())
}
