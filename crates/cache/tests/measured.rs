//! What [`cache::connect`] adds: the choice by URL, and the metrics.

#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::time::Duration;

use cache::{CacheMetrics, CacheOptions};
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};

const LONG: Duration = Duration::from_secs(60);

fn telemetry() -> Telemetry {
    let info = ServiceInfo {
        name: "mcp-server",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".into(),
        instance: "test".into(),
    };
    Telemetry::start(info, &TelemetryConfig::default()).unwrap()
}

#[tokio::test]
async fn reads_are_counted_as_hits_and_misses_by_the_first_word_of_the_key() {
    let telemetry = telemetry();
    let cache = cache::connect("memory:", &CacheOptions::default(), &telemetry).unwrap();
    let metrics = CacheMetrics::new(&telemetry);
    cache.set("session:a", b"value", LONG).await.unwrap();
    cache.get("session:a").await.unwrap();
    cache.get("session:a").await.unwrap();
    cache.get("session:b").await.unwrap();
    cache.get("limit:a").await.unwrap();

    assert_eq!(metrics.hits.with(["session"]).value(), 2.0);
    assert_eq!(metrics.misses.with(["session"]).value(), 1.0);
    assert_eq!(metrics.misses.with(["limit"]).value(), 1.0);
    assert_eq!(metrics.duration.with(["get", "ok"]).count(), 4);
    assert_eq!(metrics.size.with(["session"]).value(), 14.0);
}

#[tokio::test]
async fn an_operation_that_fails_is_measured_as_an_error_and_is_no_miss() {
    let telemetry = telemetry();
    let url = format!("redis://127.0.0.1:{}/", test_support::free_port().unwrap());
    let cache = cache::connect(&url, &CacheOptions::default(), &telemetry).unwrap();
    cache.get("session:a").await.unwrap_err();

    let metrics = CacheMetrics::new(&telemetry);
    assert_eq!(metrics.duration.with(["get", "error"]).count(), 1);
    assert_eq!(metrics.misses.with(["session"]).value(), 0.0);
}

#[test]
fn a_url_of_another_scheme_is_refused_with_those_that_are_known() {
    let telemetry = telemetry();
    for url in ["", "memcached://host", "postgres://host"] {
        let error = cache::connect(url, &CacheOptions::default(), &telemetry)
            .err()
            .unwrap();
        assert!(error.to_string().contains("redis://"), "{error}");
    }
}
