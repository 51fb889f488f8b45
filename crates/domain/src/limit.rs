//! Rate limits: how often a tenant, a key, a provider's tools together, or one tool may be called.
//!
//! A bucket holds `burst` tokens and gets `rate` new ones a second; a call takes one token from each of its buckets, or
//! none from any. Kept as one number, the moment at which the bucket is full again (the generic cell rate algorithm,
//! ITU-T I.371), so that adapters of the cache can share a bucket without a timer.

mod subject;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{LimitId, TenantId};

pub use subject::{InvalidSubject, Subject};

/// Fastest rate, in calls a second: Redis counts in microseconds, and a faster bucket would not be exact.
const FASTEST: f64 = 100_000.0;
/// Slowest rate: one call an hour.
const SLOWEST: f64 = 1.0 / 3_600.0;
/// Largest burst.
pub const MAX_BURST: u32 = 1_000_000;

/// How often, in calls a second. Its text is `10/s`, `600/m`, `5/h` or a number of calls a second such as `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(f64);

/// What is wrong with a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`N/s`, `N/m`, `N/h` or calls a second such as `0.5`, from 1/h to 100000/s")]
pub struct InvalidRate;

impl Rate {
    /// So many calls a second, within what a rate can be.
    #[must_use]
    pub fn per(per_second: f64) -> Self {
        Self(per_second.clamp(SLOWEST, FASTEST))
    }

    /// Calls a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0
    }

    /// Microseconds from one token to the next.
    #[must_use]
    pub fn interval_us(self) -> f64 {
        1_000_000.0 / self.0
    }

    /// The burst where none is chosen: a second's calls, at least one.
    #[must_use]
    pub fn default_burst(self) -> u32 {
        self.0.ceil().max(1.0) as u32
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (number, seconds) = match text.trim().split_once('/') {
            None => (text.trim(), 1.0),
            Some((number, "s")) => (number, 1.0),
            Some((number, "m")) => (number, 60.0),
            Some((number, "h")) => (number, 3_600.0),
            Some(_) => return Err(InvalidRate),
        };
        let number: f64 = number.parse().map_err(|_| InvalidRate)?;
        let rate = number / seconds;
        // Not a number is in no range.
        let fits = (SLOWEST * 0.999_999..=FASTEST).contains(&rate);
        fits.then_some(Self(rate)).ok_or(InvalidRate)
    }
}

impl fmt::Display for Rate {
    /// In the first unit in which it is a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, seconds) in [("s", 1.0), ("m", 60.0), ("h", 3_600.0)] {
            let number = self.0 * seconds;
            if (number - number.round()).abs() < 1e-6 && number >= 0.5 {
                return write!(f, "{}/{unit}", number.round());
            }
        }
        write!(f, "{}", self.0)
    }
}

impl TryFrom<String> for Rate {
    type Error = InvalidRate;
    fn try_from(text: String) -> Result<Self, InvalidRate> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

/// A rate, and how many calls may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// New tokens.
    pub rate: Rate,
    /// Most tokens: from 1 to [`MAX_BURST`].
    pub burst: u32,
}

/// The limits of those who have none of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Defaults {
    /// Of each tenant.
    pub tenant: Option<Limit>,
    /// Of each key.
    pub key: Option<Limit>,
    /// Of each tool in each tenant.
    pub tool: Option<Limit>,
}

impl Defaults {
    /// Whether there are none.
    #[must_use]
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// The limit of a subject that has none of its own.
    #[must_use]
    pub fn of(&self, subject: &Subject) -> Option<Limit> {
        match subject {
            Subject::Tenant => self.tenant,
            Subject::Key(_) => self.key,
            Subject::Tool(_) => self.tool,
            Subject::Provider(_) => None,
        }
    }
}

/// A limit that somebody set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Identifier.
    pub id: LimitId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// Whom it binds.
    pub subject: Subject,
    /// How often.
    #[serde(flatten)]
    pub limit: Limit,
    /// When it was set.
    pub updated_at: DateTime<Utc>,
}

/// One bucket that a call takes a token from.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whose bucket of the tenant it is.
    pub subject: Subject,
    /// Its limit.
    pub limit: Limit,
}

impl Bucket {
    /// Its key in a cache. The braces keep a tenant's buckets on one node of a Redis cluster.
    #[must_use]
    pub fn key(&self) -> String {
        format!("limit:{{{}}}:{}", self.tenant_id, self.subject)
    }

    /// What one token does to a bucket that is full again at `full_at` (microseconds on the cache's clock).
    #[must_use]
    pub fn after_one(&self, full_at: Option<f64>, now: f64) -> Step {
        let interval = self.limit.rate.interval_us();
        let whole = interval * f64::from(self.limit.burst);
        // A limit that became tighter, or a clock that was set back, lets nobody wait for more than one token.
        let before = full_at.unwrap_or(now).clamp(now, now + whole);
        let after = before + interval;
        Step {
            before,
            after,
            wait: (after - whole - now).max(0.0),
        }
    }

    /// Tokens in use when the bucket is full again `full_in` microseconds from now.
    #[must_use]
    pub fn used(&self, full_in: f64) -> f64 {
        full_in / self.limit.rate.interval_us()
    }
}

/// A step of a bucket, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When it is full again without the token.
    pub before: f64,
    /// When it is full again with the token taken.
    pub after: f64,
    /// How long to wait for the token; 0 when it is there.
    pub wait: f64,
}

/// What became of a call's tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The bucket that had none, by its place, and how long until it has one. Nothing was taken then.
    pub refused: Option<(usize, Duration)>,
    /// Tokens in use of each bucket, in the order of the buckets.
    pub used: Vec<f64>,
}
