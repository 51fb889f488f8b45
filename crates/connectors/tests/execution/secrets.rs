use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::EgressConfig;
use domain::CallErrorKind;
use domain::provider::AuthScheme;
use serde_json::json;
use telemetry::TelemetryConfig;
use test_support::{Reply, Upstream, eventually};

use crate::support::{Build, Mesh, text, tool};

const SECRET: &str = "user-9:p4ss/w0rd+&x";

fn schemes() -> [AuthScheme; 4] {
    [
        AuthScheme::Bearer,
        AuthScheme::Basic,
        AuthScheme::Header {
            name: "X-Api-Key".to_owned(),
        },
        AuthScheme::Query {
            name: "api_key".to_owned(),
        },
    ]
}

#[tokio::test]
async fn each_scheme_puts_the_credential_where_it_belongs() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::json(200, &json!({})));
    for scheme in schemes() {
        upstream.forget_requests();
        let mesh = Mesh::authorized(&upstream, scheme.clone(), SECRET);
        assert_eq!(mesh.call(&tool("GET", "/"), json!({})).await.error, None);
        let request = upstream.requests().remove(0);
        match scheme {
            AuthScheme::Bearer => assert_eq!(
                request.header("authorization"),
                Some(format!("Bearer {SECRET}").as_str())
            ),
            AuthScheme::Basic => {
                let expected = format!("Basic {}", STANDARD.encode(SECRET));
                assert_eq!(request.header("authorization"), Some(expected.as_str()));
            }
            AuthScheme::Header { .. } => assert_eq!(request.header("x-api-key"), Some(SECRET)),
            _ => assert_eq!(request.query_pairs(), [("api_key".to_owned(), SECRET.to_owned())]),
        }
    }
}

