//! Means over seeds, with 95 % intervals.

/// A mean, and how far its interval reaches to both sides.
#[derive(Clone, Copy)]
pub struct Mean {
    pub value: f64,
    pub reach: f64,
}

/// The mean of what the seeds gave.
pub fn mean(values: &[f64]) -> Mean {
    let count = values.len() as f64;
    let value = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|one| (one - value).powi(2)).sum();
    // Student's 97.5 % quantile; 1.984 for a hundred seeds.
    let free = (count - 1.0).max(1.0);
    let quantile = 1.96 + 2.372 / free + 2.82 / free.powi(2);
    Mean {
        value,
        reach: quantile * (squares / free / count).sqrt(),
    }
}

/// Seconds, USD or shares as they are shown.
pub fn shown(mean: Mean, places: usize) -> String {
    format!("{:.places$} ± {:.places$}", mean.value, mean.reach)
}
