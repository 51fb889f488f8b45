//! Agents and the tasks that they are given, over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::eventually;

use crate::app::{Answer, App};
use crate::on_both;

/// How long places may take to be filled.
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent that is here.
pub struct Agent {
    pub id: String,
    pub epoch: u64,
}

/// Registers an agent and lets it send its first heartbeat.
pub async fn agent(app: &App, key: &str, body: Value) -> Agent {
    let registered = app.post(key, "/api/v1/agents", body).await.expect(201);
    assert_eq!(registered["state"], "pending");
    let agent = Agent {
        id: registered["id"].as_str().unwrap().to_owned(),
        epoch: registered["epoch"].as_u64().unwrap(),
    };
    assert_eq!(agent.beat(app, key, 0.0).await.expect(200)["state"], "ready");
    agent
}

impl Agent {
    pub async fn beat(&self, app: &App, key: &str, workload: f64) -> Answer {
        let path = format!("/api/v1/agents/{}/heartbeat", self.id);
        app.post(key, &path, json!({ "epoch": self.epoch, "workload": workload }))
            .await
    }

    /// The first task that it is offered.
    async fn offered(&self, app: &App, key: &str) -> Value {
        let path = format!("/api/v1/agents/{}/tasks?wait_seconds=20", self.id);
        let offers = app.get(key, &path).await.expect(200);
        let offered = offers["offered"].as_array().unwrap();
        assert!(!offered.is_empty(), "{offers}");
        offered[0].clone()
    }

    /// Says something of an assignment.
    async fn say(&self, app: &App, key: &str, task: &Value, verb: &str, more: Value) -> Answer {
        let mut body = json!({ "agent_id": self.id, "fence": task["fence"] });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        app.post(
            key,
            &format!("/api/v1/tasks/{}/{verb}", task["id"].as_str().unwrap()),
            body,
        )
        .await
    }
}

async fn create(app: &App, key: &str, body: Value) -> Value {
    app.post(key, "/api/v1/tasks", body).await.expect(201)
}

async fn task(app: &App, key: &str, task: &Value) -> Value {
    app.get(key, &format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()))
        .await
        .expect(200)
}

/// What happened to a task, in words.
fn history(task: &Value) -> Vec<&str> {
    let events = task["history"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["what"].as_str().unwrap())
        .collect()
}

/// The key of an agent.
async fn key(app: &App, name: &str) -> String {
    app.key(&app.admin, json!({ "name": name, "kind": "agent" }))
        .await
        .0
}

