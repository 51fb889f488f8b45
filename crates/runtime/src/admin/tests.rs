use axum::body::Body;
use axum::http::{Request, StatusCode};
use telemetry::{ServiceInfo, TelemetryConfig};
use tower::ServiceExt;

use super::*;

fn telemetry() -> Telemetry {
    let info = ServiceInfo {
        name: "rest-api",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".to_owned(),
        instance: "test".to_owned(),
    };
    Telemetry::start(info, &TelemetryConfig::default()).unwrap()
}

async fn routers(address: Option<&str>) -> (Router, Option<OwnAddress>) {
    let (telemetry, life) = (telemetry(), Lifecycle::new("test"));
    let config = AdminConfig {
        address: address.map(str::to_owned),
    };
    let token = Secret::new("the admin token");
    let admin = Admin::build(&config, Some(&token), &telemetry, &life, None)
        .await
        .unwrap();
    admin.beside(telemetry.public_router(), &telemetry)
}

async fn get(router: &Router, path: &str, token: Option<&str>) -> (StatusCode, Vec<u8>) {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, body.to_vec())
}

const PATHS: [&str; 6] = [
    "/debug/pprof",
    "/debug/pprof/heap",
    "/debug/pprof/profile?seconds=1",
    "/debug/pprof/tasks",
    "/debug/pprof/goroutine",
    "/admin/log-level",
];

#[tokio::test]
async fn nobody_without_the_admin_token_reaches_what_operators_use() {
    let (router, _) = routers(None).await;
    for path in PATHS {
        assert_eq!(
            get(&router, path, None).await.0,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        let (status, _) = get(&router, path, Some("another")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(get(&router, "/version", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn with_an_address_of_their_own_they_are_not_on_the_service_s_port() {
    let (router, own) = routers(Some("127.0.0.1:0")).await;
    let own = own.unwrap();
    for path in PATHS {
        let (status, _) = get(&router, path, Some("the admin token")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, _) = get(&own.router, "/debug/pprof/tasks", Some("the admin token")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(get(&router, "/metrics", None).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_profile_is_refused_while_the_first_is_taken() {
    let (router, _) = routers(None).await;
    let request =
        Request::get("/debug/pprof/profile?seconds=1").header("authorization", "Bearer the admin token");
    let first = router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let (status, body) = get(&router, "/debug/pprof/tasks", Some("the admin token")).await;
    assert_eq!(status, StatusCode::CONFLICT, "{}", String::from_utf8_lossy(&body));
    let body = axum::body::to_bytes(first.into_body(), usize::MAX).await.unwrap();
    assert!(body.starts_with(&[0x1f, 0x8b]), "not gzip");
    let (status, _) = get(&router, "/debug/pprof/tasks", Some("the admin token")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_profile_of_no_time_or_of_hours_is_refused() {
    let (router, _) = routers(None).await;
    for seconds in ["0", "121", "-1", "soon"] {
        let path = format!("/debug/pprof/profile?seconds={seconds}");
        let (status, _) = get(&router, &path, Some("the admin token")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{seconds}");
    }
}
