//! Medians, and how far they can be trusted.

use std::time::Duration;

/// The middle one.
pub fn median(of: &[f64]) -> f64 {
    quantile(of, 0.5)
}

/// The value below which this share lies.
pub fn quantile(of: &[f64], share: f64) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The 95 % interval of the median, from order statistics: it assumes nothing about how the values lie. With fewer than
/// six values it is all of them.
pub fn interval(of: &[f64]) -> (f64, f64) {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    // The largest number of values that may be left out on each side: P(Binomial(n, 1/2) < k) <= 0.025.
    let mut left_out = 0;
    let (mut tail, mut term) = (0.0, 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX)));
    for k in 0..n / 2 {
        tail += term;
        if tail > 0.025 {
            break;
        }
        left_out = k;
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    let pick = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
    (pick(left_out), pick(n.saturating_sub(1 + left_out)))
}

/// The 95 % interval of the median, from medians of values drawn again and again from these. The draws are the same each
/// time: the same values give the same interval.
pub fn bootstrap(of: &[f64]) -> (f64, f64) {
    const DRAWS: usize = 4_000;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut medians: Vec<f64> = Vec::new();
    for _ in 0..DRAWS {
        let drawn: Vec<f64> = (0..of.len()).map(|_| of[next(of.len())]).collect();
        medians.push(median(&drawn));
    }
    (quantile(&medians, 0.025), quantile(&medians, 0.975))
}

/// A percentile of sorted latencies, in milliseconds.
pub fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted
        .get(at)
        .map_or(f64::NAN, |value| value.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_pairs_leave_out_one_on_each_side() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(interval(&values), (2.0, 9.0));
    }

    #[test]
    fn the_interval_of_many_like_values_is_narrow_and_around_their_median() {
        let values: Vec<f64> = (0..100).map(|value| f64::from(value % 10)).collect();
        let (low, high) = bootstrap(&values);
        assert!(
            (3.0..=4.5).contains(&low) && (4.5..=6.0).contains(&high),
            "{low} {high}"
        );
        assert_eq!(bootstrap(&[2.0; 8]), (2.0, 2.0));
    }

    #[test]
    fn a_few_values_are_all_of_the_interval() {
        assert_eq!(interval(&[3.0, 1.0, 2.0]), (1.0, 3.0));
    }
}
