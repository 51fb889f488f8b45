//! Providers, as people add them.

use std::collections::BTreeSet;

use chrono::Utc;
use domain::ports::storage::Import;
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::tool::{Annotations, Binding, HttpBinding};
use domain::{Provider, ProviderId, TenantId, Tool, ToolId};
use serde_json::json;

use crate::app::App;
use crate::on_both;

/// A provider with the tool `NAME_get`.
pub fn import(tenant_id: TenantId, name: &str) -> Import {
    let now = Utc::now();
    let provider = Provider {
        id: ProviderId::generate(),
        tenant_id,
        name: name.to_owned(),
        kind: ProviderKind::Openapi,
        base_url: "https://api.example.com".into(),
        auth: AuthScheme::None,
        selection: Selection::default(),
        allowed_hosts: Vec::new(),
        limits: CallLimits::default(),
        health: Health::Unknown,
        version: 1,
        created_at: now,
        refreshed_at: now,
    };
    let binding: HttpBinding =
        serde_json::from_value(json!({ "method": "GET", "path": "/", "parameters": [] })).unwrap();
    let tool = Tool {
        id: ToolId::generate(),
        tenant_id,
        provider_id: provider.id,
        name: format!("{name}_get"),
        title: None,
        description: "Reads it".into(),
        tags: vec!["things".into()],
        input_schema: json!({ "type": "object" }).into(),
        output_schema: None,
        annotations: Annotations {
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: true,
        },
        binding: Binding::Http(binding),
    };
    let (tools, skipped) = (vec![tool], Vec::new());
    Import {
        provider,
        tools,
        skipped,
        description: "{}".into(),
        description_url: None,
    }
}

on_both! {
    async fn adding_a_provider_is_a_job_and_its_secret_is_never_shown(app: &App) {
        let body = json!({
            "name": "github",
            "source": { "type": "inline", "text": "{}" },
            "auth": { "type": "bearer" },
            "secret": "ghp_hunter2",
        });
        let answer = app.post(&app.admin, "/api/v1/providers", body).await;
        let job = answer.expect(202);
        assert_eq!(answer.headers["location"].to_str().unwrap(), format!("/api/v1/jobs/{}", job["id"].as_str().unwrap()));
        assert_eq!((&job["kind"], &job["subject"]), (&json!("provider_import"), &json!("github")));
        let principal = app.control.authenticate(&app.admin).await.unwrap().unwrap();
        let stored = app.control.storage.jobs.get(principal.tenant_id, job["id"].as_str().unwrap().parse().unwrap()).await;
        let stored = serde_json::to_string(&stored.unwrap()).unwrap();
        assert!(!stored.contains("hunter2"), "the secret is stored in clear: {stored}");
        assert!(stored.contains("sealed_secret"));
    }

    async fn everything_wrong_with_a_provider_is_said_at_once(app: &App) {
        let body = json!({
            "name": "Git Hub",
            "source": { "type": "url", "url": "ftp://x/y" },
            "auth": { "type": "bearer" },
            "base_url": "http://u:p@x",
            "selection": { "allow": ["["] },
            "limits": { "timeout_ms": 0 },
        });
        let problem = app.post(&app.admin, "/api/v1/providers", body).await.expect(422);
        let fields: BTreeSet<_> =
            problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
        let expected = ["base_url", "limits.timeout_ms", "name", "secret", "selection.allow", "source.url"];
        assert_eq!(fields, expected.into());
    }

    async fn hosts_headers_and_secrets_that_no_call_could_use_are_refused_at_once(app: &App) {
        let body = json!({
            "name": "x",
            "source": { "type": "inline", "text": "{}" },
            "auth": { "type": "header", "name": "Host" },
            "secret": "a\r\nb",
            "allowed_hosts": ["localhost:80", "10.0.0.0/8", "http://localhost/"],
        });
        let problem = app.post(&app.admin, "/api/v1/providers", body).await.expect(422);
        let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
        assert_eq!(fields, [json!("auth.name"), json!("secret"), json!("allowed_hosts")]);
        app.provider(&app.admin, "api").await;
        let change = app.request("PATCH", "/api/v1/providers/api").bearer_auth(&app.admin).header("if-match", "*");
        let problem = App::send(change.json(&json!({ "allowed_hosts": ["a b"] }))).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], "allowed_hosts");
    }

    async fn private_hosts_need_the_scope_admin(app: &App) {
        let (user, _) = app.key(&app.admin, json!({ "name": "dev", "kind": "user" })).await;
        let body = json!({ "name": "x", "source": { "type": "inline", "text": "{}" }, "allowed_hosts": ["localhost"] });
        let answer = app.post(&user, "/api/v1/providers", body.clone()).await;
        assert_eq!(answer.expect(403)["detail"], "this key lacks the scope `admin`");
        app.post(&app.admin, "/api/v1/providers", body).await.expect(202);
    }

    async fn tools_are_listed_by_name_and_shown_with_their_schema(app: &App) {
        app.provider(&app.admin, "beta").await;
        app.provider(&app.admin, "alpha").await;
        let tools = app.get(&app.admin, "/api/v1/tools").await.expect(200);
        let names: Vec<_> = tools["items"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
        assert_eq!(names, [json!("alpha_get"), json!("beta_get")]);
        let of_one = app.get(&app.admin, "/api/v1/tools?provider=beta").await.expect(200);
        assert_eq!(of_one["items"].as_array().unwrap().len(), 1);
        let tool = app.get(&app.admin, "/api/v1/tools/beta_get").await.expect(200);
        assert_eq!((&tool["input_schema"]["type"], &tool["annotations"]["readOnlyHint"]), (&json!("object"), &json!(true)));
    }
}
