//! `ETag` and `If-Match`, problems, and what happens to nonsense.

use serde_json::json;

use crate::app::App;
use crate::on_both;

on_both! {
    async fn a_change_on_a_version_that_is_gone_is_refused(app: &App) {
        app.provider(&app.admin, "api").await;
        let path = "/api/v1/providers/api";
        let seen = app.get(&app.admin, path).await;
        let tag = seen.headers["etag"].to_str().unwrap().to_owned();
        let patch = |tag: Option<String>, timeout: u64| {
            let mut request = app.request("PATCH", path).bearer_auth(&app.admin);
            if let Some(tag) = tag {
                request = request.header("if-match", tag);
            }
            App::send(request.json(&json!({ "limits": { "timeout_ms": timeout } })))
        };
        patch(None, 1).await.expect(428);
        assert_eq!(patch(Some(tag.clone()), 1_000).await.expect(200)["limits"]["timeout_ms"], 1_000);
        patch(Some(tag.clone()), 2_000).await.expect(412);
        let remove = app.request("DELETE", path).bearer_auth(&app.admin);
        App::send(remove.header("if-match", tag)).await.expect(412);
        App::send(app.request("DELETE", path).bearer_auth(&app.admin)).await.expect(204);
        app.get(&app.admin, path).await.expect(404);
    }

    async fn nonsense_is_answered_with_a_problem_that_says_where(app: &App) {
        let post = |body: &'static str, kind: &'static str| {
            let request = app.request("POST", "/api/v1/keys").bearer_auth(&app.admin);
            App::send(request.header("content-type", kind).body(body))
        };
        assert_eq!(post("{", "application/json").await.expect(400)["errors"][0]["field"], "body");
        assert_eq!(post("{} {}", "application/json").await.status, 422);
        post("a=b", "application/x-www-form-urlencoded").await.expect(415);
        let problem = app.get(&app.admin, "/api/v1/nothing").await;
        let body = problem.expect(404);
        assert_eq!(body["request_id"], problem.headers["x-request-id"].to_str().unwrap());
        assert_eq!(body["trace_id"], problem.headers["x-trace-id"].to_str().unwrap());
        App::send(app.request("DELETE", "/api/v1/whoami").bearer_auth(&app.admin)).await.expect(405);
    }

    async fn the_description_is_served_and_names_every_operation_once(app: &App) {
        let description = App::send(app.request("GET", "/openapi.json")).await.expect(200);
        assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut ids = Vec::new();
        for item in description["paths"].as_object().unwrap().values() {
            ids.extend(item.as_object().unwrap().values().filter_map(|op| op["operationId"].as_str()));
        }
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
    }
}
