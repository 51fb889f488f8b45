//! Assignments: given by name, told by a job, taken back.

use serde_json::{Value, json};

use crate::app::App;
use crate::on_both;

async fn ann(app: &App) {
    let user = json!({ "name": "ann@example.com", "password": "correct horse battery" });
    app.post(&app.admin, "/api/v1/users", user).await.expect(201);
}

async fn delete(app: &App, path: &str) -> crate::app::Answer {
    App::send(app.request("DELETE", path).bearer_auth(&app.admin)).await
}

on_both! {
    async fn what_a_user_is_given_is_theirs_until_it_is_done(app: &App) {
        ann(app).await;
        let asked = json!({ "title": "call the bank", "assignee": "ann@example.com", "priority": "high" });
        let given = app.post(&app.admin, "/api/v1/assignments", asked).await.expect(201);
        assert_eq!((&given["state"], &given["assignee_type"], &given["creator"]), (&json!("pending"), &json!("user"), &json!("bootstrap")));
        let path = format!("/api/v1/assignments/{}", given["id"].as_str().unwrap());
        let jobs = app.get(&app.admin, "/api/v1/jobs?kind=notification").await.expect(200);
        assert_eq!(jobs["items"].as_array().map(Vec::len), Some(1), "{jobs}");
        let done = app.post(&app.admin, &format!("{path}/complete"), json!({})).await.expect(200);
        assert_eq!(done["state"], "completed");
        let again = app.post(&app.admin, &format!("{path}/complete"), json!({})).await.expect(200);
        assert_eq!(again["done_at"], done["done_at"]);
        let listed = app.get(&app.admin, "/api/v1/assignments?assignee=ann%40example.com").await.expect(200);
        assert_eq!(listed["items"][0]["id"], given["id"]);
        let page = app.telemetry.render();
        assert!(page.contains("mcp_assignments_created_total") && !page.contains("ann@"), "an assignee is no label");
    }

    async fn the_paths_of_the_monitoring_guides_are_the_same_things(app: &App) {
        ann(app).await;
        let asked = json!({ "title": "Synthetic Test", "assignee": "ann@example.com" });
        let given = app.post(&app.admin, "/v1/assignments", asked).await.expect(201);
        let id = given["id"].as_str().unwrap();
        assert_eq!(app.get(&app.admin, &format!("/v1/assignments/{id}")).await.expect(200)["title"], "Synthetic Test");
        assert_eq!(app.get(&app.admin, "/v1/assignments").await.expect(200)["items"][0]["id"], id);
        delete(app, &format!("/v1/assignments/{id}")).await.expect(204);
        app.get(&app.admin, &format!("/api/v1/assignments/{id}")).await.expect(404);
        delete(app, &format!("/v1/assignments/{id}")).await.expect(404);
        App::send(app.request("GET", "/v1/assignments")).await.expect(401);
    }

    async fn an_assignment_for_nobody_is_refused_with_the_field(app: &App) {
        ann(app).await;
        for (field, body) in [
            ("assignee", json!({ "title": "x", "assignee": "nobody" })),
            ("title", json!({ "title": "", "assignee": "ann@example.com" })),
            ("title", json!({ "title": "x".repeat(501), "assignee": "ann@example.com" })),
            ("description", json!({ "title": "x", "assignee": "ann@example.com", "description": "x".repeat(16_385) })),
        ] {
            let refused = app.post(&app.admin, "/api/v1/assignments", body).await.expect(422);
            assert_eq!(refused["errors"][0]["field"], field, "{refused}");
        }
        app.post(&app.admin, "/api/v1/users/ann@example.com/disable", json!({})).await.expect(200);
        let refused = app.post(&app.admin, "/api/v1/assignments", json!({ "title": "x", "assignee": "ann@example.com" })).await;
        assert_eq!(refused.expect(422)["errors"][0]["field"], "assignee");
        assert_eq!(app.get(&app.admin, "/api/v1/assignments").await.expect(200)["items"], json!([]));
        assert_eq!(app.get(&app.admin, "/api/v1/jobs").await.expect(200)["items"], json!([]));
    }

    async fn whoever_may_only_look_gives_nobody_anything(app: &App) {
        ann(app).await;
        let (reader, _) = app.key(&app.admin, json!({ "name": "reader", "kind": "user", "scopes": ["tasks:read"] })).await;
        let asked = json!({ "title": "x", "assignee": "ann@example.com" });
        let given = app.post(&app.admin, "/api/v1/assignments", asked.clone()).await.expect(201);
        let path = format!("/api/v1/assignments/{}", given["id"].as_str().unwrap());
        app.get(&reader, &path).await.expect(200);
        app.post(&reader, "/api/v1/assignments", asked).await.expect(403);
        app.post(&reader, &format!("{path}/complete"), json!({})).await.expect(403);
        App::send(app.request("DELETE", &path).bearer_auth(&reader)).await.expect(403);
    }

    async fn a_replay_of_nothing_says_what_is_missing(app: &App) {
        let told: Value = app.get(&app.admin, "/api/v1/routing/replay?strategy=least_loaded").await.expect(200);
        assert_eq!((&told["decisions"], &told["failures"]), (&json!(0), &Value::Null));
        assert!(told["too_little"].as_str().unwrap().contains("no task"), "{told}");
        for query in ["strategy=best", "strategy=auto&since_seconds=0", "strategy=auto&since_seconds=2592001", ""] {
            let status = app.get(&app.admin, &format!("/api/v1/routing/replay?{query}")).await.status.as_u16();
            assert!(matches!(status, 400 | 422), "{query}: {status}");
        }
    }
}
