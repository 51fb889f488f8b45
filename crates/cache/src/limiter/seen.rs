//! What this replica saw of its buckets: for the gauges, and for the word that a limit is near.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::limit::{Bucket, Subject};

use super::{LimitMetrics, LimiterOptions, metrics::type_of};

/// A bucket that nobody asked for so long is forgotten.
const IDLE: Duration = Duration::from_mins(2);

pub(super) struct Seen {
    options: LimiterOptions,
    metrics: LimitMetrics,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    buckets: HashMap<String, Recent>,
    types: HashMap<&'static str, Sum>,
    shown: Option<Instant>,
}

/// What was seen of one bucket.
struct Recent {
    since: Instant,
    last: Instant,
    calls: u32,
    warned: Option<Instant>,
}

/// What was seen of a type since it was last shown.
#[derive(Default)]
struct Sum {
    calls: u32,
    burst: f64,
}

impl Seen {
    pub(super) fn new(options: LimiterOptions, metrics: LimitMetrics) -> Self {
        Self {
            options,
            metrics,
            notes: Mutex::default(),
        }
    }

    /// Notes a call that found `used` tokens of the bucket in use.
    pub(super) fn note(&self, bucket: &Bucket, used: f64, accepted: bool, now: Instant) {
        let share = used / f64::from(bucket.limit.burst);
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.shown.get_or_insert(now);
        let sum = notes.types.entry(type_of(&bucket.subject)).or_default();
        sum.calls += u32::from(accepted);
        sum.burst = sum.burst.max(share);
        let recent = notes
            .buckets
            .entry(bucket.key())
            .or_insert_with(|| Recent::new(now));
        let rate = recent.called(now, self.options.warn_every);
        // One call alone uses up a burst of one: that is no approach.
        let near = share >= self.options.warn_at && recent.calls > 1;
        let warned = recent.warned.is_some_and(|at| now - at < self.options.warn_every);
        if near && !warned {
            recent.warned = Some(now);
            drop(notes);
            approaching(bucket, rate, self.options.warn_at);
        }
    }

    pub(super) fn show(&self, now: Instant) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let since = notes.shown.replace(now).unwrap_or(now);
        let seconds = (now - since).as_secs_f64().max(0.001);
        for (kind, sum) in &mut notes.types {
            let sum = std::mem::take(sum);
            self.metrics
                .current
                .with([kind])
                .set(f64::from(sum.calls) / seconds);
            self.metrics.burst.with([kind]).set(sum.burst);
        }
        notes.buckets.retain(|_, recent| now - recent.last < IDLE);
    }
}

impl Recent {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            last: now,
            calls: 0,
            warned: None,
        }
    }

    /// Counts a call; answers how many came a second lately.
    fn called(&mut self, now: Instant, window: Duration) -> f64 {
        if now - self.since > window {
            (self.since, self.calls) = (now, 0);
        }
        self.last = now;
        self.calls += 1;
        f64::from(self.calls) / (now - self.since).as_secs_f64().max(1.0)
    }
}

fn approaching(bucket: &Bucket, rate: f64, warn_at: f64) {
    let name = match &bucket.subject {
        Subject::Tenant => "",
        Subject::Key(name) | Subject::Provider(name) | Subject::Tool(name) => name,
    };
    tracing::warn!(
        event = "rate_limit_approaching",
        tenant_id = %bucket.tenant_id,
        subject = bucket.subject.kind(),
        name,
        current_rate = rate,
        limit = bucket.limit.rate.per_second(),
        burst = bucket.limit.burst,
        threshold_percent = warn_at * 100.0,
        "a rate limit is nearly used up"
    );
}
