//! The replicas of every service, for what an operator asks of all of them at once.
//!
//! Replicas of mcp-server and worker attend over gRPC, each at one replica of rest-api. Replicas of rest-api hear one another
//! through the cache: an order is published, each passes it on to those who attend at it, and publishes what came of it.

mod members;
mod others;

use std::sync::Arc;
use std::time::Duration;

use domain::RecordId;
use domain::ports::Cache;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use telemetry::Telemetry;
use telemetry::logs::LevelChange;

pub use members::Member;
use members::Members;

/// How long a replica has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one replica answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    service: String,
    instance: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The replicas that this one reaches.
pub struct Fleet {
    telemetry: Telemetry,
    cache: Arc<dyn Cache>,
    members: Members,
    /// Tells it from the other replicas of rest-api, also from those in containers with the same process id.
    own: String,
}

impl Fleet {
    /// Nobody attends yet.
    #[must_use]
    pub fn new(telemetry: Telemetry, cache: Arc<dyn Cache>) -> Self {
        let own = format!("{}-{}", telemetry.info().instance, RecordId::generate());
        Self {
            telemetry,
            cache,
            members: Members::default(),
            own,
        }
    }

    /// A replica attends, until what this answers is dropped; the orders for it are in the stream.
    pub fn join(&self, service: String, instance: String) -> (Member, members::Orders) {
        self.members.join(service, instance)
    }

    /// Those that this replica reaches itself, and itself.
    async fn near(&self, change: Option<&LevelChange>) -> Vec<Answer> {
        let info = self.telemetry.info();
        let done = match change {
            Some(change) => self.telemetry.change_log_level(change),
            None => Ok(self.telemetry.log_level()),
        };
        let mut answers = vec![Answer {
            service: info.name.to_owned(),
            instance: info.instance.clone(),
            level: done.as_ref().ok().cloned(),
            error: done.err(),
        }];
        answers.extend(self.members.order(change, PATIENCE).await);
        answers
    }
}

impl telemetry::Fleet for Fleet {
    fn log_level(&self, change: Option<LevelChange>) -> BoxFuture<'_, Value> {
        Box::pin(async move {
            let (mut answers, others) =
                tokio::join!(self.near(change.as_ref()), self.ask_others(change.clone()));
            let unreached = others.map(|others| answers.extend(others)).err();
            answers
                .sort_by(|one, other| (&one.service, &one.instance).cmp(&(&other.service, &other.instance)));
            let failed = answers.iter().filter(|answer| answer.error.is_some()).count();
            let mut body = json!({ "took": answers.len() - failed, "failed": failed, "replicas": answers });
            if let (Some(error), Value::Object(body)) = (unreached, &mut body) {
                let text =
                    format!("other replicas of rest-api, and who attends there, could not be asked: {error}");
                body.insert("warning".to_owned(), text.into());
            }
            body
        })
    }
}
