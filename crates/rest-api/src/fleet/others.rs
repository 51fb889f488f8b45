//! The other replicas of rest-api, over the cache.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::RecordId;
use domain::ports::cache::CacheError;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use telemetry::logs::LevelChange;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Answer, Fleet, PATIENCE};

const ORDERS: &str = "fleet:orders";
/// How long it takes all to say that they have heard. Nobody knows how many they are.
const ROLL_CALL: Duration = Duration::from_millis(400);
/// Between two attempts to listen, while the cache is away.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Order {
    from: String,
    /// The channel of the answers.
    answers: String,
    change: Option<LevelChange>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Heard {
    /// It passes the order on.
    Heard,
    /// What came of it.
    Done(Vec<Answer>),
}

impl Fleet {
    /// Hears what other replicas order, until `stop`.
    ///
    /// # Errors
    /// None: while the cache is away nothing is heard.
    pub async fn listen(self: Arc<Self>, stop: CancellationToken) -> Result<(), Infallible> {
        let hear = async {
            loop {
                if let Ok(mut orders) = self.cache.listen(ORDERS).await {
                    while let Some(order) = orders.next().await {
                        self.follow(&order).await;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        stop.run_until_cancelled(hear).await;
        Ok(())
    }

    async fn follow(&self, order: &[u8]) {
        let Ok(order) = serde_json::from_slice::<Order>(order) else {
            tracing::warn!("an order to the fleet that is none of this version");
            return;
        };
        if order.from == self.own {
            return;
        }
        let answered = async {
            self.say(&order.answers, &Heard::Heard).await?;
            let done = self.near(order.change.as_ref()).await;
            self.say(&order.answers, &Heard::Done(done)).await
        };
        if let Err(error) = answered.await {
            tracing::warn!(%error, "whoever gave an order to the fleet cannot be answered");
        }
    }

    async fn say(&self, channel: &str, what: &impl Serialize) -> Result<(), CacheError> {
        let text = serde_json::to_vec(what).map_err(|error| CacheError(error.to_string()))?;
        self.cache.publish(channel, &text).await
    }

    /// What the other replicas answer, and those who attend there.
    pub(super) async fn ask_others(&self, change: Option<LevelChange>) -> Result<Vec<Answer>, CacheError> {
        let channel = format!("fleet:answers:{}", RecordId::generate());
        let mut heard = self.cache.listen(&channel).await?;
        let order = Order {
            from: self.own.clone(),
            answers: channel,
            change,
        };
        self.say(ORDERS, &order).await?;
        let begun = Instant::now();
        let (mut expected, mut answers) = (0_usize, Vec::new());
        loop {
            // Longer than each of them waits for its own.
            let patience = if expected == 0 {
                ROLL_CALL
            } else {
                PATIENCE + ROLL_CALL
            };
            let Ok(Some(message)) = timeout_at(begun + patience, heard.next()).await else {
                break;
            };
            match serde_json::from_slice(&message) {
                Ok(Heard::Heard) => expected += 1,
                Ok(Heard::Done(done)) => {
                    expected = expected.saturating_sub(1);
                    answers.extend(done);
                }
                Err(error) => tracing::warn!(%error, "an answer of the fleet that is none of this version"),
            }
        }
        if expected > 0 {
            return Err(CacheError(format!(
                "{expected} of them heard it and did not answer in time"
            )));
        }
        Ok(answers)
    }
}
