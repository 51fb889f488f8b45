//! Reads jemalloc's text: `heap_v2/RATE`, then for each stack `@ ADDRESS …` and under it `t*: OBJECTS: BYTES [0: 0]`,
//! and at the end the loaded libraries, which the process itself does not need.

use std::time::Duration;

use crate::error::ProfileError;
use crate::profile::{Profile, Sample, ValueType};
use crate::symbols::Symbols;

const OBJECTS: ValueType = ValueType {
    name: "inuse_objects",
    unit: "count",
};
const SPACE: ValueType = ValueType {
    name: "inuse_space",
    unit: "bytes",
};

pub(super) fn profile(text: &str) -> Result<Profile, ProfileError> {
    let mut lines = text.lines();
    let rate = lines
        .next()
        .and_then(|head| head.strip_prefix("heap_v2/"))
        .and_then(|rate| rate.parse::<i64>().ok())
        .filter(|rate| *rate > 0)
        .ok_or_else(|| ProfileError::failed("jemalloc wrote something else than a heap profile"))?;
    let mut stack = None;
    let mut found: Vec<(Vec<usize>, Vec<i64>)> = Vec::new();
    for line in lines.take_while(|line| !line.starts_with("MAPPED_LIBRARIES")) {
        if let Some(list) = line.strip_prefix('@') {
            stack = Some(addresses(list));
        } else if let Some(held) = line.trim().strip_prefix("t*:") {
            // The first such line, before any stack, is the sum of all.
            found.extend(stack.take().zip(held_in_all(held, rate)));
        }
    }
    let symbols = Symbols::of(found.iter().map(|(addresses, _)| addresses.as_slice()));
    let sample = |(addresses, values): (Vec<usize>, Vec<i64>)| Sample {
        stack: without_allocator(symbols.stack(&addresses)),
        values,
        labels: Vec::new(),
    };
    Ok(Profile {
        values: vec![OBJECTS, SPACE],
        samples: found.into_iter().map(sample).collect(),
        period: Some((SPACE, rate)),
        duration: Duration::ZERO,
        comments: vec![format!(
            "one stack for about every {rate} bytes allocated, scaled up"
        )],
    })
}

fn addresses(list: &str) -> Vec<usize> {
    list.split_whitespace()
        .filter_map(|address| usize::from_str_radix(address.trim_start_matches("0x"), 16).ok())
        .collect()
}

/// ` OBJECTS: BYTES [0: 0]`, scaled from what was sampled to what is held: an allocation of `size` bytes is sampled with
/// the probability 1 - e^(-size / rate).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "an estimate of counts far below 2^52"
)]
fn held_in_all(held: &str, rate: i64) -> Option<Vec<i64>> {
    let (objects, rest) = held.split_once(':')?;
    let objects: i64 = objects.trim().parse().ok()?;
    let bytes: i64 = rest.split_whitespace().next()?.parse().ok()?;
    if objects == 0 {
        return None;
    }
    let sampled = 1.0 - (-(bytes as f64 / objects as f64) / rate as f64).exp();
    let scaled = |value: i64| (value as f64 / sampled).round() as i64;
    Some(vec![scaled(objects), scaled(bytes)])
}

/// Without the allocator's own frames, which every stack begins with.
fn without_allocator(mut stack: Vec<crate::Frame>) -> Vec<crate::Frame> {
    let is_own = |name: &str| {
        [
            "_rjem_",
            "prof_",
            "je_",
            "imalloc",
            "alloc::alloc::",
            "__rustc",
            "__rust_",
            "malloc",
            "calloc",
            "realloc",
        ]
        .iter()
        .any(|own| name.starts_with(own))
            || name.contains("tikv_jemallocator")
    };
    let own = stack.iter().take_while(|frame| is_own(&frame.function)).count();
    // A stack of nothing else is kept: it says so.
    if own < stack.len() {
        stack.drain(..own);
    }
    stack
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_objects_are_scaled_up_by_their_chance_to_be_sampled() {
        let text = "heap_v2/524288\n  t*: 2: 600000 [0: 0]\n  t0: 2: 600000 [0: 0]\n@ 0x1 0x2\n  t*: 1: 64 [0: 0]\n  t0: 1: 64 [0: 0]\n\
                    @ 0x3\n  t*: 1: 52428800 [0: 0]\n\nMAPPED_LIBRARIES:\n@ 0x9\n t*: 1: 1 [0: 0]\n";
        let profile = profile(text).unwrap();
        let values: Vec<&[i64]> = profile.samples.iter().map(|sample| &*sample.values).collect();
        assert_eq!(values, [&[8193, 524_320][..], &[1, 52_428_800]]);
        assert_eq!(profile.samples[0].stack.len(), 2);
    }

    #[test]
    fn what_is_no_heap_profile_is_refused() {
        assert!(profile("heap profile: 1").is_err());
        assert!(profile("").is_err());
    }
}
