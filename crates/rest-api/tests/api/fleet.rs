//! Replicas of rest-api hear one another over the cache.

use std::sync::Arc;
use std::time::Duration;

use rest_api::fleet::Fleet;
use telemetry::logs::LevelChange;
use telemetry::{Fleet as _, Telemetry, TelemetryConfig};
use test_support::eventually;
use tokio_util::sync::CancellationToken;

fn replica(cache: &Arc<dyn domain::ports::Cache>) -> (Arc<Fleet>, Telemetry) {
    let info = runtime::process::service_info("rest-api", "test");
    let telemetry = Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink()).unwrap();
    let fleet = Arc::new(Fleet::new(telemetry.clone(), Arc::clone(cache)));
    (fleet, telemetry)
}

#[tokio::test]
async fn an_order_at_one_replica_is_followed_by_the_others_too() {
    let cache = cache::memory();
    let stop = CancellationToken::new();
    let (one, own) = replica(&cache);
    let (two, others) = replica(&cache);
    for fleet in [&one, &two] {
        tokio::spawn(Arc::clone(fleet).listen(stop.clone()));
    }
    let both = || async {
        match one.log_level(None).await["took"] == 2 {
            true => Ok(()),
            false => Err("not both answered"),
        }
    };
    eventually(Duration::from_secs(10), both).await.unwrap();
    let change = LevelChange {
        level: "debug".to_owned(),
        module: None,
        for_seconds: None,
    };
    let answer = one.log_level(Some(change)).await;
    assert_eq!(
        (&answer["took"], &answer["failed"]),
        (&2.into(), &0.into()),
        "{answer}"
    );
    assert_eq!([own.log_level(), others.log_level()], ["debug", "debug"]);
    stop.cancel();
}
