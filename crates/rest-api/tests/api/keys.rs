//! Keys and who may make which.

use serde_json::json;

use crate::app::App;
use crate::on_both;

on_both! {
    async fn a_key_is_shown_once_and_works_until_it_is_revoked(app: &App) {
        let (secret, id) = app.key(&app.admin, json!({ "name": "ci", "kind": "agent" })).await;
        let me = app.get(&secret, "/api/v1/whoami").await.expect(200);
        assert_eq!(me["kind"], "agent");
        assert_eq!(me["scopes"], json!(["tools:read", "tools:call", "jobs:read", "agents:read", "agents:connect", "tasks:read", "tasks:write"]));
        let listed = app.get(&app.admin, "/api/v1/keys").await;
        assert!(!listed.text.contains(secret.rsplit('_').next().unwrap()), "a secret is shown again");
        app.post(&app.admin, &format!("/api/v1/keys/{id}/revoke"), json!({})).await.expect(200);
        app.get(&secret, "/api/v1/whoami").await.expect(401);
    }

    async fn the_header_x_api_key_is_as_good_as_bearer(app: &App) {
        let answer = App::send(app.request("GET", "/api/v1/whoami").header("x-api-key", &app.admin)).await;
        assert_eq!(answer.expect(200)["key"], "bootstrap");
    }

    async fn of_two_keys_the_one_in_authorization_counts(app: &App) {
        let request = app.request("GET", "/api/v1/whoami").bearer_auth(&app.admin).header("x-api-key", "nonsense");
        assert_eq!(App::send(request).await.expect(200)["key"], "bootstrap");
    }

    async fn a_rotated_key_runs_out_and_its_successor_works(app: &App) {
        let (old, id) = app.key(&app.admin, json!({ "name": "ci", "kind": "agent" })).await;
        let path = format!("/api/v1/keys/{id}/rotate");
        let created = app.post(&app.admin, &path, json!({ "grace_seconds": 0 })).await.expect(201);
        app.get(&old, "/api/v1/whoami").await.expect(401);
        let new = created["secret"].as_str().unwrap();
        assert_eq!(app.get(new, "/api/v1/whoami").await.expect(200)["key"], "ci");
    }

    async fn a_key_cannot_be_rotated_by_one_that_may_do_less(app: &App) {
        let narrow = json!({ "name": "keeper", "kind": "admin", "scopes": ["keys:read", "keys:write"] });
        let (keeper, own) = app.key(&app.admin, narrow).await;
        let me = app.get(&app.admin, "/api/v1/whoami").await.expect(200);
        let path = format!("/api/v1/keys/{}/rotate", me["key_id"].as_str().unwrap());
        let refused = app.post(&keeper, &path, json!({})).await;
        assert!(refused.expect(403)["detail"].as_str().unwrap().contains("lacks the scope"), "{}", refused.text);
        assert!(!refused.text.contains("dm_"), "{}", refused.text);
        app.post(&keeper, &format!("/api/v1/keys/{own}/rotate"), json!({})).await.expect(201);
    }

    async fn a_key_that_expires_makes_none_that_outlives_it(app: &App) {
        let until = "2100-01-01T00:00:00Z";
        let (keeper, own) = app.key(&app.admin, json!({ "name": "keeper", "kind": "admin", "expires_at": until })).await;
        let made = app.post(&keeper, "/api/v1/keys", json!({ "name": "a", "kind": "agent" })).await.expect(201);
        assert_eq!(made["key"]["expires_at"], until);
        let sooner = json!({ "name": "b", "kind": "agent", "expires_at": "2099-01-01T00:00:00Z" });
        let made = app.post(&keeper, "/api/v1/keys", sooner).await.expect(201);
        assert_eq!(made["key"]["expires_at"], "2099-01-01T00:00:00Z");
        let later = json!({ "name": "c", "kind": "agent", "expires_at": "2100-01-01T00:00:01Z" });
        let refused = app.post(&keeper, "/api/v1/keys", later).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], "expires_at", "{refused}");
        // Neither by rotation of one that does not expire, nor by a tenant of its own.
        let me = app.get(&app.admin, "/api/v1/whoami").await.expect(200);
        let path = format!("/api/v1/keys/{}/rotate", me["key_id"].as_str().unwrap());
        app.post(&keeper, &path, json!({})).await.expect(409);
        let tenant = app.post(&keeper, "/api/v1/tenants", json!({ "name": "other" })).await.expect(201);
        let secret = tenant["secret"].as_str().unwrap();
        let keys = app.get(secret, "/api/v1/keys").await.expect(200);
        assert_eq!(keys["items"][0]["expires_at"], until, "{keys}");
        app.post(&keeper, &format!("/api/v1/keys/{own}/rotate"), json!({})).await.expect(201);
    }

    async fn a_key_keeps_its_pins_over_a_rotation(app: &App) {
        let pins = json!(["github_issues_*", "tag:pulls", "provider:acme"]);
        let (_, id) = app.key(&app.admin, json!({ "name": "triage", "kind": "agent", "pins": pins })).await;
        assert_eq!(app.get(&app.admin, &format!("/api/v1/keys/{id}")).await.expect(200)["pins"], pins);
        let rotated = app.post(&app.admin, &format!("/api/v1/keys/{id}/rotate"), json!({})).await.expect(201);
        assert_eq!(rotated["key"]["pins"], pins);
    }

    async fn the_pins_of_a_key_can_be_changed_and_taken_away(app: &App) {
        let (_, id) = app.key(&app.admin, json!({ "name": "triage", "kind": "agent" })).await;
        let path = format!("/api/v1/keys/{id}");
        let change = |body: serde_json::Value| {
            let request = app.request("PATCH", &path).bearer_auth(&app.admin).json(&body);
            async move { App::send(request).await }
        };
        for pins in [json!(["github_issues_*"]), json!([])] {
            assert_eq!(change(json!({ "pins": pins })).await.expect(200)["pins"], pins);
            assert_eq!(app.get(&app.admin, &path).await.expect(200)["pins"], pins);
        }
        assert_eq!(change(json!({ "pins": ["two words"] })).await.expect(422)["errors"][0]["field"], "pins[0]");
        change(json!({ "name": "other" })).await.expect(422);
    }

    async fn a_pin_that_can_pin_nothing_is_refused_by_its_place(app: &App) {
        let body = |pins| json!({ "name": "triage", "kind": "agent", "pins": pins });
        let wrong = body(json!(["github_*", "owner:me", "two words"]));
        let problem = app.post(&app.admin, "/api/v1/keys", wrong).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], "pins[1]");
        assert_eq!(problem["errors"][1]["field"], "pins[2]");
        let many = body(json!(vec!["github_*"; 65]));
        let problem = app.post(&app.admin, "/api/v1/keys", many).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], "pins");
    }

    async fn a_name_that_is_taken_is_said_in_the_detail(app: &App) {
        app.key(&app.admin, json!({ "name": "ci", "kind": "agent" })).await;
        let problem = app.post(&app.admin, "/api/v1/keys", json!({ "name": "ci", "kind": "agent" })).await.expect(409);
        assert_eq!(problem["detail"], "name: this name is taken");
        assert_eq!(problem["errors"][0]["field"], "name");
    }

    async fn a_name_cannot_hide_or_turn_around_what_is_beside_it(app: &App) {
        for name in ["ci\u{202e}nimda", "ci\u{200b}", "\u{feff}ci", "ci\u{2028}x", "ci\u{1b}[8m"] {
            let problem = app.post(&app.admin, "/api/v1/keys", json!({ "name": name, "kind": "agent" })).await.expect(422);
            assert_eq!(problem["errors"][0]["field"], "name", "{name:?}");
        }
        app.key(&app.admin, json!({ "name": "ключ 鍵 🔑", "kind": "agent" })).await;
    }

    async fn a_key_without_the_scope_is_told_which_one_it_lacks(app: &App) {
        let (agent, _) = app.key(&app.admin, json!({ "name": "ci", "kind": "agent" })).await;
        let answer = app.post(&agent, "/api/v1/keys", json!({ "name": "x", "kind": "agent" })).await;
        assert_eq!(answer.expect(403)["detail"], "this key lacks the scope `keys:write`");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }

    async fn every_field_that_is_not_as_expected_is_named(app: &App) {
        let body = json!({ "name": "", "kind": "agent", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z" });
        let problem = app.post(&app.admin, "/api/v1/keys", body).await.expect(422);
        let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
        assert_eq!(fields, [json!("name"), json!("expires_at"), json!("scopes")]);
        let problem = app.post(&app.admin, "/api/v1/keys", json!({ "name": "x", "kynd": "agent" })).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], "kynd", "{problem}");
        assert!(problem["errors"][0]["expected"].as_str().unwrap().starts_with("no such field; there are `name`"), "{problem}");
    }

    async fn a_list_is_walked_by_its_cursor_to_the_end(app: &App) {
        for number in 0..7 {
            app.key(&app.admin, json!({ "name": format!("key-{number}"), "kind": "agent" })).await;
        }
        let (mut names, mut path) = (Vec::new(), "/api/v1/keys?limit=3".to_owned());
        loop {
            let page = app.get(&app.admin, &path).await.expect(200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 3);
            names.extend(items.iter().map(|key| key["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/keys?limit=3&cursor={next}");
        }
        assert_eq!(names.len(), 8, "{names:?}");
        let problem = app.get(&app.admin, "/api/v1/keys?cursor=nonsense").await.expect(422);
        assert_eq!(problem["errors"][0]["field"], "cursor");
        assert_eq!(app.get(&app.admin, "/api/v1/keys?limit=0").await.expect(400)["errors"][0]["field"], "limit");
    }
}
