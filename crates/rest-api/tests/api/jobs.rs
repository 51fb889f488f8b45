//! Jobs, as people see and close them.

use std::time::{Duration, Instant};

use domain::job::{Attempt, AttemptEnd, JobError};
use domain::ports::storage::Claim;
use serde_json::{Value, json};

use crate::app::App;
use crate::on_both;

/// Asks for a call of `api_get`; answers the job's id.
async fn call(app: &App, headers: &[(&str, &str)]) -> Value {
    let mut request = app
        .request("POST", "/api/v1/tools/api_get/calls?mode=async")
        .bearer_auth(&app.admin);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    App::send(request.json(&json!({ "arguments": {} })))
        .await
        .expect(202)
}

async fn claimed(app: &App, job: &Value, number: u32) -> Attempt {
    let tenant_id = app
        .control
        .authenticate(&app.admin)
        .await
        .unwrap()
        .unwrap()
        .tenant_id;
    let job_id = job["id"].as_str().unwrap().parse().unwrap();
    let attempt = Attempt {
        tenant_id,
        job_id,
        number,
        owner: "a test".into(),
    };
    let claim = app
        .control
        .claim(&attempt, Duration::from_secs(30))
        .await
        .unwrap();
    assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
    attempt
}

on_both! {
    async fn whoever_waits_for_a_job_hears_of_its_end_at_once(app: &App) {
        app.provider(&app.admin, "api").await;
        let job = call(app, &[]).await;
        let attempt = claimed(app, &job, 1).await;
        let path = format!("/api/v1/jobs/{}?wait_seconds=30", job["id"].as_str().unwrap());
        let waiting = app.request("GET", &path).bearer_auth(&app.admin);
        let waiting = tokio::spawn(App::send(waiting));
        let began = Instant::now();
        app.control.end_attempt(&attempt, AttemptEnd::Done(json!({ "content": [] }))).await.unwrap();
        let answer = waiting.await.unwrap().expect(200);
        assert_eq!((&answer["state"], &answer["result"]), (&json!("done"), &json!({ "content": [] })));
        assert!(began.elapsed() < Duration::from_secs(10), "it was not told, it timed out");
    }

    async fn the_same_idempotency_key_names_the_same_job(app: &App) {
        app.provider(&app.admin, "api").await;
        let key = [("idempotency-key", "deploy-1")];
        assert_eq!(call(app, &key).await["id"], call(app, &key).await["id"]);
        assert_ne!(call(app, &[]).await["id"], call(app, &[]).await["id"]);
    }

    async fn an_idempotency_key_names_one_call_of_one_caller(app: &App) {
        app.provider(&app.admin, "api").await;
        let (agent, _) = app.key(&app.admin, json!({ "name": "a", "kind": "agent" })).await;
        let call = async |key: &str, arguments: serde_json::Value| {
            let request = app.request("POST", "/api/v1/tools/api_get/calls?mode=async").bearer_auth(key);
            App::send(request.header("idempotency-key", "deploy-1").json(&json!({ "arguments": arguments }))).await
        };
        let (first, again) = (call(&app.admin, json!({})).await, call(&app.admin, json!({})).await);
        assert_eq!(first.expect(202)["id"], again.expect(202)["id"]);
        assert_eq!((first.headers.get("idempotency-replayed"), &again.headers["idempotency-replayed"]), (None, &"true".parse().unwrap()));
        let other = call(&app.admin, json!({ "id": 1 })).await;
        assert_eq!(other.expect(422)["errors"][0]["field"], "Idempotency-Key");
        assert_ne!(call(&agent, json!({})).await.expect(202)["id"], again.expect(202)["id"]);
    }

    async fn a_failed_job_can_be_run_again_and_one_in_doubt_can_be_resolved(app: &App) {
        app.provider(&app.admin, "api").await;
        let job = call(app, &[]).await;
        let path = |verb: &str| format!("/api/v1/jobs/{}/{verb}", job["id"].as_str().unwrap());
        let conflict = app.post(&app.admin, &path("retry"), json!({})).await.expect(409);
        assert_eq!(conflict["errors"][0]["field"], "state");
        let attempt = claimed(app, &job, 1).await;
        app.control.end_attempt(&attempt, AttemptEnd::Failed(JobError::new("upstream_rejected", "no"))).await.unwrap();
        assert_eq!(app.post(&app.admin, &path("retry"), json!({})).await.expect(200)["state"], "pending");
        let tenant = attempt.tenant_id;
        let number = app.control.storage.jobs.get(tenant, attempt.job_id).await.unwrap().attempt + 1;
        let attempt = claimed(app, &job, number).await;
        app.control.end_attempt(&attempt, AttemptEnd::InDoubt(JobError::new("timeout", "?"))).await.unwrap();
        let resolved = app.post(&app.admin, &path("resolve"), json!({ "as": "done" })).await.expect(200);
        assert_eq!(resolved["state"], "done");
    }

    async fn a_job_that_has_not_begun_can_be_cancelled_once(app: &App) {
        app.provider(&app.admin, "api").await;
        let job = call(app, &[]).await;
        let path = format!("/api/v1/jobs/{}/cancel", job["id"].as_str().unwrap());
        let cancelled = app.post(&app.admin, &path, json!({})).await.expect(200);
        assert_eq!((&cancelled["state"], &cancelled["error"]["kind"]), (&json!("failed"), &json!("cancelled")));
        app.post(&app.admin, &path, json!({})).await.expect(409);
    }

    async fn an_unknown_mode_or_state_is_refused_with_what_there_is(app: &App) {
        app.provider(&app.admin, "api").await;
        let answer = app.post(&app.admin, "/api/v1/tools/api_get/calls?mode=sync", json!({})).await;
        assert!(answer.expect(400)["errors"][0]["expected"].as_str().unwrap().contains("async"), "{}", answer.text);
        assert_eq!(app.get(&app.admin, "/api/v1/jobs?state=maybe").await.status, 400);
    }
}
