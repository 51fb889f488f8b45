//! How long to wait before the next attempt.

use std::time::Duration;

use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Doubles from 100 ms to 5 s. Each pause is between half and all of that, so that the replicas that lost the control
/// plane together do not come back together.
pub(super) struct Backoff {
    next: Duration,
    random: fn() -> u8,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            next: FIRST,
            random: || Uuid::new_v4().as_bytes()[0],
        }
    }
}

impl Backoff {
    /// The attempt was good: the next pause is short again.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// How long to wait now.
    pub(super) fn pause(&mut self) -> Duration {
        let half = self.next / 2;
        self.next = (self.next * 2).min(LONGEST);
        half + half.mul_f64(f64::from((self.random)()) / f64::from(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(random: fn() -> u8) -> Vec<u128> {
        let mut backoff = Backoff { next: FIRST, random };
        (0..8).map(|_| backoff.pause().as_millis()).collect()
    }

    #[test]
    fn pauses_double_to_five_seconds_and_chance_takes_at_most_half() {
        assert_eq!(
            pauses(|| u8::MAX),
            [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
        );
        assert_eq!(pauses(|| 0), [50, 100, 200, 400, 800, 1_600, 2_500, 2_500]);
    }

    #[test]
    fn after_a_good_attempt_they_begin_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.pause();
        }
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}
