//! One attempt of one job: claim, renew, run, end. Fenced by the attempt's number and the worker's name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::job::{Attempt, AttemptEnd, JobError};
use domain::ports::QueueMessage;
use domain::{Clock, Job, JobKind, JobState, Provider, StoreError, Tool};
use runtime::lifecycle::Lifecycle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uplink::{Claimed, Jobs};

use crate::jobs::{Kinds, Run};
use crate::metrics::JobMetrics;
use crate::span;

/// Longest pause between two tries to reach rest-api.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What becomes of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is dealt with.
    Acknowledge,
    /// Someone else must take it.
    Requeue,
}

/// Runs attempts.
pub struct Runner {
    /// Jobs at rest-api.
    pub jobs: Jobs,
    /// What each kind does.
    pub kinds: Kinds,
    /// What is counted.
    pub metrics: JobMetrics,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// This worker's name; unique to the process.
    pub owner: String,
    /// How long a claim holds.
    pub lease: Duration,
    /// When to stop.
    pub life: Lifecycle,
}

/// How an attempt ended, for metrics and the closing line.
enum Ended {
    Stored(Box<Job>),
    Released,
    Lost,
}

impl Runner {
    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &JobMetrics {
        &self.metrics
    }

    /// Runs the attempt that a message names, to the end.
    pub async fn run(&self, message: &QueueMessage) -> Verdict {
        let attempt = Attempt {
            tenant_id: message.tenant_id,
            job_id: message.job_id,
            number: message.attempt,
            owner: self.owner.clone(),
        };
        let Some(claimed) = self.claim(&attempt).await else {
            return Verdict::Requeue;
        };
        let Some(claimed) = claimed else {
            tracing::debug!("nothing to do: the job has moved on");
            return Verdict::Acknowledge;
        };
        let Claimed { job, tool } = claimed;
        let kind = job.kind.as_str();
        let waited = (self.clock.now() - job.run_at).to_std().unwrap_or_default();
        self.metrics.wait.with([kind]).record(waited.as_secs_f64());
        tracing::debug!(
            event = "job_started",
            job_type = kind,
            attempt = job.attempt,
            wait_ms = waited.as_secs_f64() * 1_000.0,
            "job {} started",
            job.id
        );
        let began = Instant::now();
        let span = span::attempt(&job);
        let run = async {
            let (end, lost) = self.run_leased(&attempt, &job, tool).await;
            let ended = match end {
                _ if lost => Ended::Lost,
                Some(end) => self.end(&attempt, &job, end).await,
                None => self.release(&attempt).await,
            };
            self.close(&job, &ended, began.elapsed());
        };
        run.instrument(span).await;
        Verdict::Acknowledge
    }

