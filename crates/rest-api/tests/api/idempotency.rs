//! `Idempotency-Key`.

use serde_json::json;

use crate::app::App;
use crate::on_both;

async fn create(app: &App, key: &str, name: &str) -> crate::app::Answer {
    create_by(app, &app.admin, key, name).await
}

async fn create_by(app: &App, caller: &str, key: &str, name: &str) -> crate::app::Answer {
    let request = app
        .request("POST", "/api/v1/keys")
        .bearer_auth(caller)
        .header("idempotency-key", key);
    App::send(request.json(&json!({ "name": name, "kind": "agent" }))).await
}

on_both! {
    async fn the_same_request_twice_makes_one_key_and_is_answered_alike(app: &App) {
        let (first, second) = (create(app, "k1", "ci").await, create(app, "k1", "ci").await);
        assert_eq!(first.expect(201), second.expect(201));
        assert_eq!(second.headers["idempotency-replayed"], "true");
        let listed = app.get(&app.admin, "/api/v1/keys").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 2, "the bootstrap key and one other");
    }

    async fn another_request_under_the_same_key_is_refused(app: &App) {
        create(app, "k1", "ci").await.expect(201);
        assert_eq!(create(app, "k1", "cd").await.expect(422)["errors"][0]["field"], "Idempotency-Key");
    }

    async fn another_api_key_is_not_shown_what_the_first_one_was_answered(app: &App) {
        let (reader, _) = app.key(&app.admin, json!({ "name": "r", "kind": "agent", "scopes": ["tools:read"] })).await;
        let first = create(app, "k1", "ci").await.expect(201);
        let second = create_by(app, &reader, "k1", "ci").await;
        assert_eq!(second.expect(422)["errors"][0]["field"], "Idempotency-Key");
        assert!(!second.text.contains(first["secret"].as_str().unwrap()), "a key's text was shown to another key");
    }

    async fn a_repeated_request_for_a_job_is_told_again_where_the_job_is(app: &App) {
        let add = || {
            let request = app.request("POST", "/api/v1/providers").bearer_auth(&app.admin).header("idempotency-key", "p1");
            App::send(request.json(&json!({ "name": "api", "source": { "type": "inline", "text": "{}" } })))
        };
        let (first, second) = (add().await, add().await);
        assert_eq!(first.expect(202), second.expect(202));
        assert!(first.headers["location"].to_str().unwrap().starts_with("/api/v1/jobs/"));
        assert_eq!(first.headers["location"], second.headers["location"]);
    }

    async fn a_failed_request_frees_its_key(app: &App) {
        create(app, "k1", "").await.expect(422);
        create(app, "k1", "ci").await.expect(201);
    }
}
