//! Everything that is drawn or read from outside: chance, time, identifiers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Duration, Utc};
use control::{Entropy, Ids};
use domain::Clock;
use uuid::{Builder, Uuid};

/// A stream of numbers that a seed decides (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `count` - 1.
    pub fn below(&mut self, count: u64) -> u64 {
        self.draw() % count.max(1)
    }

    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// The clock of the whole world.
#[derive(Debug)]
pub struct Time(Mutex<DateTime<Utc>>);

impl Default for Time {
    fn default() -> Self {
        Self(Mutex::new(DateTime::from_timestamp(1_900_000_000, 0).unwrap()))
    }
}

impl Time {
    pub fn pass(&self, millis: i64) {
        *self.0.lock().unwrap() += Duration::milliseconds(millis);
    }
}

impl Clock for Time {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Identifiers that count.
pub struct Counted(AtomicU64);

impl Default for Counted {
    fn default() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl Ids for Counted {
    fn fresh(&self) -> Uuid {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        // Its last byte is what a task's back-off is spread by.
        let mut rest = [0; 10];
        rest[2..].copy_from_slice(&number.to_be_bytes());
        Builder::from_unix_timestamp_millis(1_900_000_000_000 + number, &rest).into_uuid()
    }
}

/// Randomness of the mesh itself: whom a strategy draws.
pub struct Drawn(pub Mutex<Dice>);

impl Entropy for Drawn {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            let drawn = dice.draw().to_be_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}
