//! Rate limits over HTTP.

use cache::DefaultLimit;
use serde_json::json;

use crate::app::App;
use crate::on_both;

on_both! {
    async fn a_limit_is_set_shown_replaced_and_removed(app: &App) {
        app.provider(&app.admin, "api").await;
        let set = |path: &'static str, body| app.put(&app.admin, path, body);
        let made = set("/api/v1/limits/tool:api_get", json!({ "rate": "600/m" })).await.expect(200);
        assert_eq!((&made["subject"], &made["rate"], &made["burst"]), (&json!("tool:api_get"), &json!("10/s"), &json!(10)));
        set("/api/v1/limits/key:bootstrap", json!({ "rate": "5/h", "burst": 3 })).await.expect(200);
        set("/api/v1/limits/provider:api", json!({ "rate": "0.5" })).await.expect(200);
        set("/api/v1/limits/tenant", json!({ "rate": "1/s" })).await.expect(200);
        let again = set("/api/v1/limits/tenant", json!({ "rate": "2/s", "burst": 9 })).await.expect(200);
        assert_eq!(again["burst"], 9);
        let listed = app.get(&app.admin, "/api/v1/limits").await.expect(200);
        let rates: Vec<_> = listed["items"].as_array().unwrap().iter().map(|limit| limit["rate"].clone()).collect();
        assert_eq!(rates, ["5/h", "30/m", "2/s", "10/s"]);
        assert_eq!(app.get(&app.admin, "/api/v1/limits/tenant").await.expect(200), again);
        let remove = || App::send(app.request("DELETE", "/api/v1/limits/tenant").bearer_auth(&app.admin));
        remove().await.expect(204);
        remove().await.expect(404);
    }

    async fn a_limit_that_could_bind_nobody_is_refused_with_the_fields_at_fault(app: &App) {
        let set = |path: &'static str, body| app.put(&app.admin, path, body);
        let refused = set("/api/v1/limits/everybody", json!({ "rate": "often", "burst": 0 })).await.expect(422);
        let fields: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
        assert_eq!(fields, ["subject", "rate", "burst"]);
        for path in ["/api/v1/limits/key:nobody", "/api/v1/limits/provider:none", "/api/v1/limits/tool:none"] {
            set(path, json!({ "rate": "1/s" })).await.expect(404);
        }
    }

    async fn who_may_not_manage_keys_may_not_change_limits(app: &App) {
        let (agent, _) = app.key(&app.admin, json!({ "name": "ci", "kind": "agent" })).await;
        app.put(&agent, "/api/v1/limits/key:ci", json!({ "rate": "1000/s" })).await.expect(403);
        app.get(&agent, "/api/v1/limits").await.expect(403);
    }

    async fn calls_beyond_a_limit_are_refused_with_when_to_try_again_and_make_no_job(app: &App) {
        app.provider(&app.admin, "api").await;
        let (agent, _) = app.key(&app.admin, json!({ "name": "ci", "kind": "agent" })).await;
        app.put(&app.admin, "/api/v1/limits/key:ci", json!({ "rate": "1/h", "burst": 2 })).await.expect(200);
        let call = async |key: &str| app.post(key, "/api/v1/tools/api_get/calls", json!({ "arguments": {} })).await;
        call(&agent).await.expect(202);
        call(&agent).await.expect(202);
        let refused = call(&agent).await;
        let problem = refused.expect(429);
        assert!(problem["detail"].as_str().unwrap().contains("key:ci"), "{problem}");
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=3_600).contains(&wait), "{wait}");
        let jobs = app.get(&agent, "/api/v1/jobs?kind=tool_call").await.expect(200);
        assert_eq!(jobs["items"].as_array().unwrap().len(), 2, "{jobs}");
        call(&app.admin).await.expect(202);
    }
}

#[tokio::test]
async fn who_has_no_limit_of_its_own_is_under_the_default_and_who_has_one_is_not() {
    let app = App::with(|config| {
        config.limits.key = DefaultLimit {
            rate: Some("1/h".parse().unwrap()),
            burst: Some(2),
        };
        config.limits.tool = DefaultLimit {
            rate: Some("1/h".parse().unwrap()),
            burst: Some(3),
        };
    })
    .await;
    app.provider(&app.admin, "api").await;
    let (plain, _) = app
        .key(&app.admin, json!({ "name": "plain", "kind": "agent" }))
        .await;
    let (own, _) = app
        .key(&app.admin, json!({ "name": "own", "kind": "agent" }))
        .await;
    app.put(&app.admin, "/api/v1/limits/key:own", json!({ "rate": "1000/s" }))
        .await
        .expect(200);
    let call = async |key: &str| {
        app.post(key, "/api/v1/tools/api_get/calls", json!({ "arguments": {} }))
            .await
    };
    for _ in 0..2 {
        call(&plain).await.expect(202);
    }
    let refused = call(&plain).await;
    let problem = refused.expect(429);
    assert!(
        problem["detail"].as_str().unwrap().contains("key:plain"),
        "{problem}"
    );
    call(&own).await.expect(202);
    let problem = call(&own).await;
    let problem = problem.expect(429);
    assert!(
        problem["detail"].as_str().unwrap().contains("tool:api_get"),
        "{problem}"
    );
}
