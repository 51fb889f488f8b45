//! Bucket bounds of the contract, section 2.

/// Latencies of requests and calls, in seconds; also what a histogram gets that names none.
pub const LATENCY: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// [`LATENCY`] up to a minute, for tool calls (seconds).
pub const LATENCY_30_60: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// [`LATENCY`] up to five minutes, for jobs (seconds).
pub const LATENCY_30_60_300: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// The bounds that OpenTelemetry's MCP conventions ask for (seconds).
pub const LATENCY_MCP: &[f64] = &[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// Request and response sizes: 128 bytes to 2 MiB in steps of four.
pub const SIZES: &[f64] = &exponential::<8>(128.0, 4.0);

/// `N` bounds that start at `start` and grow by `factor`.
#[must_use]
pub const fn exponential<const N: usize>(start: f64, factor: f64) -> [f64; N] {
    let mut bounds = [start; N];
    let mut index = 1;
    while index < N {
        bounds[index] = bounds[index - 1] * factor;
        index += 1;
    }
    bounds
}
