use std::time::Duration;

use connectors::CallContext;
use domain::CallErrorKind;
use domain::breaker::BreakerLimits;
use serde_json::json;
use test_support::{Gate, Reply, Upstream, eventually};

use crate::support::{Mesh, text, tool};

const SOON: Duration = Duration::from_secs(10);

fn with_breaker(upstream: &Upstream, breaker: BreakerLimits) -> Mesh {
    let mut mesh = Mesh::reaching(upstream);
    mesh.provider.limits.breaker = breaker;
    mesh
}

fn quick() -> BreakerLimits {
    BreakerLimits {
        minimum_calls: 4,
        open_ms: 100,
        probes: 2,
        ..BreakerLimits::default()
    }
}

fn patient() -> BreakerLimits {
    BreakerLimits {
        open_ms: 3_600_000,
        ..quick()
    }
}

fn shows(mesh: &Mesh, metric: &str, value: u32) {
    let page = mesh.telemetry.render();
    let line = format!(r#"{metric}{{service="worker",environment="test",breaker="acme"}} {value}"#);
    assert!(page.contains(&line), "no {line} in {page}");
}

#[tokio::test]
async fn an_upstream_that_fails_gets_no_more_calls_until_it_is_well_again() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::status(500));
    let mesh = with_breaker(&upstream, patient());
    let the_tool = tool("GET", "/");
    shows_nothing(&mesh);
    assert_eq!(mesh.connectors.breakers(), Ok(()));
    for _ in 0..4 {
        let outcome = mesh.call(&the_tool, json!({})).await;
        assert_eq!(outcome.error, Some(CallErrorKind::UpstreamFailed));
    }
    assert_eq!(mesh.connectors.breakers(), Err("open: acme".to_owned()));
    let context = CallContext::default();
    let refused = mesh
        .connectors
        .call(&mesh.provider, &the_tool, json!({}), &context)
        .await;
    assert_eq!(refused.error, Some(CallErrorKind::Unavailable));
    let told = text(&refused);
    assert!(
        told.contains("`acme`") && told.contains("circuit breaker"),
        "{told}"
    );
    assert!(told.contains("try again in 3600 s"), "{told}");
    assert!(!context.may_have_had_effect());
    assert_eq!(upstream.requests().len(), 4, "nothing is sent while it is open");
    shows(&mesh, "mcp_circuit_breaker_state", 2);
    shows(&mesh, "mcp_circuit_breaker_failures_total", 4);
    shows(&mesh, "mcp_circuit_breaker_trips_total", 1);
    let page = mesh.telemetry.render();
    let tenant = format!(r#"tenant_id="{}"}} 2"#, mesh.provider.tenant_id);
    assert!(page.contains(&tenant), "{page}");
    assert!(page.contains(r#"provider="acme",status="503"} 1"#), "{page}");
}

#[tokio::test]
async fn good_probes_close_it_and_it_says_so() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::reset());
    let mesh = with_breaker(&upstream, quick());
    let the_tool = tool("GET", "/");
    for _ in 0..4 {
        mesh.call(&the_tool, json!({})).await;
    }
    shows(&mesh, "mcp_circuit_breaker_state", 2);
    upstream.on("GET", "/", Reply::json(200, &json!({})));
    let well = || async {
        let outcome = mesh.call(&the_tool, json!({})).await;
        outcome.error.map_or(Ok(()), |_| Err(text(&outcome)))
    };
    eventually(SOON, well).await.unwrap();
    shows(&mesh, "mcp_circuit_breaker_state", 1);
    assert_eq!(mesh.call(&the_tool, json!({})).await.error, None);
    shows(&mesh, "mcp_circuit_breaker_state", 0);
    shows(&mesh, "mcp_circuit_breaker_success_total", 2);
}

#[tokio::test]
async fn refusals_of_the_upstream_and_of_the_mesh_never_open_it() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::status(429));
    upstream.on("GET", "/away", Reply::redirect(302, "http://169.254.169.254/"));
    let mesh = with_breaker(&upstream, patient());
    for _ in 0..8 {
        let outcome = mesh.call(&tool("GET", "/"), json!({})).await;
        assert_eq!(outcome.error, Some(CallErrorKind::UpstreamRejected));
        let outcome = mesh.call(&tool("GET", "/away"), json!({})).await;
        assert_eq!(outcome.error, Some(CallErrorKind::AddressRefused));
    }
    shows(&mesh, "mcp_circuit_breaker_state", 0);
    shows(&mesh, "mcp_circuit_breaker_success_total", 8);
}

