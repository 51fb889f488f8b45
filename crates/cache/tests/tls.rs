//! A Redis that speaks TLS only, with a certificate of a private authority.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use cache::{CacheOptions, RedisCache};
use domain::ports::Cache;
use futures::StreamExt;
use test_support::{Authority, Redis, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

fn trusting(authorities: Option<&Path>) -> CacheOptions {
    CacheOptions {
        authorities: authorities.map(Path::to_owned),
        timeout: Duration::from_secs(20),
        ..CacheOptions::default()
    }
}

/// Why this Redis is not used.
async fn refusal(url: &str, authorities: Option<&Path>) -> String {
    match RedisCache::new(url, &trusting(authorities)) {
        Ok(cache) => cache.ping().await.unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_redis_is_trusted_by_its_authority_and_never_in_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, authority: &Authority| -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        path
    };
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let server = Redis::start_with_tls(&ours.server(dir.path(), "redis").unwrap())
        .await
        .unwrap();
    let (trusted, other) = (file("ours.crt", &ours), file("theirs.crt", &theirs));
    let cache = RedisCache::new(&server.url(), &trusting(Some(&trusted))).unwrap();
    eventually(PATIENCE, || cache.ping()).await.unwrap();
    let mut heard = cache.listen("sessions").await.unwrap();
    cache.publish("sessions", b"hello").await.unwrap();
    assert_eq!(heard.next().await.as_deref(), Some(b"hello".as_slice()));

    for authorities in [None, Some(other.as_path())] {
        let said = refusal(&server.url(), authorities).await;
        assert!(said.contains("invalid peer certificate"), "{said}");
        assert!(said.contains("`cache.ca_file`"), "{said}");
    }
    let missing = refusal(&server.url(), Some(&dir.path().join("missing"))).await;
    assert!(
        missing.contains("cache.ca_file: ") && missing.contains("No such file"),
        "{missing}"
    );
    // It speaks TLS only, and where authorities are named nothing else is spoken.
    let plain = server.url().replace("rediss://", "redis://");
    refusal(&plain, None).await;
    let said = refusal(&plain, Some(&trusted)).await;
    assert!(said.contains("expected rediss://"), "{said}");

    // Another authority takes over in the same file; the next connection believes it.
    std::fs::copy(&other, &trusted).unwrap();
    let late = RedisCache::new(&server.url(), &trusting(Some(&trusted))).unwrap();
    late.ping().await.unwrap_err();
    std::fs::write(&trusted, ours.pem()).unwrap();
    eventually(PATIENCE, || late.ping()).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_speaks_plain_text_only_is_not_spoken_to_where_tls_is_asked_for() {
    let server = Redis::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let authorities = dir.path().join("ca.crt");
    std::fs::write(&authorities, Authority::new("ours").unwrap().pem()).unwrap();
    let options = CacheOptions {
        timeout: Duration::from_secs(2),
        ..trusting(Some(&authorities))
    };
    let url = server.url().replace("redis://", "rediss://");
    RedisCache::new(&url, &options).unwrap().ping().await.unwrap_err();
}
