//! `X-Debug-Trace: true`: one request's trace and debug lines, and no other's.

use std::net::SocketAddr;

use axum::routing::get;
use axum::{Extension, Router};
use telemetry::http::RequestSpan;
use telemetry::{DebugRequests, propagation};

use crate::collector::Collector;
use crate::fixture::Service;

const ASKED: &str = "x-debug-trace: true\r\n";

/// A service that samples nothing, and whose routes are `/user`, `/admin` and `/nobody` by who asks there.
fn service(collector: &Collector, allowed: DebugRequests) -> (Service, SocketAddr) {
    let endpoint = format!("http://{}", collector.address);
    let service = Service::with("rest-api", |config| {
        config.tracing.enabled = true;
        config.tracing.endpoint = endpoint;
        config.tracing.sample_rate = 0.0;
        config.tracing.debug_requests = allowed;
    });
    let route = |known: Option<bool>| {
        get(move |Extension(span): Extension<RequestSpan>| async move {
            if let Some(is_admin) = known {
                span.caller_known(is_admin);
            }
            tracing::debug!("a detail");
            let state = propagation::current_context().remove("tracestate");
            state.unwrap_or_default()
        })
    };
    let router = Router::new()
        .route("/nobody", route(None))
        .route("/user", route(Some(false)))
        .route("/admin", route(Some(true)));
    let address = service.serve(router);
    (service, address)
}

fn ask(service: &Service, address: SocketAddr, path: &str, headers: &str) -> crate::fixture::Answer {
    let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n");
    service.request(address, &request)
}

fn details(service: &Service) -> Vec<serde_json::Value> {
    let lines = service.lines().into_iter();
    lines.filter(|line| line["msg"] == "a detail").collect()
}

#[test]
fn one_request_is_traced_and_logged_at_debug_and_the_others_stay_quiet() {
    let collector = Collector::start();
    let (service, address) = service(&collector, DebugRequests::default());
    ask(&service, address, "/user", "");
    let shown = ask(&service, address, "/user", ASKED);
    ask(&service, address, "/user", "x-debug-trace: false\r\n");
    assert_eq!(shown.body, "devmesh=debug", "what goes along with the trace");
    let details = details(&service);
    assert_eq!(details.len(), 1, "{details:?}");
    assert_eq!(details[0]["trace_id"].as_str(), shown.header("x-trace-id"));
    assert_eq!(details[0]["level"], "DEBUG");
    service.runtime.block_on(service.telemetry.shutdown());
    let spans = collector.received.spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(
        spans[0].trace_state, "devmesh=debug",
        "what a collector keeps it by"
    );
}

#[test]
fn the_setting_says_whose_request_counts() {
    let routes = ["/nobody", "/user", "/admin"];
    for (allowed, counted) in [
        (DebugRequests::Nobody, 0),
        (DebugRequests::Admin, 1),
        (DebugRequests::Authenticated, 2),
        (DebugRequests::Anyone, 3),
    ] {
        let collector = Collector::start();
        let (service, address) = service(&collector, allowed);
        for path in routes {
            ask(&service, address, path, ASKED);
        }
        assert_eq!(details(&service).len(), counted, "{allowed:?}");
        service.runtime.block_on(service.telemetry.shutdown());
        assert_eq!(collector.received.spans().len(), counted, "{allowed:?}");
    }
}

#[test]
fn the_mark_counts_from_the_mesh_itself_and_not_from_a_caller() {
    let collector = Collector::start();
    let (service, address) = service(&collector, DebugRequests::Anyone);
    let parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let marked = format!("{parent}\r\ntracestate: devmesh=debug,other=1\r\n");
    let answer = ask(&service, address, "/user", &marked);
    assert_eq!(answer.body, "other=1", "the rest goes on, the mark does not");
    assert!(details(&service).is_empty());
    service.run(async {
        let row = std::collections::BTreeMap::from([
            ("traceparent".to_owned(), parent[13..].replace("-00", "-01")),
            ("tracestate".to_owned(), "devmesh=debug,other=1".to_owned()),
        ]);
        let job = propagation::span_from(&row, || tracing::info_span!("job"));
        job.in_scope(|| tracing::debug!("a detail"));
        propagation::span_from_caller(&row, None, || tracing::info_span!("call"))
            .in_scope(|| tracing::debug!("a detail"));
    });
    assert_eq!(details(&service).len(), 1);
}

#[test]
fn a_level_for_everybody_and_one_requests_lines_do_not_meet() {
    let collector = Collector::start();
    let (service, address) = service(&collector, DebugRequests::default());
    // As the endpoint does it: on one of the service's own threads.
    let set = |level: &'static str| {
        let levels = service.telemetry.log_levels().clone();
        service.run(async move { levels.set(level).unwrap() });
    };
    ask(&service, address, "/user", "");
    set("debug");
    ask(&service, address, "/user", "");
    set("error");
    ask(&service, address, "/user", "");
    ask(&service, address, "/user", ASKED);
    assert_eq!(details(&service).len(), 2);
}
