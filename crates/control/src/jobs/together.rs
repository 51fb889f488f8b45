//! Attempts that a worker claims or ends together: one transaction for each tenant, an answer for each attempt.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::job::{Attempt, AttemptEnd, Ended};
use domain::ports::storage::{Claim, Ending};
use domain::{StoreError, TenantId};

use super::attempts::MAX_LEASE;
use crate::{Control, ControlError};

impl Control {
    /// [`Control::claim`] for many; one answer for each, in their order.
    pub async fn claim_many(
        &self,
        attempts: &[Attempt],
        lease: Duration,
    ) -> Vec<Result<Claim, ControlError>> {
        let now = self.now();
        let until = now + lease.min(MAX_LEASE);
        let mut answers = Answers::of(attempts.len());
        for ((tenant, owner), places) in by_holder(attempts) {
            let of_tenant = places.iter().filter_map(|place| attempts.get(*place));
            let asked: Vec<_> = of_tenant
                .map(|attempt| (attempt.job_id, attempt.number))
                .collect();
            let claimed = self
                .storage
                .jobs
                .claim_many(tenant, &asked, owner, now, until)
                .await;
            answers.put(
                &places,
                claimed.map(|claims| claims.into_iter().map(Ok).collect()),
            );
        }
        answers.all()
    }

    /// [`Control::end_attempt`] for many; one answer for each, in their order. When their transaction fails each of them is
    /// told so, and can be ended by itself.
    pub async fn end_many(&self, ends: Vec<(Attempt, AttemptEnd)>) -> Vec<Result<Ended, ControlError>> {
        let now = self.now();
        let (attempts, ends): (Vec<Attempt>, Vec<AttemptEnd>) = ends.into_iter().unzip();
        let mut ends: Vec<Option<AttemptEnd>> = ends.into_iter().map(Some).collect();
        let mut answers = Answers::of(attempts.len());
        for ((tenant, owner), places) in by_holder(&attempts) {
            let ending = |place: &usize| {
                let attempt = attempts.get(*place)?;
                Some(Ending {
                    job_id: attempt.job_id,
                    attempt: attempt.number,
                    end: ends.get_mut(*place)?.take()?,
                })
            };
            let endings = places.iter().filter_map(ending).collect();
            let ended = self.storage.jobs.end_many(tenant, endings, owner, now).await;
            answers.put(&places, ended);
        }
        answers.all()
    }
}

/// Where in the list the attempts of each tenant and worker are.
fn by_holder(attempts: &[Attempt]) -> HashMap<(TenantId, &str), Vec<usize>> {
    let mut places: HashMap<_, Vec<usize>> = HashMap::new();
    for (place, attempt) in attempts.iter().enumerate() {
        let holder = (attempt.tenant_id, attempt.owner.as_str());
        places.entry(holder).or_default().push(place);
    }
    places
}

/// The answers that are there already, in the order of the questions.
struct Answers<T>(Vec<Option<Result<T, ControlError>>>);

impl<T> Answers<T> {
    fn of(count: usize) -> Self {
        Self((0..count).map(|_| None).collect())
    }

    /// What storage said to those at `places`: to each, or to all that it failed.
    fn put(&mut self, places: &[usize], said: Result<Vec<Result<T, StoreError>>, StoreError>) {
        match said {
            Ok(said) => {
                for (place, said) in places.iter().zip(said) {
                    self.set(*place, said.map_err(ControlError::from));
                }
            }
            Err(error) => {
                let away = matches!(error, StoreError::Unavailable(_));
                let cause: Arc<dyn std::error::Error + Send + Sync> = Arc::new(error);
                for place in places {
                    let cause = Box::new(Arc::clone(&cause));
                    let failed = if away {
                        ControlError::Unavailable(cause)
                    } else {
                        ControlError::Internal(cause)
                    };
                    self.set(*place, Err(failed));
                }
            }
        }
    }

    fn set(&mut self, place: usize, answer: Result<T, ControlError>) {
        if let Some(slot) = self.0.get_mut(place) {
            *slot = Some(answer);
        }
    }

    fn all(self) -> Vec<Result<T, ControlError>> {
        let none = || Err(ControlError::internal("storage left an attempt out"));
        self.0
            .into_iter()
            .map(|answer| answer.unwrap_or_else(none))
            .collect()
    }
}
