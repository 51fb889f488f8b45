//! The replicas that attend here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::{BoxStream, unfold};
use proto::v1::{AttendResponse, OrderDone};
use telemetry::logs::LevelChange;
use tokio::sync::{mpsc, oneshot};

use super::Answer;

/// Orders that wait for a replica; more are not given, and it counts as one that does not answer.
const WAITING: usize = 16;

/// The orders for one replica.
pub type Orders = BoxStream<'static, AttendResponse>;

type Waiting = HashMap<u64, oneshot::Sender<OrderDone>>;

/// Who attends.
#[derive(Clone, Default)]
pub(super) struct Members(Arc<Mutex<List>>);

#[derive(Default)]
struct List {
    next: u64,
    present: HashMap<u64, Present>,
}

struct Present {
    service: String,
    instance: String,
    orders: mpsc::Sender<AttendResponse>,
    waiting: Waiting,
}

/// A replica that attends, for as long as this lives.
pub struct Member {
    members: Members,
    number: u64,
}

impl Members {
    pub(super) fn join(&self, service: String, instance: String) -> (Member, Orders) {
        let (orders, given) = mpsc::channel(WAITING);
        let mut list = self.lock();
        list.next += 1;
        let number = list.next;
        let present = Present {
            service,
            instance,
            orders,
            waiting: Waiting::new(),
        };
        list.present.insert(number, present);
        drop(list);
        let members = self.clone();
        let given = unfold(
            given,
            |mut given| async move { Some((given.recv().await?, given)) },
        );
        (Member { members, number }, given.boxed())
    }

    /// Gives everyone the order, and waits for their answers.
    pub(super) async fn order(&self, change: Option<&LevelChange>, patience: Duration) -> Vec<Answer> {
        let text = change
            .map(serde_json::to_string)
            .and_then(Result::ok)
            .unwrap_or_default();
        let answers = self.give(&text).into_iter().map(|(mut answer, done)| async move {
            match tokio::time::timeout(patience, done).await {
                Ok(Ok(done)) if done.error.is_empty() => answer.level = Some(done.level),
                Ok(Ok(done)) => answer.error = Some(done.error),
                Ok(Err(_)) => answer.error = Some("it went away, or has too many orders already".to_owned()),
                Err(_) => answer.error = Some(format!("no answer in {} s", patience.as_secs())),
            }
            answer
        });
        join_all(answers).await
    }

    fn give(&self, log_level_json: &str) -> Vec<(Answer, oneshot::Receiver<OrderDone>)> {
        let mut list = self.lock();
        list.next += 1;
        let number = list.next;
        let order = AttendResponse {
            number,
            log_level_json: log_level_json.to_owned(),
        };
        let give = |present: &mut Present| {
            let (send, done) = oneshot::channel();
            if present.orders.try_send(order.clone()).is_ok() {
                // Those of orders that nobody waits for any more go.
                present.waiting.retain(|_, waiting| !waiting.is_closed());
                present.waiting.insert(number, send);
            }
            let answer = Answer {
                service: present.service.clone(),
                instance: present.instance.clone(),
                level: None,
                error: None,
            };
            (answer, done)
        };
        list.present.values_mut().map(give).collect()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// It did what it was told, or could not.
    pub fn done(&mut self, done: OrderDone) {
        let mut list = self.members.lock();
        let waiting = list
            .present
            .get_mut(&self.number)
            .and_then(|present| present.waiting.remove(&done.number));
        if let Some(waiting) = waiting {
            // Whoever asked may be gone.
            let _ = waiting.send(done);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.members.lock().present.remove(&self.number);
    }
}
