//! What is shown of the Redis behind the caches: its figures on one page, its slow commands, and slow operations by name.

#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache::{CacheOptions, RedisCache, ServerGauges};
use domain::ports::Cache;
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};
use test_support::{Redis, eventually};
use tracing::instrument::WithSubscriber;

const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn telemetry(output: Lines) -> Telemetry {
    let info = ServiceInfo {
        name: "rest-api",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".into(),
        instance: "test".into(),
    };
    Telemetry::start_with_output(info, &TelemetryConfig::default(), output).unwrap()
}

fn value(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn one_replica_shows_the_figures_of_redis_and_the_next_one_when_it_is_gone() {
    let server = Redis::start().await.unwrap();
    let cache = RedisCache::new(&server.url(), &CacheOptions::default()).unwrap();
    eventually(SOON, || cache.ping()).await.unwrap();
    let pages = [telemetry(Lines::default()), telemetry(Lines::default())];
    let [one, two] = [0, 1].map(|at| ServerGauges::new(&pages[at]));
    for gauges in [&one, &two, &one] {
        gauges.read(&cache).await.unwrap();
    }
    let memory = |at: usize| value(&pages[at].render(), "redis_used_memory_bytes");
    assert!(memory(0).unwrap() > 100_000.0);
    assert!(value(&pages[0].render(), "redis_connected_clients").unwrap() >= 1.0);
    assert_eq!(memory(1), None);

    cache.remove("figures:reader").await.unwrap();
    for gauges in [&two, &one] {
        gauges.read(&cache).await.unwrap();
    }
    assert_eq!(memory(0), None);
    assert!(memory(1).unwrap() > 100_000.0);

    server.stop().await.unwrap();
    two.read(&cache).await.unwrap_err();
    assert_eq!(memory(1), None, "figures of a Redis that is away");
}

#[tokio::test]
async fn slow_operations_and_commands_are_shown_by_name_and_never_with_values() {
    let server = Redis::start().await.unwrap();
    let lines = Lines::default();
    let telemetry = telemetry(lines.clone());
    let options = CacheOptions {
        slow: Duration::ZERO,
        ..CacheOptions::default()
    };
    // Not the measured one: a call site that is first met without a subscriber stays silent for good.
    let cache = RedisCache::new(&server.url(), &options).unwrap();
    eventually(SOON, || cache.ping()).await.unwrap();
    let measured = cache::connect(&server.url(), &options, &telemetry).unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut own = client.get_multiplexed_async_connection().await.unwrap();
    let mut all_is_slow = redis::cmd("CONFIG");
    all_is_slow.arg("SET").arg("slowlog-log-slower-than").arg(0);
    let () = all_is_slow.query_async(&mut own).await.unwrap();

    let set = measured.set("session:SECRET-KEY", b"SECRET-VALUE", SOON);
    set.with_subscriber(telemetry.dispatch()).await.unwrap();
    telemetry.shutdown().await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("slow cache operation set"), "{text}");
    assert!(!text.contains("SECRET"), "{text}");

    let slow = cache.slow_commands(10).await.unwrap();
    assert!(
        slow.iter()
            .any(|slow| slow.command == "SET" && slow.cache == "session"),
        "{slow:?}"
    );
    assert!(!format!("{slow:?}").contains("SECRET"), "{slow:?}");
}