on_both! {
    async fn a_task_goes_from_its_creation_over_an_agent_to_its_result(app: &App) {
        let key = key(app, "reviewer").await;
        let reviewer = agent(app, &key, json!({ "name": "reviewer-1", "type": "ide", "capabilities": ["code_review@2.1"] })).await;
        let asked = json!({
            "type": "code_review", "title": "Look at this", "input": { "diff": "+1" }, "priority": "high",
            "needs": { "capabilities": ["code_review@2"] },
        });
        let made = create(app, &app.admin, asked).await;
        assert_eq!((&made["state"], &made["agent"], &made["fence"]), (&json!("assigned"), &json!("reviewer-1"), &json!(1)));
        let offered = reviewer.offered(app, &key).await;
        assert_eq!((&offered["id"], &offered["input"]), (&made["id"], &json!({ "diff": "+1" })));
        reviewer.say(app, &key, &offered, "complete", json!({ "result": 1 })).await.expect(409);
        for _ in 0..2 {
            assert_eq!(reviewer.say(app, &key, &offered, "accept", json!({})).await.expect(200)["state"], "accepted");
        }
        let at_it = reviewer.say(app, &key, &offered, "progress", json!({ "percent": 50, "message": "half" })).await.expect(200);
        assert_eq!((&at_it["state"], &at_it["progress"]["percent"]), (&json!("in_progress"), &json!(50.0)));
        for _ in 0..2 {
            let done = reviewer.say(app, &key, &offered, "complete", json!({ "result": { "verdict": "fine" } })).await.expect(200);
            assert_eq!((&done["state"], &done["result"]), (&json!("completed"), &json!({ "verdict": "fine" })));
        }
        let told = task(app, &app.admin, &made).await;
        assert_eq!(history(&told), ["created", "assigned", "accepted", "started", "completed"]);
        let decisions = app.get(&app.admin, &format!("/api/v1/tasks/{}/decisions", made["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(decisions["items"].as_array().unwrap().len(), 1);
        assert_eq!(decisions["items"][0]["chosen"], reviewer.id);
    }

    async fn the_task_of_an_agent_that_died_goes_to_another_and_the_late_answer_is_refused(app: &App) {
        let key = key(app, "workers").await;
        let first = agent(app, &key, json!({ "name": "first", "heartbeat_seconds": 2 })).await;
        let made = create(app, &app.admin, json!({ "type": "build" })).await;
        let late = first.offered(app, &key).await;
        first.say(app, &key, &late, "accept", json!({})).await.expect(200);
        let second = agent(app, &key, json!({ "name": "second", "heartbeat_seconds": 60 })).await;
        let given = second.offered(app, &key).await;
        assert_eq!((&given["id"], &given["fence"]), (&made["id"], &json!(2)));
        let refused = first.say(app, &key, &late, "complete", json!({ "result": "mine" })).await.expect(409);
        assert_eq!(refused["errors"][0]["field"], "fence");
        assert!(refused["detail"].as_str().unwrap().contains("assignment 1 is over, 2 is current"), "{refused}");
        second.say(app, &key, &given, "accept", json!({})).await.expect(200);
        second.say(app, &key, &given, "complete", json!({ "result": "done" })).await.expect(200);
        let refused = first.say(app, &key, &late, "complete", json!({ "result": "mine" })).await.expect(409);
        assert!(refused["detail"].as_str().unwrap().contains("it is completed"), "{refused}");
        let told = task(app, &app.admin, &made).await;
        assert_eq!((&told["result"], &told["attempt"]), (&json!("done"), &json!(2)));
        let expected = ["created", "assigned", "accepted", "released", "assigned", "late_answer", "accepted", "completed", "late_answer"];
        let waited: Vec<_> = history(&told).into_iter().filter(|what| *what != "waiting").collect();
        assert_eq!(waited, expected);
        assert_eq!(first.beat(app, &key, 0.0).await.expect(409)["errors"][0]["field"], "epoch");
    }

    async fn a_task_that_nobody_can_take_waits_and_says_why_until_somebody_comes(app: &App) {
        let key = key(app, "late").await;
        let made = create(app, &app.admin, json!({ "type": "deploy", "needs": { "capabilities": ["deploy@3"] } })).await;
        assert_eq!((&made["state"], &made["waiting_for"]), (&json!("pending"), &json!("no agent is here")));
        agent(app, &key, json!({ "name": "old", "capabilities": ["deploy@2.9"] })).await;
        let new = agent(app, &key, json!({ "name": "new", "capabilities": ["deploy@3.1"] })).await;
        let offered = new.offered(app, &key).await;
        assert_eq!(offered["id"], made["id"]);
    }

    async fn an_agent_holds_no_more_tasks_than_it_takes_and_gets_the_next_as_soon_as_one_is_done(app: &App) {
        let key = key(app, "one").await;
        let one = agent(app, &key, json!({ "name": "one", "capacity": 1 })).await;
        let first = create(app, &app.admin, json!({ "type": "build" })).await;
        let second = create(app, &app.admin, json!({ "type": "build", "priority": "low" })).await;
        let third = create(app, &app.admin, json!({ "type": "build", "priority": "critical" })).await;
        let states = [&first["state"], &second["state"], &third["state"]];
        assert_eq!(states, [&json!("assigned"), &json!("pending"), &json!("pending")]);
        for expected in [&first, &third, &second] {
            let offered = one.offered(app, &key).await;
            assert_eq!(offered["id"], expected["id"]);
            one.say(app, &key, &offered, "accept", json!({})).await.expect(200);
            one.say(app, &key, &offered, "complete", json!({})).await.expect(200);
        }
    }

    async fn a_refused_task_goes_elsewhere_unless_a_person_named_the_agent(app: &App) {
        let key = key(app, "choosy").await;
        let one = agent(app, &key, json!({ "name": "one" })).await;
        let made = create(app, &app.admin, json!({ "type": "build" })).await;
        let two = agent(app, &key, json!({ "name": "two" })).await;
        let offered = one.offered(app, &key).await;
        one.say(app, &key, &offered, "reject", json!({ "reason": "not today" })).await.expect(200);
        let elsewhere = two.offered(app, &key).await;
        assert_eq!(elsewhere["id"], made["id"]);
        two.say(app, &key, &elsewhere, "accept", json!({})).await.expect(200);
        two.say(app, &key, &elsewhere, "complete", json!({})).await.expect(200);
        let named = create(app, &app.admin, json!({ "type": "build", "delegation": "manual", "agent": "one" })).await;
        let offered = one.offered(app, &key).await;
        let rejected = one.say(app, &key, &offered, "reject", json!({})).await.expect(200);
        assert_eq!((&rejected["id"], &rejected["state"]), (&named["id"], &json!("rejected")));
        let path = format!("/api/v1/tasks/{}/delegate", named["id"].as_str().unwrap());
        let again = app.post(&app.admin, &path, json!({ "delegation": "failover", "agent": two.id })).await.expect(200);
        assert_eq!((&again["state"], &again["agent"]), (&json!("assigned"), &json!("two")));
    }

    async fn a_failed_task_is_tried_again_as_often_as_it_may_be(app: &App) {
        let key = key(app, "clumsy").await;
        let one = agent(app, &key, json!({ "name": "one" })).await;
        let made = create(app, &app.admin, json!({ "type": "build", "max_attempts": 2 })).await;
        for state in ["pending", "failed"] {
            let offered = one.offered(app, &key).await;
            one.say(app, &key, &offered, "accept", json!({})).await.expect(200);
            let failed = one.say(app, &key, &offered, "fail", json!({ "kind": "oom", "message": "too big", "retry": true })).await.expect(200);
            assert_eq!((&failed["state"], &failed["error"]["kind"]), (&json!(state), &json!("oom")));
        }
        assert_eq!(task(app, &app.admin, &made).await["attempt"], 2);
    }

    async fn time_ends_what_is_not_accepted_not_heard_of_or_past_its_deadline(app: &App) {
        let key = key(app, "slow").await;
        let one = agent(app, &key, json!({ "name": "one", "capacity": 9 })).await;
        let not_accepted = create(app, &app.admin, json!({ "type": "a", "accept_seconds": 1 })).await;
        let silent = create(app, &app.admin, json!({ "type": "b", "silence_seconds": 1, "max_attempts": 1 })).await;
        let over = create(app, &app.admin, json!({ "type": "c", "deadline_seconds": 1 })).await;
        one.say(app, &key, &silent, "accept", json!({})).await.expect(200);
        let waited = app.get(&app.admin, &format!("/api/v1/tasks/{}?wait_seconds=20", silent["id"].as_str().unwrap())).await.expect(200);
        assert_eq!((&waited["state"], &waited["error"]["kind"]), (&json!("failed"), &json!("attempts_exhausted")));
        let waited = app.get(&app.admin, &format!("/api/v1/tasks/{}?wait_seconds=20", over["id"].as_str().unwrap())).await.expect(200);
        assert_eq!((&waited["state"], &waited["error"]["kind"]), (&json!("timeout"), &json!("deadline")));
        let deadline = Instant::now() + Duration::from_secs(20);
        while task(app, &app.admin, &not_accepted).await["fence"].as_u64() < Some(2) {
            assert!(Instant::now() < deadline);
        }
    }

    async fn calling_a_task_off_calls_off_everything_below_it_and_refuses_what_comes_after(app: &App) {
        let key = key(app, "tree").await;
        let one = agent(app, &key, json!({ "name": "one", "capacity": 9 })).await;
        let root = create(app, &app.admin, json!({ "type": "plan" })).await;
        let child = create(app, &key, json!({ "type": "step", "parent_id": root["id"] })).await;
        let done = create(app, &key, json!({ "type": "step", "parent_id": root["id"] })).await;
        let grandchild = create(app, &key, json!({ "type": "part", "parent_id": child["id"] })).await;
        one.say(app, &key, &done, "accept", json!({})).await.expect(200);
        one.say(app, &key, &done, "complete", json!({ "result": 7 })).await.expect(200);
        assert_eq!(task(app, &app.admin, &root).await["parts"], json!({ "assigned": 1, "completed": 1 }));
        let path = format!("/api/v1/tasks/{}/cancel", root["id"].as_str().unwrap());
        let off = app.post(&app.admin, &path, json!({ "reason": "changed my mind" })).await.expect(200);
        let ids: Vec<_> = off["items"].as_array().unwrap().iter().map(|task| task["id"].clone()).collect();
        assert_eq!(ids, [root["id"].clone(), child["id"].clone(), grandchild["id"].clone()]);
        let refused = one.say(app, &key, &grandchild, "accept", json!({})).await.expect(409);
        assert!(refused["detail"].as_str().unwrap().contains("cancelled"), "{refused}");
        assert_eq!(task(app, &app.admin, &done).await["result"], 7);
        app.post(&app.admin, &path, json!({})).await.expect(409);
        app.post(&app.admin, "/api/v1/tasks", json!({ "type": "step", "parent_id": root["id"] })).await.expect(409);
    }

    async fn a_repeated_request_with_its_key_is_the_first_one(app: &App) {
        let ask = |body: Value| {
            let request = app.request("POST", "/api/v1/tasks").bearer_auth(&app.admin).header("idempotency-key", "k1");
            App::send(request.json(&body))
        };
        let first = ask(json!({ "type": "build", "input": { "n": 1 } })).await;
        let again = ask(json!({ "type": "build", "input": { "n": 1 } })).await;
        assert_eq!(first.expect(201)["id"], again.expect(201)["id"]);
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(ask(json!({ "type": "build", "input": { "n": 2 } })).await.expect(422)["errors"][0]["field"], "Idempotency-Key");
        let all = app.get(&app.admin, "/api/v1/tasks").await.expect(200);
        assert_eq!(all["items"].as_array().unwrap().len(), 1);
    }

    async fn an_agent_speaks_for_itself_only(app: &App) {
        let (mine, other) = (key(app, "mine").await, key(app, "other").await);
        let one = agent(app, &mine, json!({ "name": "one" })).await;
        let made = create(app, &app.admin, json!({ "type": "build" })).await;
        assert_eq!(one.say(app, &other, &made, "accept", json!({})).await.expect(409)["errors"][0]["field"], "agent_id");
        one.beat(app, &other, 0.0).await.expect(409);
        app.post(&other, "/api/v1/agents", json!({ "name": "one" })).await.expect(422);
        let reader = app.key(&app.admin, json!({ "name": "reader", "kind": "user", "scopes": ["tasks:read"] })).await.0;
        app.post(&reader, "/api/v1/agents", json!({ "name": "x" })).await.expect(403);
        app.post(&reader, "/api/v1/tasks", json!({ "type": "x" })).await.expect(403);
        one.say(app, &reader, &made, "accept", json!({})).await.expect(403);
    }

    async fn with_manifests_only_agents_that_fit_one_are_let_in(app: &App) {
        let key = key(app, "fitting").await;
        let allowed = json!({
            "name": "reviewers", "type": "ide", "capabilities": ["code_review"], "models": ["small"], "max_capacity": 2, "max_instances": 1,
        });
        app.post(&app.admin, "/api/v1/manifests", allowed).await.expect(200);
        let fits = json!({ "name": "a", "type": "ide", "capabilities": ["code_review@1"], "model": "small", "capacity": 2 });
        let with = |name: &str, value: Value| {
            let mut body = fits.clone();
            body[name] = value;
            body
        };
        for (body, why) in [
            (with("type", json!("cicd")), "type ide"),
            (with("capabilities", json!(["deploy"])), "capability deploy"),
            (with("model", json!("large")), "model \"large\""),
            (with("capacity", json!(3)), "2 tasks at once"),
        ] {
            let refused = app.post(&key, "/api/v1/agents", body).await.expect(422);
            assert_eq!(refused["errors"][0]["field"], "manifest");
            assert!(refused["errors"][0]["expected"].as_str().unwrap().contains(why), "{refused}");
        }
        assert_eq!(app.post(&key, "/api/v1/agents", fits.clone()).await.expect(201)["manifest"], "reviewers");
        let again = app.post(&key, "/api/v1/agents", fits.clone()).await.expect(201);
        assert_eq!(again["epoch"], 2, "the same agent takes no second place");
        let refused = app.post(&key, "/api/v1/agents", with("name", json!("b"))).await.expect(422);
        assert!(refused["errors"][0]["expected"].as_str().unwrap().contains("1 agents at once"), "{refused}");
        app.post(&app.admin, "/api/v1/manifests/reviewers", json!({})).await.expect(405);
        App::send(app.request("DELETE", "/api/v1/manifests/reviewers").bearer_auth(&app.admin)).await.expect(204);
        app.post(&key, "/api/v1/agents", with("name", json!("b"))).await.expect(201);
    }

    async fn an_instance_that_was_replaced_loses_its_tasks_and_its_voice(app: &App) {
        let key = key(app, "again").await;
        let before = agent(app, &key, json!({ "name": "one" })).await;
        create(app, &app.admin, json!({ "type": "build" })).await;
        let old = before.offered(app, &key).await;
        before.say(app, &key, &old, "accept", json!({})).await.expect(200);
        let after = agent(app, &key, json!({ "name": "one" })).await;
        assert_eq!((&after.id, after.epoch), (&before.id, 2));
        assert_eq!(before.beat(app, &key, 0.0).await.expect(409)["errors"][0]["field"], "epoch");
        let new = after.offered(app, &key).await;
        assert_eq!((&new["id"], &new["fence"]), (&old["id"], &json!(2)));
        before.say(app, &key, &old, "complete", json!({})).await.expect(409);
        after.say(app, &key, &new, "accept", json!({})).await.expect(200);
        after.say(app, &key, &new, "complete", json!({})).await.expect(200);
    }

    async fn agents_are_found_by_what_they_can_do_and_not_once_they_are_gone(app: &App) {
        let key = key(app, "found").await;
        let eu = json!({ "name": "eu", "type": "cicd", "capabilities": ["deploy@2.3"], "region": "eu", "labels": { "team": "a" } });
        let eu = agent(app, &key, eu).await;
        agent(app, &key, json!({ "name": "us", "capabilities": ["deploy@1"], "region": "us" })).await;
        let names = |found: &Value| -> Vec<String> {
            let items = found["items"].as_array().unwrap();
            items.iter().map(|agent| agent["name"].as_str().unwrap().to_owned()).collect()
        };
        for (query, expected) in [
            ("capability=deploy", vec!["us", "eu"]),
            ("capability=deploy@2", vec!["eu"]),
            ("capability=deploy@3", vec![]),
            ("type=cicd", vec!["eu"]),
            ("region=us", vec!["us"]),
            ("label=team=a", vec!["eu"]),
        ] {
            let mut found = names(&app.get(&key, &format!("/api/v1/agents/discover?{query}")).await.expect(200));
            found.sort_by(|one, other| other.cmp(one));
            assert_eq!(found, expected, "{query}");
        }
        app.get(&key, "/api/v1/agents/discover?label=team").await.expect(400);
        let drained = app.post(&app.admin, &format!("/api/v1/agents/{}/drain", eu.id), json!({})).await.expect(200);
        assert_eq!(drained["state"], "draining");
        assert_eq!(eu.beat(app, &key, 0.5).await.expect(200)["state"], "draining");
        let left = app.post(&key, &format!("/api/v1/agents/{}/leave", eu.id), json!({ "epoch": 1 })).await.expect(200);
        assert_eq!((&left["state"], &left["reason"]), (&json!("offline"), &json!("left")));
        assert_eq!(names(&app.get(&key, "/api/v1/agents?present=true").await.expect(200)), ["us"]);
        assert_eq!(names(&app.get(&key, "/api/v1/agents?state=offline").await.expect(200)), ["eu"]);
    }
}

/// Two models, of which one is dear; nobody is chosen by chance.
async fn with_prices() -> App {
    let price = |model: &str, input, output| rest_api::config::ModelPrice {
        model: model.to_owned(),
        input_usd_per_1k: input,
        output_usd_per_1k: output,
    };
    App::with(|config| {
        config.prices = vec![price("small", 0.001, 0.002), price("large", 0.1, 0.3)];
        config.routing.exploration = 0.0;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_say_who_may_have_a_task_with_a_budget_and_what_it_has_cost() {
    let app = with_prices().await;
    let key = key(&app, "models").await;
    agent(&app, &key, json!({ "name": "large", "model": "large" })).await;
    let asked = json!({ "type": "x", "budget_usd": 0.01, "expected_tokens": 1000 });
    let dear = create(&app, &app.admin, asked.clone()).await;
    let path = format!("/api/v1/tasks/{}/decisions", dear["id"].as_str().unwrap());
    let decisions = app.get(&app.admin, &path).await;
    assert!(decisions.text.contains("over_budget"), "{}", decisions.text);
    assert_eq!(dear["state"], "pending", "{dear}");

    let small = agent(&app, &key, json!({ "name": "small", "model": "small" })).await;
    let offered = small.offered(&app, &key).await;
    assert_eq!(
        offered["id"], dear["id"],
        "it waited for somebody who is cheap enough"
    );
    small
        .say(&app, &key, &offered, "accept", json!({}))
        .await
        .expect(200);
    let usage = json!({ "percent": 10, "usage": { "input_tokens": 1000, "output_tokens": 500 } });
    let at_it = small
        .say(&app, &key, &offered, "progress", usage)
        .await
        .expect(200);
    assert!(
        (at_it["cost_usd"].as_f64().unwrap() - 0.002).abs() < 1e-9,
        "{at_it}"
    );
    // What is said is all so far, not what came since.
    let usage = json!({ "result": 1, "usage": { "input_tokens": 2000, "output_tokens": 1000 } });
    for _ in 0..2 {
        let done = small
            .say(&app, &key, &offered, "complete", usage.clone())
            .await
            .expect(200);
        assert!(
            (done["cost_usd"].as_f64().unwrap() - 0.004).abs() < 1e-9,
            "{done}"
        );
    }
    let page = app.telemetry.render();
    let value = |name: &str, labels: &[&str]| {
        let fits = |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
        page.lines()
            .find(fits)
            .and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    assert!((value("mcp_cost_usd_total{", &["model=\"small\""]).unwrap() - 0.004).abs() < 1e-9);
    assert_eq!(
        value("mcp_llm_tokens_total{", &["direction=\"input\""]),
        Some(2000.0)
    );
    assert_eq!(
        value("mcp_llm_tokens_total{", &["direction=\"output\""]),
        Some(1000.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_has_cost_more_than_it_may_is_stopped_and_not_tried_again() {
    let app = with_prices().await;
    let key = key(&app, "models").await;
    let small = agent(&app, &key, json!({ "name": "small", "model": "small" })).await;
    let asked = json!({ "type": "x", "budget_usd": 0.003, "expected_tokens": 1000 });
    let usage = json!({ "input_tokens": 2000, "output_tokens": 1000 });
    create(&app, &app.admin, asked.clone()).await;
    let offered = small.offered(&app, &key).await;
    small
        .say(&app, &key, &offered, "accept", json!({}))
        .await
        .expect(200);
    let stopped = small
        .say(
            &app,
            &key,
            &offered,
            "progress",
            json!({ "percent": 10, "usage": usage }),
        )
        .await
        .expect(200);
    assert_eq!(
        (&stopped["state"], &stopped["error"]["kind"]),
        (&json!("failed"), &json!("over_budget")),
        "{stopped}"
    );
    small
        .say(&app, &key, &offered, "complete", json!({ "result": 1 }))
        .await
        .expect(409);

    create(&app, &app.admin, asked).await;
    let offered = small.offered(&app, &key).await;
    small
        .say(&app, &key, &offered, "accept", json!({}))
        .await
        .expect(200);
    let failed = json!({ "kind": "x", "retry": true, "usage": usage });
    let failed = small.say(&app, &key, &offered, "fail", failed).await.expect(200);
    assert_eq!(
        (&failed["state"], &failed["attempt"]),
        (&json!("failed"), &json!(1)),
        "no money is left for another try"
    );
    let too_many = json!({ "percent": 1, "usage": { "input_tokens": 1_000_000_001_u64 } });
    let refused = small
        .say(&app, &key, &offered, "progress", too_many)
        .await
        .expect(422);
    assert_eq!(refused["errors"][0]["field"], "usage.input_tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_tells_what_another_strategy_would_have_meant() {
    let app = App::with(|config| config.routing.exploration = 0.5).await;
    let key = key(&app, "workers").await;
    // A slow machine needs longer for all of it than an agent may be silent otherwise.
    let body = |name: &str| json!({ "name": name, "capacity": 100, "heartbeat_seconds": 600 });
    let both = [
        agent(&app, &key, body("one")).await,
        agent(&app, &key, body("two")).await,
    ];
    let mut failed = 0.0;
    // About half of them are choices of this strategy's too; 30 have to be, whatever the dice say.
    for _ in 0..200 {
        let made = create(
            &app,
            &app.admin,
            json!({ "type": "x", "strategy": "round_robin" }),
        )
        .await;
        let one = both.iter().find(|agent| made["agent_id"] == agent.id).unwrap();
        one.say(&app, &key, &made, "accept", json!({})).await.expect(200);
        if one.id == both[0].id {
            one.say(&app, &key, &made, "complete", json!({ "result": 1 }))
                .await
                .expect(200);
        } else {
            one.say(&app, &key, &made, "fail", json!({ "kind": "x" }))
                .await
                .expect(200);
            failed += 1.0;
        }
    }
    let open = create(&app, &app.admin, json!({ "type": "x" })).await;
    assert_eq!(open["state"], "assigned");
    let told = app
        .get(
            &app.admin,
            "/api/v1/routing/replay?strategy=performance_based&since_seconds=3600",
        )
        .await
        .expect(200);
    assert_eq!(
        (&told["decisions"], &told["open"]),
        (&json!(201), &json!(1)),
        "{told}"
    );
    assert!(
        (told["seen"]["failures"].as_f64().unwrap() - failed / 200.0).abs() < 1e-9,
        "{told}"
    );
    assert!(
        told["effective"].as_f64().unwrap() >= 30.0 && told["too_little"].is_null(),
        "{told}"
    );
    // It would have learned who fails.
    let failures = |part: &str| told["failures"][part].as_f64().unwrap();
    assert!(
        failures("low") <= failures("mean") && failures("mean") < failed / 200.0,
        "{told}"
    );
    let stranger = app.tenant("stranger").await;
    let told = app
        .get(&stranger, "/api/v1/routing/replay?strategy=auto")
        .await
        .expect(200);
    assert_eq!(told["decisions"], 0);
}

/// The sweeper does not help, and a slow machine has time for all that comes at once.
fn without_sweeper(config: &mut rest_api::Config) {
    config.tasks.sweep_interval = runtime::config::Duration::from_hours(1);
    config.database.acquire_timeout = runtime::config::Duration::from_mins(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_completions_at_once_leave_no_place_empty_on_sqlite() {
    complete_many_at_once(&App::with(without_sweeper).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_completions_at_once_leave_no_place_empty_on_postgres() {
    complete_many_at_once(&App::on_postgres_with(without_sweeper).await).await;
}

/// Three times as many tasks as there are places: each is done once, by the agent that it was given to first.
async fn complete_many_at_once(app: &App) {
    let key = key(app, "pool").await;
    let mut agents = Vec::new();
    for name in ["one", "two", "three"] {
        agents.push(
            agent(
                app,
                &key,
                json!({ "name": name, "capacity": 8, "heartbeat_seconds": 600 }),
            )
            .await,
        );
    }
    for _ in 0..72 {
        create(app, &app.admin, json!({ "type": "build", "accept_seconds": 600 })).await;
    }
    let held = async |agent: &Agent| {
        let offers = app
            .get(&key, &format!("/api/v1/agents/{}/tasks", agent.id))
            .await
            .expect(200);
        offers["offered"].as_array().unwrap().clone()
    };
    for done in [24, 48, 72] {
        let full = || async {
            let mut given = Vec::new();
            for agent in &agents {
                let held = held(agent).await;
                anyhow::ensure!(held.len() == 8, "{} has {} of 8", agent.id, held.len());
                given.push((agent, held));
            }
            Ok(given)
        };
        let given = eventually(PATIENCE, full).await.unwrap();
        let ends = given
            .iter()
            .flat_map(|(agent, tasks)| tasks.iter().map(move |task| (agent, task)));
        let end = async |(agent, task): (&&Agent, &Value)| {
            agent.say(app, &key, task, "accept", json!({})).await.expect(200);
            agent
                .say(app, &key, task, "complete", json!({ "result": task["fence"] }))
                .await
                .expect(200);
        };
        futures::future::join_all(ends.map(end)).await;
        let completed = app
            .get(&app.admin, "/api/v1/tasks?state=completed&limit=200")
            .await
            .expect(200);
        let completed = completed["items"].as_array().unwrap();
        assert_eq!(completed.len(), done);
        for task in completed {
            assert_eq!(
                (&task["fence"], &task["attempt"], &task["result"]),
                (&json!(1), &json!(1), &json!(1)),
                "{task}"
            );
        }
    }
}
