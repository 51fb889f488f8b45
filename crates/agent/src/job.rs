//! One assignment: accepted, handled, and answered.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::options::Options;
use crate::task::{Assigned, Handler, MAX_TEXT, Outcome, Progress, Task, cut};
use crate::trace::{Context, Tracing};
use crate::{Error, Failure, Mesh, Refused};

/// Longest kind of a failure.
const MAX_KIND: usize = 64;

/// An assignment.
pub(crate) struct Job {
    pub(crate) agent: String,
    pub(crate) task: Arc<Assigned>,
    pub(crate) handler: Option<Arc<dyn Handler>>,
    /// Nothing is begun any more.
    pub(crate) refuse: bool,
    pub(crate) mesh: Mesh,
    pub(crate) options: Arc<Options>,
    pub(crate) tracing: Arc<dyn Tracing>,
    pub(crate) accepted: Arc<OnceLock<Instant>>,
    pub(crate) cancel: CancellationToken,
}

impl Job {
    /// Does it, to its end.
    pub(crate) async fn run(self) {
        let (progress, news) = watch::channel(Progress::default());
        let task = Task {
            assigned: Arc::clone(&self.task),
            mesh: self.mesh.clone(),
            progress,
            cancel: self.cancel.clone(),
        };
        let span = self.tracing.span(&task);
        let context = self.tracing.context(&task, &span);
        let work = async {
            let handler = match (&self.handler, self.refuse) {
                (Some(handler), false) => Arc::clone(handler),
                (None, _) => {
                    return self
                        .reject("this agent has no handler for tasks of this type", &context)
                        .await;
                }
                (_, true) => return self.reject("this agent is about to stop", &context).await,
            };
            if self.accept(&context).await {
                self.work(handler.as_ref(), task, news, &context).await;
            }
        };
        work.instrument(span).await;
    }

    async fn accept(&self, context: &Context) -> bool {
        match self.say("task.accept", json!({}), context).await {
            Some(Ok(_)) => self.accepted.set(Instant::now()).is_ok(),
            Some(Err(error)) => {
                tracing::info!(task = self.task.id, %error, "a task is not this agent's any more");
                false
            }
            None => false,
        }
    }

    async fn reject(&self, why: &str, context: &Context) {
        if let Some(Err(error)) = self.say("task.reject", json!({ "reason": why }), context).await {
            tracing::info!(task = self.task.id, %error, "a task could not be refused");
        }
    }

    async fn work(
        &self,
        handler: &dyn Handler,
        task: Task,
        news: watch::Receiver<Progress>,
        context: &Context,
    ) {
        let done = CancellationToken::new();
        let handled = async {
            let outcome = self.handled(handler, task).await;
            done.cancel();
            outcome
        };
        // What is said of progress is answered before the result is said: behind it, it would come too late.
        match tokio::join!(handled, self.tell_progress(news, &done, context)).0 {
            Some(outcome) => self.answer(outcome, context).await,
            None => tracing::info!(task = self.task.id, "a task was taken away"),
        }
    }

    /// What the handler makes of it; none when the task was taken away.
    async fn handled(&self, handler: &dyn Handler, task: Task) -> Option<Outcome> {
        let handling = AssertUnwindSafe(async { handler.handle(task).await }).catch_unwind();
        tokio::pin!(handling);
        let over = async {
            self.cancel.cancelled().await;
            sleep(self.options.grace).await;
        };
        let outcome = tokio::select! {
            outcome = timeout(self.options.task_timeout, &mut handling) => outcome,
            () = over => return None,
        };
        if self.cancel.is_cancelled() {
            return None;
        }
        Some(match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(Failure::new("panicked", words(panic.as_ref()))),
            Err(_) => Err(Failure::new(
                "timed_out",
                format!("it was not done within {:?}", self.options.task_timeout),
            )),
        })
    }

    /// Passes on how far it is, and says from time to time that it is worked on, until it is done.
    async fn tell_progress(
        &self,
        mut news: watch::Receiver<Progress>,
        done: &CancellationToken,
        context: &Context,
    ) {
        loop {
            let pause = sleep(self.options.progress_interval);
            if done.run_until_cancelled(pause).await.is_none() {
                return;
            }
            let progress = news.borrow_and_update().clone();
            let body = json!({ "percent": progress.percent, "message": progress.message });
            match self.say("task.progress", body, context).await {
                None => return,
                // The handler hears of it.
                Some(Err(error)) if is_over(&error) => return self.cancel.cancel(),
                Some(_) => {}
            }
            let changed = async {
                if news.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let next = timeout(self.task.pulse(), changed);
            if done.run_until_cancelled(next).await.is_none() {
                return;
            }
        }
    }

    async fn answer(&self, outcome: Outcome, context: &Context) {
        let failure = match outcome {
            Ok(result) => match self
                .say("task.complete", json!({ "result": result }), context)
                .await
            {
                Some(Err(Error::Refused(refused))) if !refused.is_conflict() => {
                    Failure::new("result_refused", refused.to_string())
                }
                answer => return self.said(answer),
            },
            Err(failure) => failure,
        };
        let kind = match failure.kind.is_empty() {
            true => "error".to_owned(),
            false => cut(failure.kind, MAX_KIND),
        };
        let body = json!({ "kind": kind, "message": cut(failure.message, MAX_TEXT), "retry": failure.retry });
        let answer = self.say("task.fail", body, context).await;
        self.said(answer);
    }

    fn said(&self, answer: Option<Result<Value, Error>>) {
        if let Some(Err(error)) = answer {
            tracing::warn!(task = self.task.id, %error, "what came of a task does not count");
        }
    }

    /// Says something of the assignment until there is an answer that counts. Saying it twice is harmless. None when the task
    /// was taken away meanwhile.
    async fn say(&self, method: &str, mut body: Value, context: &Context) -> Option<Result<Value, Error>> {
        if let Value::Object(fields) = &mut body {
            fields.insert("task_id".to_owned(), json!(self.task.id));
            fields.insert("agent_id".to_owned(), json!(self.agent));
            fields.insert("fence".to_owned(), json!(self.task.fence));
            if !context.is_empty() {
                fields.insert("_meta".to_owned(), json!(context));
            }
        }
        let said = self.mesh.patiently(method, body, true);
        self.cancel.run_until_cancelled(said).await
    }
}

/// Whether the task is not this agent's any more.
fn is_over(error: &Error) -> bool {
    matches!(error, Error::Refused(refused) if Refused::is_conflict(refused))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the handler panicked".to_owned())
}
