//! Rate limits in this process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::limit::{Bucket, Step, Taken};

/// Below so many buckets nobody looks for those that are full again.
const FEW: usize = 1_024;

/// When each bucket is full again, in microseconds since the first use.
pub(super) struct Buckets {
    began: Instant,
    full_at: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    by_key: HashMap<String, f64>,
    /// At this size full buckets are dropped: as if they had never been there.
    sweep_at: usize,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            full_at: Mutex::default(),
        }
    }
}

impl Buckets {
    /// Takes a token from each bucket, or none from any.
    pub(super) fn take(&self, buckets: &[Bucket]) -> Taken {
        let mut held = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.began.elapsed().as_secs_f64() * 1_000_000.0;
        let steps: Vec<(String, Step)> = buckets
            .iter()
            .map(|bucket| {
                let key = bucket.key();
                let step = bucket.after_one(held.by_key.get(&key).copied(), now);
                (key, step)
            })
            .collect();
        let refused = longest(&steps);
        let used = buckets.iter().zip(&steps).map(|(bucket, (_, step))| {
            let full_at = if refused.is_some() {
                step.before
            } else {
                step.after
            };
            bucket.used(full_at - now)
        });
        let used = used.collect();
        if refused.is_none() {
            held.put(steps, now);
        } else {
            held.clamp(steps);
        }
        Taken { refused, used }
    }
}

impl Held {
    /// A bucket whose limit became wider is no emptier than empty: what it waits for is counted from now on.
    fn clamp(&mut self, steps: Vec<(String, Step)>) {
        for (key, step) in steps {
            if let Some(full_at) = self.by_key.get_mut(&key) {
                *full_at = full_at.min(step.before);
            }
        }
    }

    fn put(&mut self, steps: Vec<(String, Step)>, now: f64) {
        self.by_key
            .extend(steps.into_iter().map(|(key, step)| (key, step.after)));
        if self.by_key.len() >= self.sweep_at.max(FEW) {
            self.by_key.retain(|_, full_at| *full_at > now);
            self.sweep_at = self.by_key.len() * 2;
        }
    }
}

/// The bucket that keeps the call waiting for longest; below a microsecond is no wait.
fn longest(steps: &[(String, Step)]) -> Option<(usize, Duration)> {
    let waits = steps
        .iter()
        .enumerate()
        .map(|(place, (_, step))| (place, step.wait));
    waits
        .filter(|(_, wait)| *wait >= 1.0)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(place, wait)| (place, Duration::from_secs_f64(wait / 1_000_000.0)))
}
