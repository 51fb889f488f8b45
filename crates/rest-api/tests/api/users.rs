//! Users: signing in, what their tokens may do, and until when.

use serde_json::{Value, json};

use crate::app::{Answer, App};
use crate::on_both;

/// A password that fits.
const PASSWORD: &str = "correct horse battery";

async fn sign_in(app: &App, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    App::send(app.request("POST", "/auth/token").json(&body)).await
}

async fn token(app: &App, name: &str) -> String {
    let signed_in = sign_in(app, name, PASSWORD).await.expect(200);
    signed_in["access_token"].as_str().unwrap().to_owned()
}

async fn add(app: &App, by: &str, name: &str, role: &str) -> Answer {
    app.post(
        by,
        "/api/v1/users",
        json!({ "name": name, "role": role, "password": PASSWORD }),
    )
    .await
}

/// How often something was tried, by how it ended.
fn attempts(app: &App, outcome: &str) -> f64 {
    let page = app.telemetry.render();
    let line = page.lines().find(|line| {
        line.starts_with("mcp_auth_attempts_total{")
            && line.contains("method=\"password\"")
            && line.contains(&format!("outcome=\"{outcome}\""))
    });
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

on_both! {
    async fn a_user_signs_in_and_may_do_what_the_role_says(app: &App) {
        for (role, kind, reads_keys, creates_tasks) in [
            ("owner", "admin", 200, 201), ("admin", "admin", 200, 201), ("member", "user", 403, 201), ("readonly", "user", 403, 403),
        ] {
            let added = add(app, &app.admin, role, role).await;
            assert_eq!(added.expect(201)["role"], role);
            assert!(!added.text.contains("argon2") && !added.text.contains(PASSWORD), "{}", added.text);
            let answer = sign_in(app, role, PASSWORD).await;
            assert_eq!(answer.headers["cache-control"], "no-store");
            let signed_in = answer.expect(200);
            assert_eq!((&signed_in["token_type"], &signed_in["expires_in"]), (&json!("Bearer"), &json!(900)));
            let token = signed_in["access_token"].as_str().unwrap();
            let me = app.get(token, "/api/v1/whoami").await.expect(200);
            assert_eq!((&me["key"], &me["kind"]), (&json!(role), &json!(kind)));
            let scopes: Vec<_> = me["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
            assert_eq!(signed_in["scope"], scopes.join(" "));
            app.get(token, "/api/v1/keys").await.expect(reads_keys);
            app.post(token, "/api/v1/tasks", json!({ "type": "x" })).await.expect(creates_tasks);
            app.get(token, "/api/v1/tasks").await.expect(200);
            let makes_tenants = if role == "owner" { 201 } else { 403 };
            app.post(token, "/api/v1/tenants", json!({ "name": "another" })).await.expect(makes_tenants);
            // Wherever a key is accepted, and in either header.
            App::send(app.request("GET", "/api/v1/tasks").header("x-api-key", token)).await.expect(200);
        }
        assert_eq!(attempts(app, "success"), 4.0);
    }

    async fn whoever_is_wrong_gets_one_answer_and_metrics_tell_why(app: &App) {
        add(app, &app.admin, "ann", "member").await.expect(201);
        add(app, &app.admin, "gone", "member").await.expect(201);
        app.post(&app.admin, "/api/v1/users/gone/disable", json!({})).await.expect(200);
        let wrong = sign_in(app, "ann", "correct horse batterx").await;
        wrong.expect(401);
        for answer in [sign_in(app, "nobody", PASSWORD).await, sign_in(app, "gone", PASSWORD).await] {
            assert_eq!(answer.status, 401);
            assert_eq!(answer.without_ids(), wrong.without_ids());
        }
        assert_eq!(["wrong_password", "unknown", "disabled"].map(|outcome| attempts(app, outcome)), [1.0; 3]);
        for (body, field) in [
            (json!({ "username": "", "password": "x" }), "username"),
            (json!({ "username": "x", "password": "" }), "password"),
            (json!({ "username": "x", "password": "x".repeat(1025) }), "password"),
            (json!({ "username": "x" }), "password"),
        ] {
            let refused = App::send(app.request("POST", "/auth/token").json(&body)).await.expect(422);
            assert_eq!(refused["errors"][0]["field"], field, "{refused}");
        }
    }

    async fn a_user_who_is_disabled_or_has_another_password_is_refused_at_once(app: &App) {
        add(app, &app.admin, "ann", "member").await.expect(201);
        let first = token(app, "ann").await;
        app.get(&first, "/api/v1/tasks").await.expect(200);
        let disabled = app.post(&app.admin, "/api/v1/users/ann/disable", json!({})).await.expect(200);
        assert!(disabled["disabled_at"].is_string(), "{disabled}");
        app.get(&first, "/api/v1/tasks").await.expect(401);
        sign_in(app, "ann", PASSWORD).await.expect(401);
        app.post(&app.admin, "/api/v1/users/ann/enable", json!({})).await.expect(200);
        app.get(&first, "/api/v1/tasks").await.expect(401);
        let second = token(app, "ann").await;
        app.get(&second, "/api/v1/tasks").await.expect(200);
        app.put(&app.admin, "/api/v1/users/ann/password", json!({ "password": "another horse battery" })).await.expect(200);
        app.get(&second, "/api/v1/tasks").await.expect(401);
        sign_in(app, "ann", PASSWORD).await.expect(401);
        sign_in(app, "ann", "another horse battery").await.expect(200);
    }

    async fn nobody_adds_or_changes_a_user_who_may_do_more(app: &App) {
        add(app, &app.admin, "chief", "owner").await.expect(201);
        add(app, &app.admin, "keeper", "admin").await.expect(201);
        add(app, &app.admin, "ann", "member").await.expect(201);
        let keeper = token(app, "keeper").await;
        assert_eq!(add(app, &keeper, "second", "owner").await.expect(422)["errors"][0]["field"], "role");
        let password = json!({ "password": "another horse battery" });
        app.put(&keeper, "/api/v1/users/chief/password", password.clone()).await.expect(422);
        app.post(&keeper, "/api/v1/users/chief/disable", json!({})).await.expect(422);
        app.post(&keeper, "/api/v1/users/keeper/disable", json!({})).await.expect(409);
        app.put(&keeper, "/api/v1/users/ann/password", password).await.expect(200);
        let ann = sign_in(app, "ann", "another horse battery").await.expect(200);
        let ann = ann["access_token"].as_str().unwrap();
        add(app, ann, "friend", "readonly").await.expect(403);
        app.get(ann, "/api/v1/users").await.expect(403);
    }

    async fn what_a_user_is_called_and_signs_in_with_is_checked(app: &App) {
        for name in ["", "Ann", "-ann", "a b", "ann\u{0}", &"a".repeat(101)] {
            let refused = add(app, &app.admin, name, "member").await.expect(422);
            assert_eq!(refused["errors"][0]["field"], "name", "{name:?}: {refused}");
        }
        for password in ["short".to_owned(), "x".repeat(1025)] {
            let body = json!({ "name": "ann", "password": password });
            let refused = app.post(&app.admin, "/api/v1/users", body).await.expect(422);
            assert_eq!(refused["errors"][0]["field"], "password", "{refused}");
        }
        add(app, &app.admin, "ann@example.com", "member").await.expect(201);
        assert_eq!(add(app, &app.admin, "ann@example.com", "member").await.expect(409)["errors"][0]["field"], "name");
        let other = app.tenant("umbrella").await;
        add(app, &other, "ann@example.com", "member").await.expect(409);
        add(app, &app.admin, "bootstrap", "member").await.expect(409);
        let listed = app.get(&app.admin, "/api/v1/users").await.expect(200);
        let names: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|user| &user["name"]).collect();
        assert_eq!(names, [&json!("ann@example.com")]);
        assert!(!app.get(&app.admin, "/api/v1/keys").await.text.contains("ann@"), "a user's key is no key to manage");
    }

    async fn a_token_that_somebody_changed_is_nobodys(app: &App) {
        add(app, &app.admin, "ann", "member").await.expect(201);
        let token = token(app, "ann").await;
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiIn0";
        for forged in [
            format!("{header}.{claims}."), format!("{unsigned}.{claims}."), format!("{unsigned}.{claims}.{signature}"),
            format!("{header}.{header}.{signature}"), format!("{header}.{claims}.{}", "A".repeat(86)), "ey..".to_owned(),
        ] {
            app.get(&forged, "/api/v1/tasks").await.expect(401);
        }
        app.get(&token, "/api/v1/tasks").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_to_sign_in_are_bounded_by_user_and_by_address() {
    let app = App::with(|config| {
        (config.users.attempts_per_user, config.users.attempts_per_address) = (3, 5);
    })
    .await;
    add(&app, &app.admin, "ann", "member").await.expect(201);
    for _ in 0..3 {
        sign_in(&app, "ann", "guess").await.expect(401);
    }
    // Not even the right one: whoever guesses is not told when it was right.
    let limited = sign_in(&app, "ann", PASSWORD).await;
    limited.expect(429);
    let wait: u64 = limited.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "a token every 20 s: {wait}");
    sign_in(&app, "bob", "guess").await.expect(401);
    sign_in(&app, "carl", "guess").await.expect(401);
    sign_in(&app, "dora", "guess").await.expect(429);
    assert_eq!(attempts(&app, "limited"), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refused_once_its_time_is_over() {
    let app = App::with(|config| config.users.token_lifetime = runtime::config::Duration::from_secs(1)).await;
    add(&app, &app.admin, "ann", "member").await.expect(201);
    let token = token(&app, "ann").await;
    let refused = test_support::eventually(std::time::Duration::from_secs(10), || async {
        match app.get(&token, "/api/v1/tasks").await.status.as_u16() {
            401 => Ok(()),
            other => Err(other.to_string()),
        }
    });
    refused.await.unwrap();
}
