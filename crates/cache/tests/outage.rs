//! A Redis that goes away, comes back, says nothing or refuses, under a cache object that stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no"
)]

use std::time::{Duration, Instant};

use cache::{CacheOptions, RedisCache};
use domain::ports::Cache;
use futures::StreamExt;
use test_support::{Redis, eventually};

const SOON: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(60);

/// An operation fails, and within the bound.
async fn assert_unavailable(cache: &RedisCache) {
    let begun = Instant::now();
    cache.get("key:a").await.unwrap_err();
    let bound = CacheOptions::default().timeout + Duration::from_millis(500);
    assert!(begun.elapsed() < bound, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_cache_outlives_stops_and_crashes_of_its_redis() {
    let server = Redis::start().await.unwrap();
    let cache = RedisCache::new(&server.url(), &CacheOptions::default()).unwrap();
    eventually(SOON, || cache.set("key:a", b"value", LONG))
        .await
        .unwrap();
    let mut heard = cache.listen("sessions").await.unwrap();

    server.stop().await.unwrap();
    assert_unavailable(&cache).await;
    let end = tokio::time::timeout(SOON, heard.next())
        .await
        .expect("it goes on listening to nobody");
    assert_eq!(end, None);
    cache
        .listen("sessions")
        .await
        .err()
        .expect("it listens to nobody");

    server.start_again().await.unwrap();
    eventually(SOON, || cache.ping()).await.unwrap();
    assert_eq!(
        cache.get("key:a").await.unwrap().as_deref(),
        Some(b"value".as_slice())
    );
    let mut heard = cache.listen("sessions").await.unwrap();
    cache.publish("sessions", b"again").await.unwrap();
    assert_eq!(heard.next().await.as_deref(), Some(b"again".as_slice()));

    server.kill().unwrap();
    assert_unavailable(&cache).await;
    server.start_again().await.unwrap();
    eventually(SOON, || cache.set("key:b", b"value", LONG))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_no_error_until_it_is_needed() {
    let url = format!("redis://127.0.0.1:{}/", test_support::free_port().unwrap());
    let cache = RedisCache::new(&url, &CacheOptions::default()).unwrap();
    assert_unavailable(&cache).await;
}

/// Accepts connections and says nothing. The first caller waits for the bound, those after it do not.
#[tokio::test]
async fn a_redis_that_says_nothing_costs_one_caller_its_bound_and_the_next_ones_nothing() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/", silent.local_addr().unwrap());
    let cache = RedisCache::new(&url, &CacheOptions::default()).unwrap();
    let mut open = Vec::new();
    let accepting = async {
        while let Ok(connection) = silent.accept().await {
            open.push(connection);
        }
    };
    let calling = async {
        assert_unavailable(&cache).await;
        let begun = Instant::now();
        for _ in 0..50 {
            cache.get("key:a").await.unwrap_err();
        }
        assert!(
            begun.elapsed() < CacheOptions::default().timeout,
            "{:?}",
            begun.elapsed()
        );
    };
    tokio::select! {
        () = accepting => unreachable!("the listener ended"),
        () = calling => {}
    }
}

#[tokio::test]
async fn prefixes_keep_installations_apart() {
    let url = test_support::redis_url().await.unwrap();
    let [one, two] = [(); 2].map(|()| {
        let prefix = test_support::fresh_redis_prefix();
        RedisCache::new(
            &url,
            &CacheOptions {
                prefix,
                timeout: SOON,
                ..CacheOptions::default()
            },
        )
        .unwrap()
    });
    let mut heard = two.listen("sessions").await.unwrap();
    one.set("key:a", b"value", LONG).await.unwrap();
    one.append("events:a", b"entry", 10, LONG).await.unwrap();
    one.publish("sessions", b"one").await.unwrap();
    two.publish("sessions", b"two").await.unwrap();

    assert_eq!(two.get("key:a").await.unwrap(), None);
    assert_eq!(two.entries("events:a", 0).await.unwrap(), []);
    assert_eq!(heard.next().await.as_deref(), Some(b"two".as_slice()));
}

#[tokio::test]
async fn no_error_repeats_the_url_or_its_password() {
    let server = test_support::redis_url().await.unwrap();
    let authority = server.trim_start_matches("redis://");
    let options = CacheOptions {
        timeout: Duration::from_secs(2),
        ..CacheOptions::default()
    };
    for url in [
        format!("redis://:hunter2@{authority}"),
        format!("redis://someone:hunter2@{authority}"),
        format!("rediss://:hunter2@{authority}"),
        "redis://:hunter2@127.0.0.1:1/".to_owned(),
    ] {
        let cache = RedisCache::new(&url, &options).unwrap();
        for error in [
            cache.ping().await.unwrap_err(),
            cache.listen("a").await.err().unwrap(),
        ] {
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
    for url in [
        "redis://:hunter2@host:port/",
        "http://:hunter2@host/",
        "redis://:hunter2@host/database",
    ] {
        let error = RedisCache::new(url, &options).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
