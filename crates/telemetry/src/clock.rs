//! The wall clock, read in one place: telemetry stamps what happens now, and decides nothing by it.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

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

thread_local! {
    /// The second that the thread wrote last, and its text up to the point.
    static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [0; 19])) };
}

/// Appends [`rfc3339`] of `time`; the date is worked out once a second.
pub(crate) fn write_rfc3339(time: SystemTime, out: &mut Vec<u8>) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut text) = SECOND.get();
    if second != since.as_secs() {
        let whole = rfc3339(time);
        let Some(prefix) = whole.as_bytes().first_chunk() else {
            return;
        };
        (second, text) = (since.as_secs(), *prefix);
        SECOND.set((second, text));
    }
    out.extend_from_slice(&text);
    let (mut micros, mut point) = (since.subsec_micros(), *b".000000Z");
    for digit in point[1..7].iter_mut().rev() {
        *digit += (micros % 10) as u8;
        micros /= 10;
    }
    out.extend_from_slice(&point);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn both_forms_of_a_time_are_the_same() {
        for micros in [
            0,
            1,
            999_999,
            1_000_000,
            1_795_248_000_123_456,
            4_102_444_800_000_000,
        ] {
            let time = UNIX_EPOCH + Duration::from_micros(micros);
            let mut out = Vec::new();
            write_rfc3339(time, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), rfc3339(time));
        }
    }
}
