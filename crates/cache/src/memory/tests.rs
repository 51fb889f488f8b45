//! What only the cache in this process does: it counts its bytes, and gives way when it is full.

use telemetry::{MetricsConfig, metrics::Registry};

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn cache(memory_bytes: u64) -> (MemoryCache, CacheMetrics) {
    let metrics = CacheMetrics::in_registry(&Registry::new("test", "test", &MetricsConfig::default()));
    let options = CacheOptions {
        memory_bytes,
        ..CacheOptions::default()
    };
    (MemoryCache::new(&options, Some(metrics.clone())), metrics)
}

#[tokio::test]
async fn the_size_is_that_of_the_keys_and_values_that_are_there() {
    let (cache, metrics) = cache(1_000_000);
    let size = metrics.size.with(["a"]);
    cache.set("a:1", &[0; 97], LONG).await.unwrap();
    assert_eq!(size.value(), 100.0);
    cache.set("a:1", &[0; 7], LONG).await.unwrap();
    cache.append("a:2", &[0; 17], 1, LONG).await.unwrap();
    cache.append("a:2", &[0; 27], 1, LONG).await.unwrap();
    cache.set("b:1", &[0; 7], LONG).await.unwrap();
    cache.store.run_pending_tasks();
    assert_eq!(size.value(), 40.0);
    cache.remove("a:1").await.unwrap();
    cache.remove("a:2").await.unwrap();
    cache.store.run_pending_tasks();
    assert_eq!(size.value(), 0.0);
    assert_eq!(metrics.size.with(["b"]).value(), 10.0);
    assert_eq!(metrics.evictions.with(["a"]).value(), 0.0);
}

#[tokio::test]
async fn a_full_cache_gives_up_what_was_not_used_for_longest_and_counts_it() {
    let (cache, metrics) = cache(1_000);
    for number in 0..30 {
        cache
            .set(&format!("a:{number:02}"), &[0; 96], LONG)
            .await
            .unwrap();
        cache.store.run_pending_tasks();
    }
    assert_eq!(cache.get("a:00").await.unwrap(), None);
    assert!(cache.get("a:29").await.unwrap().is_some());
    assert_eq!(metrics.evictions.with(["a"]).value(), 20.0);
    assert_eq!(metrics.size.with(["a"]).value(), 1_000.0);
}

#[tokio::test]
async fn a_channel_is_gone_with_its_last_listener() {
    let (cache, _) = cache(1_000);
    let one = cache.listen("sessions").await.unwrap();
    let two = cache.listen("sessions").await.unwrap();
    drop(one);
    assert_eq!(cache.channels.count(), 1);
    drop(two);
    assert_eq!(cache.channels.count(), 0);
}

#[tokio::test]
async fn a_listener_that_does_not_read_is_cut_off() {
    use futures::StreamExt;
    let (cache, _) = cache(1_000);
    let mut heard = cache.listen("sessions").await.unwrap();
    for _ in 0..2_000 {
        cache.publish("sessions", b"more").await.unwrap();
    }
    assert_eq!(heard.next().await, None);
}
