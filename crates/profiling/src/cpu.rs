//! CPU profiles: the stacks of all threads, sampled by a signal.

use std::time::{Duration, Instant};

use pprof::ProfilerGuardBuilder;

use crate::error::ProfileError;
use crate::profile::{Label, Profile, Sample, ValueType};
use crate::symbols::Symbols;
use crate::turn::Turn;

/// Samples a second of CPU time. 99 and not 100, so that it does not keep step with timers.
const HERTZ: i32 = 99;

/// The longest profile.
pub const LONGEST: Duration = Duration::from_secs(120);

const SAMPLES: ValueType = ValueType {
    name: "samples",
    unit: "count",
};
const CPU: ValueType = ValueType {
    name: "cpu",
    unit: "nanoseconds",
};

/// Samples all threads for `duration`, or until `stop`. Only time on a CPU shows: what waits is not in it.
///
/// A sample interrupts one thread for some ten microseconds, 99 times for each second of CPU time.
///
/// # Errors
/// When the sampler cannot be started.
pub async fn take(
    turn: Turn,
    duration: Duration,
    stop: impl Future<Output = ()>,
) -> Result<Profile, ProfileError> {
    let began = Instant::now();
    // An unwinder in the signal handler must not be interrupted in itself or in the loader.
    let guard = ProfilerGuardBuilder::default()
        .frequency(HERTZ)
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()
        .map_err(ProfileError::failed)?;
    tokio::select! {
        () = tokio::time::sleep(duration.min(LONGEST)) => {}
        () = stop => {}
    }
    let took = began.elapsed();
    let named = tokio::task::spawn_blocking(move || {
        let report = guard.report().build_unresolved().map_err(ProfileError::failed);
        drop(guard);
        let profile = report.map(|report| profile(&report, took));
        drop(turn);
        profile
    });
    named.await.map_err(ProfileError::failed)?
}

fn profile(report: &pprof::UnresolvedReport, duration: Duration) -> Profile {
    let nanoseconds = 1_000_000_000 / i64::from(HERTZ);
    let addresses = |seen: &[backtrace::Frame]| seen.iter().map(|frame| frame.ip() as usize).collect();
    let stacks: Vec<Vec<usize>> = report.data.keys().map(|seen| addresses(&seen.frames)).collect();
    let symbols = Symbols::of(stacks.iter().map(Vec::as_slice));
    let samples = report
        .data
        .iter()
        .zip(&stacks)
        .map(|((seen, count), addresses)| {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let name = seen
                .thread_name
                .get(..seen.thread_name_length)
                .unwrap_or_default();
            Sample {
                stack: without_handler(symbols.stack(addresses)),
                values: vec![count, count.saturating_mul(nanoseconds)],
                labels: vec![Label::Text("thread", String::from_utf8_lossy(name).into_owned())],
            }
        })
        .collect();
    Profile {
        values: vec![SAMPLES, CPU],
        samples,
        period: Some((CPU, nanoseconds)),
        duration,
        comments: vec![format!(
            "{HERTZ} samples for each second of CPU time, all threads of the process"
        )],
    }
}

/// Without the frames of the signal handler itself.
fn without_handler(mut stack: Vec<crate::Frame>) -> Vec<crate::Frame> {
    let handler = stack
        .iter()
        .rposition(|frame| frame.function.contains("perf_signal_handler"));
    if let Some(at) = handler {
        // The frame behind it is the kernel's way back.
        stack.drain(..(at + 2).min(stack.len()));
    }
    stack
}
