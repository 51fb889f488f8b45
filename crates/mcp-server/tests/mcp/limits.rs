//! Rate limits: what a refused call answers, what it leaves behind, and that it reaches nobody.

use std::sync::Arc;
use std::time::Duration;

use cache::DefaultLimit;
use domain::limit::Subject;
use domain::{Entity, Limit, LimitId, RateLimit, TenantId};
use mcp_server::limits::LimitsConfig;
use serde_json::{Value, json};
use test_support::Reply;

use crate::support::{Answer, Edge, Lost, Options, World};

const CALL: &str = "tools/call";

fn limit(tenant_id: TenantId, subject: &str, rate: &str, burst: u32) -> RateLimit {
    RateLimit {
        id: LimitId::generate(),
        tenant_id,
        subject: subject.parse().unwrap(),
        limit: Limit {
            rate: rate.parse().unwrap(),
            burst,
        },
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

async fn world() -> (World, String) {
    let mut world = World::new().await;
    let key = world.key();
    world
        .upstream
        .on("GET", "/items/1", Reply::json(200, &json!({ "id": 1 })));
    (world, key)
}

async fn get(edge: &Edge, key: &str) -> Value {
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    let answer = Answer::of(edge.client(key).new_era(CALL, params, &json!({}))).await;
    answer.message()["result"].clone()
}

fn is_limited(result: &Value) -> bool {
    result["_meta"]["io.devmesh/retry-after-seconds"].is_u64()
}

#[tokio::test]
async fn a_call_beyond_the_limit_says_when_to_try_again_and_reaches_nobody() {
    let (world, key) = world().await;
    let edge = Edge::start(&world).await;
    let tenant = world.tenants[0].id;
    edge.catalogue
        .put(Entity::Limit(limit(tenant, "tool:acme_get", "1/m", 2)));
    for _ in 0..2 {
        assert_eq!(get(&edge, &key).await["isError"], false);
    }
    let refused = get(&edge, &key).await;
    assert_eq!(refused["isError"], true);
    let seconds = refused["_meta"]["io.devmesh/retry-after-seconds"]
        .as_u64()
        .unwrap();
    assert!((50..=60).contains(&seconds), "{refused}");
    let text = refused["content"][0]["text"].as_str().unwrap();
    let said = format!(
        "rate limit of `tool:acme_get` reached (1/m, bursts of 2): nothing was called; try again in {seconds} s"
    );
    assert_eq!(text, said);
    assert_eq!(world.upstream.requests_to("/items/1").len(), 2);

    let record = edge.audit.with_outcome("rate_limited").await;
    assert_eq!((record.status, record.tool.as_str()), (429, "acme_get"));
    let page = edge.telemetry.render();
    for series in [
        r#"endpoint="tools/call",method="POST",tool="acme_get",status="429"} 1"#.to_owned(),
        r#"mcp_rate_limit_capability_exceeded_total{"#.to_owned(),
        format!(r#"tenant_id="{tenant}"}} 1"#),
    ] {
        assert!(page.contains(&series), "{series} in {page}");
    }
}

#[tokio::test]
async fn in_a_session_of_the_older_era_the_answer_is_the_same() {
    let (world, key) = world().await;
    let edge = Edge::start(&world).await;
    edge.catalogue
        .put(Entity::Limit(limit(world.tenants[0].id, "tenant", "1/h", 1)));
    let mut client = edge.client(&key);
    client.initialize().await;
    let params = json!({ "name": "acme_get", "arguments": { "id": 1 } });
    let first = client.ask(CALL, params.clone()).await;
    assert_eq!(first["result"]["isError"], false, "{first}");
    let second = client.ask(CALL, params).await;
    assert!(is_limited(&second["result"]), "{second}");
}

#[tokio::test]
async fn keys_and_tenants_have_buckets_of_their_own_and_a_change_counts_at_once() {
    let (mut world, first) = world().await;
    let second = world.key();
    let edge = Edge::start(&world).await;
    let tenant = world.tenants[0].id;
    let of_first = limit(tenant, "key:key-0", "1/h", 1);
    edge.catalogue.put(Entity::Limit(of_first.clone()));
    edge.catalogue
        .put(Entity::Limit(limit(TenantId::generate(), "tenant", "1/h", 1)));
    assert!(!is_limited(&get(&edge, &first).await));
    assert!(is_limited(&get(&edge, &first).await));
    for _ in 0..3 {
        assert!(!is_limited(&get(&edge, &second).await));
    }
    edge.catalogue.remove(domain::EntityKind::Limit, of_first.id.0);
    assert!(!is_limited(&get(&edge, &first).await));
}

#[tokio::test]
async fn the_settings_limit_those_who_have_no_limit_of_their_own() {
    let (world, key) = world().await;
    let limits = LimitsConfig {
        key: DefaultLimit {
            rate: Some("1/h".parse().unwrap()),
            burst: Some(1),
        },
        ..LimitsConfig::default()
    };
    let edge = Edge::with(
        &world,
        Options {
            limits,
            ..Options::default()
        },
    )
    .await;
    assert!(!is_limited(&get(&edge, &key).await));
    assert!(is_limited(&get(&edge, &key).await));
    let wider = limit(world.tenants[0].id, "key:key-0", "100/s", 100);
    assert_eq!(wider.subject, Subject::Key("key-0".to_owned()));
    edge.catalogue.put(Entity::Limit(wider));
    // The bucket is empty still, and has a token again after a hundredth of a second, not after an hour.
    let passes = || async { (!is_limited(&get(&edge, &key).await)).then_some(()) };
    test_support::eventually(std::time::Duration::from_secs(5), passes)
        .await
        .unwrap();
}

#[tokio::test]
async fn two_replicas_share_a_limit_and_without_the_cache_each_has_its_own() {
    let (world, key) = world().await;
    let tenant = world.tenants[0].id;
    for (cache, together) in [
        (cache::memory(), 2),
        (Arc::new(Lost) as Arc<dyn domain::ports::Cache>, 4),
    ] {
        let mut accepted = 0;
        for _ in 0..2 {
            let options = Options {
                cache: Arc::clone(&cache),
                ..Options::default()
            };
            let edge = Edge::with(&world, options).await;
            edge.catalogue
                .put(Entity::Limit(limit(tenant, "tenant", "1/h", 2)));
            for _ in 0..4 {
                accepted += u32::from(!is_limited(&get(&edge, &key).await));
            }
            let local = f64::from(u8::from(together == 4));
            let page = edge.telemetry.render();
            let shown = page.lines().find(|line| line.starts_with("mcp_rate_limit_local"));
            assert!(
                shown.is_some_and(|line| line.ends_with(&format!(" {local}"))),
                "{shown:?}"
            );
        }
        assert_eq!(accepted, together);
    }
}

#[tokio::test]
async fn a_cache_that_is_silent_costs_one_short_wait_and_not_one_for_each_call() {
    let (world, key) = world().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    let options = cache::CacheOptions {
        timeout: Duration::from_secs(5),
        ..cache::CacheOptions::default()
    };
    let silent: Arc<dyn domain::ports::Cache> = Arc::new(cache::RedisCache::new(&url, &options).unwrap());
    let edge = Edge::start(&world).await;
    let telemetry = &edge.telemetry;
    let limiter = cache::Limiter::new(silent, LimitsConfig::default().options(), telemetry);
    let bucket = domain::limit::Bucket {
        tenant_id: world.tenants[0].id,
        subject: Subject::Tenant,
        limit: limit(world.tenants[0].id, "tenant", "1/h", 3).limit,
    };
    let began = std::time::Instant::now();
    let mut accepted = 0;
    for _ in 0..10 {
        accepted += u32::from(limiter.take(std::slice::from_ref(&bucket)).await.is_ok());
    }
    assert_eq!(accepted, 3);
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(cache::LimitMetrics::new(telemetry).alone.value(), 1.0);
    assert!(!is_limited(&get(&edge, &key).await));
}