#[tokio::test]
async fn time_outs_open_it_and_early_cancellations_do_not() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::hang());
    let mut mesh = with_breaker(&upstream, patient());
    let the_tool = tool("GET", "/");
    for count in 1..=8 {
        let context = CallContext::default();
        let call = mesh
            .connectors
            .call(&mesh.provider, &the_tool, json!({}), &context);
        let cancel = async {
            upstream.wait_for_requests(count, SOON).await.unwrap();
            context.cancel.cancel();
        };
        let (outcome, ()) = tokio::join!(call, cancel);
        assert_eq!(outcome.error, Some(CallErrorKind::Cancelled));
    }
    shows(&mesh, "mcp_circuit_breaker_state", 0);
    mesh.provider.limits.timeout_ms = 20;
    mesh.provider.version += 1;
    for _ in 0..4 {
        let outcome = mesh.call(&the_tool, json!({})).await;
        assert_eq!(outcome.error, Some(CallErrorKind::Timeout));
    }
    shows(&mesh, "mcp_circuit_breaker_state", 2);
}

#[tokio::test]
async fn answers_that_come_late_open_it_although_they_are_good() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::json(200, &json!({})));
    let mesh = with_breaker(
        &upstream,
        BreakerLimits {
            slow_call_ms: 0,
            ..patient()
        },
    );
    let the_tool = tool("GET", "/");
    for _ in 0..4 {
        assert_eq!(mesh.call(&the_tool, json!({})).await.error, None);
    }
    let refused = mesh.call(&the_tool, json!({})).await;
    assert_eq!(refused.error, Some(CallErrorKind::Unavailable));
}

#[tokio::test]
async fn a_change_of_the_provider_that_is_none_of_its_business_leaves_it_open() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/", Reply::status(502));
    let mut mesh = with_breaker(&upstream, patient());
    let the_tool = tool("GET", "/");
    for _ in 0..4 {
        mesh.call(&the_tool, json!({})).await;
    }
    mesh.provider.version += 1;
    let refused = mesh.call(&the_tool, json!({})).await;
    assert_eq!(refused.error, Some(CallErrorKind::Unavailable));
    mesh.provider.limits.breaker.enabled = false;
    mesh.provider.version += 1;
    let outcome = mesh.call(&the_tool, json!({})).await;
    assert_eq!(outcome.error, Some(CallErrorKind::UpstreamFailed));
    mesh.connectors.forget(mesh.provider.id);
    shows_nothing(&mesh);
}

fn shows_nothing(mesh: &Mesh) {
    let page = mesh.telemetry.render();
    assert!(!page.contains(r#"breaker="acme""#), "{page}");
}

#[tokio::test]
async fn an_upstream_that_hangs_takes_no_place_of_another_and_its_queue_is_bounded() {
    let (stuck, well) = (Upstream::start().await.unwrap(), Upstream::start().await.unwrap());
    let gate = Gate::new();
    stuck.on("GET", "/", Reply::json(200, &json!({})).held_by(&gate));
    well.on("GET", "/", Reply::json(200, &json!({})));
    let mut mesh = Mesh::reaching(&stuck);
    mesh.provider.limits.concurrency = 2;
    mesh.provider.limits.queue_length = 3;
    mesh.provider.limits.queue_timeout_ms = 60_000;
    let mut other = mesh.provider.clone();
    (other.id, other.name) = (domain::ProviderId::generate(), "other".to_owned());
    other.base_url = well.url().to_owned();
    let the_tool = tool("GET", "/");
    let held = futures::future::join_all((0..5).map(|_| mesh.call(&the_tool, json!({}))));
    let meanwhile = async {
        stuck.wait_for_requests(2, SOON).await.unwrap();
        let full = mesh.call(&the_tool, json!({})).await;
        assert_eq!(full.error, Some(CallErrorKind::Unavailable));
        assert!(
            text(&full).contains("3 more wait for one already"),
            "{}",
            text(&full)
        );
        for _ in 0..50 {
            let context = CallContext::default();
            let outcome = mesh.connectors.call(&other, &the_tool, json!({}), &context).await;
            assert_eq!(outcome.error, None, "{}", text(&outcome));
        }
        let page = mesh.telemetry.render();
        let waits = |provider: &str, count: u32| {
            format!(
                r#"mcp_tool_queue_size{{service="worker",environment="test",provider="{provider}"}} {count}"#
            )
        };
        assert!(page.contains(&waits("acme", 3)), "{page}");
        assert!(page.contains(&waits("other", 0)), "nobody waited there: {page}");
        assert_eq!(stuck.requests().len(), 2, "the stuck calls are stuck still");
        gate.open();
    };
    let (held, ()) = tokio::join!(held, meanwhile);
    assert!(held.iter().all(|outcome| outcome.error.is_none()));
}
