//! Creates the tasks: each is asked for, under its idempotency key, until it is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::crew::KIND;
use crate::Api;

/// So many are asked for at once.
const CONCURRENCY: usize = 16;
/// One begins so often at most, so that some begin at every moment of a strike.
const PACE: Duration = Duration::from_millis(40);
/// Between two tries to create one.
const PAUSE: Duration = Duration::from_millis(200);

/// A task that was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    pub(super) number: usize,
    pub(super) id: String,
}

/// Creates so many, each as soon as it is allowed, and says how many are.
pub(super) async fn create(
    api: Api,
    count: usize,
    created: watch::Sender<usize>,
    mut allowed: watch::Receiver<usize>,
) -> Vec<Acknowledged> {
    let mut creating = JoinSet::new();
    let places = Arc::new(Semaphore::new(CONCURRENCY));
    let created = Arc::new(created);
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..count {
        if allowed.wait_for(|allowed| *allowed > number).await.is_err() {
            break;
        }
        pace.tick().await;
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let (api, created) = (api.clone(), Arc::clone(&created));
        creating.spawn(async move {
            let id = acknowledged(&api, number).await;
            created.send_modify(|count| *count += 1);
            drop(place);
            Acknowledged { number, id }
        });
    }
    creating.join_all().await
}

async fn acknowledged(api: &Api, number: usize) -> String {
    let task = task(number);
    loop {
        let request = api.request(Method::POST, "/tasks").json(&task);
        let answer = request
            .header("idempotency-key", &format!("fleet-{number}"))
            .send()
            .await;
        if let Ok(answer) = answer
            && answer.status.is_success()
            && let Ok(task) = answer.json()
            && let Some(id) = task["id"].as_str()
        {
            return id.to_owned();
        }
        sleep(PAUSE).await;
    }
}

/// Some take long, and some fail at first: every tenth and every twentieth.
fn task(number: usize) -> Value {
    json!({
        "type": KIND,
        "input": {
            "number": number,
            "work_ms": if number.is_multiple_of(10) { 1_500 } else { 20 },
            "fails": usize::from(number % 20 == 7),
        },
        "needs": { "capabilities": [KIND] },
        "accept_seconds": 8,
        "silence_seconds": 15,
        // Every kill may take a try.
        "max_attempts": 50,
    })
}
