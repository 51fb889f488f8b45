//! Rates, whom they bind, and what a token does to a bucket.

#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use domain::TenantId;
use domain::limit::{Bucket, Limit, Rate, Subject};

fn bucket(rate: &str, burst: u32) -> Bucket {
    Bucket {
        tenant_id: TenantId::generate(),
        subject: Subject::Tenant,
        limit: Limit {
            rate: rate.parse().unwrap(),
            burst,
        },
    }
}

#[test]
fn a_rate_is_written_in_the_unit_in_which_it_is_whole() {
    for (text, shown) in [
        ("10/s", "10/s"),
        ("10", "10/s"),
        ("600/m", "10/s"),
        ("30/m", "30/m"),
        ("0.5", "30/m"),
        ("5/h", "5/h"),
        ("100/h", "100/h"),
        ("100000/s", "100000/s"),
    ] {
        assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown);
    }
    for wrong in [
        "", "0", "-1/s", "1/d", "1/2h", "NaN", "inf", "200000/s", "0.5/h", "x/s",
    ] {
        assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
    }
}

#[test]
fn a_subject_is_its_text() {
    for text in ["tenant", "key:my ci", "provider:github", "tool:github_get"] {
        assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
    }
    for wrong in ["", "key", "key:", "group:x", "tool:a\nb"] {
        assert!(wrong.parse::<Subject>().is_err(), "{wrong:?}");
    }
}

#[test]
fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let bucket = bucket("10/s", 3);
    let (mut full_at, now) = (None, 5e6);
    for _ in 0..3 {
        let step = bucket.after_one(full_at, now);
        assert!(step.wait < 1.0);
        full_at = Some(step.after);
    }
    assert_eq!(bucket.after_one(full_at, now).wait, 100_000.0);
    assert_eq!(bucket.after_one(full_at, now + 100_000.0).wait, 0.0);
    assert_eq!(bucket.used(full_at.unwrap() - now), 3.0);
}

#[test]
fn a_clock_that_was_set_back_lets_nobody_wait_for_more_than_one_token() {
    let bucket = bucket("1/s", 2);
    assert_eq!(bucket.after_one(Some(9e9), 1e6).wait, 1e6);
}