#[tokio::test]
async fn an_echoed_credential_is_in_no_answer_error_span_or_log_line() {
    let encoded = [
        STANDARD.encode(SECRET),
        percent_encoding::utf8_percent_encode(SECRET, percent_encoding::NON_ALPHANUMERIC).to_string(),
    ];
    let needles = [SECRET, "p4ss", encoded[0].as_str(), encoded[1].as_str()];
    for scheme in schemes() {
        for status in [200, 401, 500] {
            for media_type in ["application/json", "text/plain", "image/png", "application/zip"] {
                let upstream = Upstream::start().await.unwrap();
                upstream.on(
                    "GET",
                    "/",
                    Reply::computed(move |request| {
                        let query = request.query.clone().unwrap_or_default();
                        let body = json!({"headers": format!("{:?}", request.headers), "query": query, "raw": SECRET,
                            "basic": STANDARD.encode(SECRET), SECRET: 1});
                        Reply::bytes(status, media_type, body.to_string())
                    }),
                );
                let mut mesh = Mesh::authorized(&upstream, scheme.clone(), SECRET);
                mesh.provider.limits.max_response_bytes = 10_000;
                let _subscriber = tracing::dispatcher::set_default(&mesh.telemetry.dispatch());
                let outcome = mesh.call(&tool("GET", "/"), json!({})).await;
                mesh.telemetry.flush_logs();
                let lines = String::from_utf8(mesh.lines.0.lock().unwrap().clone()).unwrap();
                let all = format!("{}\n{lines}", serde_json::to_string(&outcome).unwrap());
                for needle in needles {
                    assert!(
                        !all.contains(needle),
                        "{scheme:?} {status} {media_type} leaks {needle}: {all}"
                    );
                }
                let blobs = outcome.content.iter().filter_map(|content| match content {
                    domain::Content::Image { data, .. } => Some(data),
                    domain::Content::Resource { resource } => resource.blob.as_ref(),
                    _ => None,
                });
                for blob in blobs {
                    let bytes = STANDARD.decode(blob).unwrap();
                    let decoded = String::from_utf8_lossy(&bytes);
                    assert!(
                        !decoded.contains("p4ss"),
                        "{scheme:?} {status} {media_type}: {decoded}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_cut_does_not_show_half_a_credential() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on(
        "GET",
        "/",
        Reply::text(200, &format!("{}{SECRET}tail", "x".repeat(90))),
    );
    let mut mesh = Mesh::authorized(&upstream, AuthScheme::Bearer, SECRET);
    for limit in 90..115 {
        mesh.provider.limits.max_response_bytes = limit;
        mesh.provider.version += 1;
        let shown = text(&mesh.call(&tool("GET", "/"), json!({})).await);
        let shown = shown.split("[cut").next().unwrap();
        assert!(
            !shown.trim_start_matches('x').starts_with("us"),
            "{limit}: {shown}"
        );
    }
}

#[tokio::test]
async fn errors_of_the_transport_do_not_show_a_query_credential() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::reset());
    let mesh = Mesh::authorized(
        &upstream,
        AuthScheme::Query {
            name: "key".to_owned(),
        },
        SECRET,
    );
    let outcome = mesh.call(&tool("GET", "/"), json!({})).await;
    assert_eq!(outcome.error, Some(CallErrorKind::UpstreamUnreachable));
    assert!(
        !text(&outcome).contains("p4ss") && !text(&outcome).contains("key="),
        "{}",
        text(&outcome)
    );
}

#[tokio::test]
async fn a_credential_is_fetched_once_and_again_after_the_upstream_refused_it_or_it_was_forgotten() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on_each(
        "GET",
        "/",
        vec![
            Reply::status(200),
            Reply::status(200),
            Reply::status(401),
            Reply::status(200),
        ],
    );
    let mesh = Mesh::authorized(&upstream, AuthScheme::Bearer, SECRET);
    let mut asked = Vec::new();
    for _ in 0..4 {
        mesh.call(&tool("GET", "/"), json!({})).await;
        asked.push(mesh.vault.asked.load(Ordering::Relaxed));
    }
    mesh.connectors.forget(mesh.provider.id);
    mesh.call(&tool("GET", "/"), json!({})).await;
    asked.push(mesh.vault.asked.load(Ordering::Relaxed));
    assert_eq!(asked, [1, 1, 1, 2, 3]);
}

#[tokio::test]
async fn a_missing_credential_sends_nothing() {
    let upstream = Upstream::start().await.unwrap();
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.auth = AuthScheme::Bearer;
    let outcome = mesh.call(&tool("GET", "/"), json!({})).await;
    assert_eq!(outcome.error, Some(CallErrorKind::Unavailable));
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_server_elsewhere_gets_the_credential_only_when_the_provider_names_it() {
    let (home, away) = (Upstream::start().await.unwrap(), Upstream::start().await.unwrap());
    away.on("GET", "/", Reply::json(200, &json!({})));
    let mut mesh = Mesh::authorized(&home, AuthScheme::Bearer, SECRET);
    let mut elsewhere = tool("GET", "/");
    elsewhere.http().base_url = Some(away.url().to_owned());
    assert_eq!(
        mesh.call(&elsewhere, json!({})).await.error,
        Some(CallErrorKind::AddressRefused)
    );
    assert_eq!(away.requests().len(), 0);
    mesh.provider.allowed_hosts.push(away.authority().to_owned());
    mesh.provider.version += 1;
    assert_eq!(mesh.call(&elsewhere, json!({})).await.error, None);
    assert!(away.requests()[0].header("authorization").is_some());
}

#[tokio::test]
async fn a_credential_is_asked_for_ahead_renewed_and_used_while_its_source_is_silent_until_it_is_too_old() {
    const HOLD: Duration = Duration::from_millis(1_500);
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::json(200, &json!({})));
    let egress = EgressConfig {
        credential_hold_ms: 1_500,
        ..EgressConfig::default()
    };
    let mut mesh = Mesh::with(egress, TelemetryConfig::default(), Some(SECRET.to_owned()));
    mesh.provider.base_url = upstream.url().to_owned();
    mesh.provider.allowed_hosts = vec![upstream.authority().to_owned()];
    mesh.provider.auth = AuthScheme::Bearer;
    let mesh = mesh;
    let providers = [Arc::new(mesh.provider.clone())];
    let keep = async || mesh.connectors.keep_credentials(&providers).await;
    let asked = || mesh.vault.asked.load(Ordering::Relaxed);
    let get = tool("GET", "/");
    keep().await;
    keep().await;
    assert_eq!(mesh.call(&get, json!({})).await.error, None);
    assert_eq!(
        asked(),
        1,
        "it is asked for once, and not again while it is fresh"
    );
    let renewed = || async {
        keep().await;
        asked() == 2
    };
    eventually(HOLD, renewed).await.unwrap();
    // From here on nobody gives it. What is held is used to its end, and no longer.
    mesh.vault.silent.store(true, Ordering::Relaxed);
    let again = || async {
        keep().await;
        asked() == 3
    };
    eventually(HOLD, again).await.unwrap();
    assert_eq!(mesh.call(&get, json!({})).await.error, None);
    assert!(mesh.telemetry.render().contains("mcp_credentials_held"));
    let refused = || async { mesh.call(&get, json!({})).await.error == Some(CallErrorKind::Unavailable) };
    eventually(2 * HOLD, refused).await.unwrap();
}