    /// Asks until rest-api answers: a message that waits here is bounded by the prefetch, one that goes back and forth
    /// would end among the dead letters. None when the worker stops first.
    async fn claim(&self, attempt: &Attempt) -> Option<Option<Claimed>> {
        let stop = self.life.soft_stop();
        let first = Duration::from_millis(100);
        let mut pause = first;
        loop {
            if stop.is_cancelled() {
                return None;
            }
            // With others at first; what keeps that from working may be one of the others.
            let claim = if pause == first {
                self.jobs.claim_together(attempt, self.lease).await
            } else {
                let claimed = self.jobs.claim(attempt, self.lease).await;
                claimed.map(|job| job.map(|job| Claimed { job, tool: None }))
            };
            match claim {
                Ok(claimed) => return Some(claimed),
                Err(StoreError::Unavailable(error)) if pause == first => {
                    tracing::warn!(%error, "rest-api cannot be reached; the claim waits")
                }
                Err(StoreError::Unavailable(error)) => {
                    tracing::debug!(%error, "rest-api cannot be reached; the claim still waits")
                }
                Err(error) => tracing::warn!(%error, "a claim failed; trying again"),
            }
            stop.run_until_cancelled(tokio::time::sleep(pause)).await?;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Runs the job while the lease is renewed. Answers how it ended (none: it had not begun to have an effect when the
    /// worker had to stop) and whether the lease was lost.
    async fn run_leased(
        &self,
        attempt: &Attempt,
        job: &Job,
        tool: Option<Arc<(Tool, Provider)>>,
    ) -> (Option<AttemptEnd>, bool) {
        let cancel = self.life.hard_stop().child_token();
        let run = Run {
            job,
            attempt,
            tool,
            jobs: &self.jobs,
            cancel: cancel.clone(),
            clock: self.clock.as_ref(),
        };
        let work = self.kinds.run(run);
        tokio::pin!(work);
        tokio::select! {
            end = &mut work => (end, false),
            () = self.renew(attempt) => {
                cancel.cancel();
                // The job hears of it and ends; what it says is void, since another attempt may be under way.
                let _ = work.await;
                (None, true)
            }
        }
    }

    /// Renews the lease at a third of its time; returns when it is lost.
    async fn renew(&self, attempt: &Attempt) {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            match self.jobs.renew(attempt, self.lease).await {
                Ok(()) => {}
                Err(StoreError::Stale | StoreError::NotFound) => return,
                Err(error) => tracing::warn!(%error, "the lease could not be renewed; trying again"),
            }
        }
    }

    /// Reports the end until rest-api has it: the effect has happened, so giving up would leave it in doubt.
    async fn end(&self, attempt: &Attempt, job: &Job, end: AttemptEnd) -> Ended {
        let hard_stop: CancellationToken = self.life.hard_stop();
        let first = Duration::from_millis(100);
        let mut pause = first;
        loop {
            // With others at first; what keeps that from working may be one of the others.
            let ended = if pause == first {
                let ended = self.jobs.end_together(attempt, &end).await;
                ended.map(|ended| after(job, ended, &end))
            } else {
                self.jobs.end_attempt(attempt, &end).await
            };
            match ended {
                Ok(job) => return Ended::Stored(Box::new(job)),
                Err(StoreError::Stale | StoreError::NotFound) => return Ended::Lost,
                Err(error) => tracing::warn!(%error, "the end of a job could not be reported; trying again"),
            }
            if hard_stop
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return Ended::Lost;
            }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    async fn release(&self, attempt: &Attempt) -> Ended {
        match self.jobs.release(attempt).await {
            Ok(()) => Ended::Released,
            Err(error) => {
                tracing::warn!(%error, "a job could not be given back; its lease runs out");
                Ended::Lost
            }
        }
    }

    /// Counts the attempt and writes its one closing line.
    fn close(&self, job: &Job, ended: &Ended, took: Duration) {
        let kind = job.kind.as_str();
        let (outcome, error) = match ended {
            Ended::Stored(stored) => (outcome(stored), stored.error.as_ref()),
            Ended::Released => ("released", None),
            Ended::Lost => ("lost", None),
        };
        self.metrics.processed.with([kind, outcome]).increment(1);
        if outcome != "done" {
            let span = tracing::Span::current();
            span.record("error.type", error.map_or(outcome, |error| error.kind.as_str()));
            span.record("otel.status_code", "ERROR");
        }
        if let Ended::Stored(stored) = ended {
            self.close_check(stored);
        }
        self.metrics
            .duration
            .with([kind])
            .record_in(&tracing::Span::current(), took.as_secs_f64());
        if outcome == "retried" {
            self.metrics.retried.with([kind]).increment(1);
        }
        tracing::info!(
            event = "job_completed",
            job_type = kind,
            attempt = job.attempt,
            outcome,
            error_type = error.map(|error| error.kind.as_str()),
            error = error.map(|error: &JobError| error.message.as_str()),
            duration = took.as_secs_f64(),
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "job {} {outcome}",
            job.id,
        );
    }
}

impl Runner {
    /// Counts a read-back check that has ended, and says what it found about which write.
    fn close_check(&self, check: &Job) {
        let Some((asked, verdict)) = check.read_back_found() else {
            return;
        };
        let found = verdict.as_str();
        self.metrics.readbacks.with([found]).increment(1);
        tracing::info!(
            event = "read_back_ended",
            doubtful_job_id = %asked.job_id,
            tool = asked.tool,
            outcome = found,
            "read-back check of job {} found {found}",
            asked.job_id,
        );
    }
}

/// The job as rest-api has it now, as far as metrics and the closing line say.
fn after(job: &Job, ended: domain::job::Ended, end: &AttemptEnd) -> Job {
    let result = match end {
        AttemptEnd::Done(result) if job.kind == JobKind::ReadBack => Some(result.clone()),
        _ => None,
    };
    Job {
        state: ended.state,
        error: ended.error,
        result,
        ..job.clone()
    }
}

fn outcome(job: &Job) -> &'static str {
    match job.state {
        JobState::Pending => "retried",
        state => state.as_str(),
    }
}
