//! The wall clock, read in one place: telemetry stamps what happens now, and decides nothing by it.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "a leaf cannot see the domain's Clock port, and logs need the real time"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// RFC 3339 in UTC, to the microsecond.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Micros, true)
}
