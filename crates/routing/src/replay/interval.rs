//! Weighted means and their 95 % intervals.

use super::Estimate;

/// One decision, and what it tells.
pub(super) struct Row {
    /// The other strategy's probability of what was chosen, against the logged one.
    pub(super) weight: f64,
    /// What came of it.
    pub(super) seen: f64,
    /// What was expected of the agent that was chosen.
    pub(super) of_chosen: f64,
    /// What was expected of the other strategy's choice.
    pub(super) of_choice: f64,
}

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_964;

/// An interval from a tenth of the estimate to ten times it tells nothing.
const TELLING: f64 = 10.0;

/// As how many equally weighted rows they count (Kish).
pub(super) fn effective(rows: &[Row]) -> f64 {
    let sum: f64 = rows.iter().map(|row| row.weight).sum();
    let squares: f64 = rows.iter().map(|row| row.weight * row.weight).sum();
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// Doubly robust: what was expected of the other strategy's choices, and by how much such expectations were wrong.
///
/// Waits and costs are seldom very large: means of few of them lie below the truth more often than above it, and look surer
/// than they are. So the interval is symmetric in the logarithm, and its quantile is Student's with as many degrees of freedom
/// as the fourth moment leaves. Nothing if that is not positive, or the interval so wide that it tells nothing: too few were seen.
pub(super) fn mean(rows: &[Row]) -> Option<Estimate> {
    let weights: f64 = rows.iter().map(|row| row.weight).sum();
    let wrong = |row: &Row| row.seen - row.of_chosen;
    let correction = rows.iter().map(|row| row.weight * wrong(row)).sum::<f64>() / weights;
    let expected = rows.iter().map(|row| row.of_choice).sum::<f64>() / rows.len() as f64;
    let mean = expected + correction;
    // By how much it would change without the row (the jackknife): the few that weigh much are not taken for sure.
    let influence = |row: &Row| row.weight * (wrong(row) - correction) / (1.0 - row.weight / weights);
    let influences = rows.iter().map(influence);
    let (squares, fourths) = influences.fold((0.0, 0.0), |(squares, fourths), influence| {
        let square: f64 = influence * influence;
        (squares + square, fourths + square * square)
    });
    let size = effective(rows);
    let error = squares.sqrt() / weights * (size / (size - 1.0)).sqrt();
    let stretch = (student(free(squares, fourths, size)) * error / mean).exp();
    (mean > 0.0 && stretch < TELLING).then(|| Estimate {
        mean,
        low: mean / stretch,
        high: mean * stretch,
    })
}

/// Degrees of freedom of a variance that was estimated from values with these moments: as many as there are values if they
/// are normally distributed, fewer if a few of them decide. At most a quarter of them, because fourth moments of few values
/// are told too small: with half of them intervals held 92.5 % where seldom large waits were replayed from forty.
fn free(squares: f64, fourths: f64, values: f64) -> f64 {
    let excess = fourths / (squares * squares) - 1.0 / values;
    let most = values / 4.0;
    if excess > 0.0 {
        (2.0 / excess).min(most).max(3.0)
    } else {
        most
    }
}

/// The weighted share of what is 0 or 1, with Wilson's interval (1927) for the effective size: it holds too where the share
/// is small and few were seen.
pub(super) fn share(rows: &[Row]) -> Estimate {
    let weights: f64 = rows.iter().map(|row| row.weight).sum();
    let share = rows.iter().map(|row| row.weight * row.seen).sum::<f64>() / weights;
    let size = effective(rows);
    let squared = Z * Z / size;
    let middle = (share + squared / 2.0) / (1.0 + squared);
    let half = Z * (share * (1.0 - share) / size + squared / (4.0 * size)).sqrt() / (1.0 + squared);
    Estimate {
        mean: share,
        low: (middle - half).max(0.0),
        high: (middle + half).min(1.0),
    }
}

/// The 97.5 % quantile of Student's distribution, by its expansion around the normal one (Fisher, Cornish 1960); wrong by
/// less than 0.001 from ten degrees of freedom on.
fn student(free: f64) -> f64 {
    let power = |exponent| Z.powi(exponent);
    let first = (power(3) + Z) / 4.0;
    let second = (5.0 * power(5) + 16.0 * power(3) + 3.0 * Z) / 96.0;
    let third = (3.0 * power(7) + 19.0 * power(5) + 17.0 * power(3) - 15.0 * Z) / 384.0;
    Z + first / free + second / free.powi(2) + third / free.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_student_are_those_of_the_tables() {
        for (free, expected) in [(10.0, 2.228), (20.0, 2.086), (30.0, 2.042), (120.0, 1.980)] {
            assert!(
                (student(free) - expected).abs() < 0.001,
                "{free}: {}",
                student(free)
            );
        }
    }

    #[test]
    fn with_equal_weights_a_share_has_the_interval_of_wilson() {
        let row = |seen| Row {
            weight: 3.0,
            seen,
            of_chosen: 0.0,
            of_choice: 0.0,
        };
        let rows: Vec<_> = (0..50)
            .map(|number| row(f64::from(u8::from(number < 5))))
            .collect();
        let told = share(&rows);
        assert!((told.mean - 0.1).abs() < 1e-9, "{told:?}");
        assert!(
            (told.low - 0.0435).abs() < 1e-3 && (told.high - 0.2136).abs() < 1e-3,
            "{told:?}"
        );
    }

    #[test]
    fn a_model_that_is_right_leaves_nothing_to_doubt() {
        let row = |number: f64| Row {
            weight: number,
            seen: 7.0 * number,
            of_chosen: 7.0 * number,
            of_choice: 2.0 * number,
        };
        let rows: Vec<_> = (1..=40).map(|number| row(f64::from(number))).collect();
        let told = mean(&rows).unwrap();
        assert!(
            (told.mean - 41.0).abs() < 1e-9 && told.high - told.low < 1e-9,
            "{told:?}"
        );
    }
}
