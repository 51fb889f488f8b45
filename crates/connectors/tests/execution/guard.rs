use connectors::{CallContext, EgressConfig};
use domain::CallErrorKind;
use serde_json::json;
use telemetry::TelemetryConfig;
use test_support::{Reply, Upstream};

use crate::support::{Build, Mesh, text, tool};

async fn outcome(allowed: &[&str], host: &str) -> (Option<CallErrorKind>, String, usize) {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("*", "/*", Reply::json(200, &json!({})));
    let port = upstream.authority().rsplit_once(':').unwrap().1.to_owned();
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.base_url = format!("http://{host}:{port}");
    mesh.provider.allowed_hosts = allowed.iter().map(|entry| entry.replace("PORT", &port)).collect();
    let context = CallContext::default();
    let outcome = mesh
        .connectors
        .call(&mesh.provider, &tool("POST", "/"), json!({}), &context)
        .await;
    assert_eq!(context.may_have_had_effect(), outcome.error.is_none());
    (outcome.error, text(&outcome), upstream.requests().len())
}

#[tokio::test]
async fn an_upstream_on_loopback_is_reached_only_when_it_is_named() {
    // allowed, host, whether it is reached
    let table: [(&[&str], &str, bool); 12] = [
        (&[], "127.0.0.1", false),
        (&[], "localhost", false),
        (&[], "LOCALHOST", false),
        (&[], "2130706433", false),
        (&[], "[::ffff:127.0.0.1]", false),
        (&["127.0.0.1"], "127.0.0.1", true),
        (&["127.0.0.1"], "0x7f.1", true),
        (&["127.0.0.0/8:PORT"], "localhost", true),
        (&["localhost"], "localhost", true),
        (&["localhost:PORT"], "localhost", true),
        (&["localhost:1"], "localhost", false),
        (&["127.0.0.1"], "localhost", true),
    ];
    for (allowed, host, reached) in table {
        let (error, text, requests) = outcome(allowed, host).await;
        let expected = (!reached).then_some(CallErrorKind::AddressRefused);
        assert_eq!(
            (error, requests),
            (expected, usize::from(reached)),
            "{allowed:?} {host}: {text}"
        );
    }
}

#[tokio::test]
async fn an_operator_may_allow_hosts_and_may_ignore_those_of_providers() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("*", "/*", Reply::json(200, &json!({})));
    let call = async |allow: &[&str], honour: bool, own: &[&str]| {
        let egress = EgressConfig {
            allow_hosts: allow.iter().map(|&entry| entry.to_owned()).collect(),
            honour_provider_hosts: honour,
            ..EgressConfig::default()
        };
        let mut mesh = Mesh::with(egress, TelemetryConfig::default(), None);
        mesh.provider.base_url = upstream.url().to_owned();
        mesh.provider.allowed_hosts = own.iter().map(|&entry| entry.to_owned()).collect();
        mesh.call(&tool("GET", "/"), json!({})).await.error
    };
    assert_eq!(call(&["127.0.0.1"], true, &[]).await, None);
    assert_eq!(call(&["127.0.0.1"], false, &[]).await, None);
    assert_eq!(call(&[], true, &["127.0.0.1"]).await, None);
    assert_eq!(
        call(&[], false, &["127.0.0.1"]).await,
        Some(CallErrorKind::AddressRefused)
    );
    assert_eq!(
        call(&[], true, &["not a host"]).await,
        Some(CallErrorKind::AddressRefused)
    );
}

#[tokio::test]
async fn what_one_provider_may_reach_another_one_may_not() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("*", "/*", Reply::json(200, &json!({})));
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.base_url = upstream.url().replace("127.0.0.1", "localhost");
    mesh.provider.allowed_hosts = vec!["localhost".to_owned()];
    assert_eq!(mesh.call(&tool("GET", "/"), json!({})).await.error, None);
    let mut other = mesh.provider.clone();
    other.id = domain::ProviderId::generate();
    other.allowed_hosts.clear();
    let outcome = mesh
        .connectors
        .call(&other, &tool("GET", "/"), json!({}), &CallContext::default())
        .await;
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::AddressRefused),
        "a pooled connection was shared"
    );
}

#[tokio::test]
async fn a_server_that_a_description_names_passes_the_guard_too() {
    let upstream = Upstream::start().await.unwrap();
    let mesh = Mesh::reaching(&upstream);
    let mut elsewhere = tool("GET", "/latest/meta-data");
    elsewhere.http().base_url = Some("http://169.254.169.254".to_owned());
    assert_eq!(
        mesh.call(&elsewhere, json!({})).await.error,
        Some(CallErrorKind::AddressRefused)
    );
}

#[tokio::test]
async fn descriptions_are_fetched_through_the_guard_and_within_a_bound() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on(
        "GET",
        "/openapi.yaml",
        Reply::bytes(200, "application/yaml", "openapi: 3.1.0"),
    );
    upstream.on("GET", "/moved", Reply::redirect(302, "/openapi.yaml"));
    upstream.on("GET", "/inside", Reply::redirect(302, "http://169.254.169.254/"));
    upstream.on("GET", "/large", Reply::text(200, &"x".repeat(2_000)));
    upstream.on("GET", "/bytes", Reply::bytes(200, "text/plain", vec![0xff]));
    let mesh = Mesh::with(EgressConfig::default(), TelemetryConfig::default(), None);
    let allowed = vec!["127.0.0.1".to_owned()];
    let fetch = async |path: &str, allowed: &[String]| {
        let url = format!("{}{path}", upstream.url()).parse().unwrap();
        mesh.connectors
            .fetch_description(&url, allowed, 1_000)
            .await
            .map_err(|failure| failure.kind)
    };
    assert_eq!(
        fetch("/openapi.yaml", &allowed).await.as_deref(),
        Ok("openapi: 3.1.0")
    );
    assert_eq!(fetch("/moved", &allowed).await.as_deref(), Ok("openapi: 3.1.0"));
    assert_eq!(
        fetch("/openapi.yaml", &[]).await,
        Err(CallErrorKind::AddressRefused)
    );
    assert_eq!(
        fetch("/inside", &allowed).await,
        Err(CallErrorKind::AddressRefused)
    );
    assert_eq!(
        fetch("/large", &allowed).await,
        Err(CallErrorKind::UpstreamInvalid)
    );
    assert_eq!(
        fetch("/bytes", &allowed).await,
        Err(CallErrorKind::UpstreamInvalid)
    );
    assert_eq!(
        fetch("/missing", &allowed).await,
        Err(CallErrorKind::UpstreamRejected)
    );
}
