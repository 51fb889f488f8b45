//! Quantiles of histograms, as PromQL's `histogram_quantile` computes them.

use super::text::{Page, Sample};

/// The `q`-quantile in seconds of what `now` has more than `before`; none where that is nothing.
pub(super) fn quantile(
    name: &str,
    now: &Page,
    before: Option<&Page>,
    wanted: impl Fn(&Sample) -> bool,
    q: f64,
) -> Option<f64> {
    let mut buckets = buckets(name, now, &wanted);
    for (bound, count) in before
        .map(|page| self::buckets(name, page, &wanted))
        .unwrap_or_default()
    {
        if let Some(found) = buckets
            .iter_mut()
            .find(|(upper, _)| upper.total_cmp(&bound).is_eq())
        {
            found.1 -= count;
        }
    }
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all = buckets.last()?.1;
    if all <= 0.0 {
        return None;
    }
    let rank = q * all;
    let at = buckets.iter().position(|(_, count)| *count >= rank)?;
    let (upper, count) = *buckets.get(at)?;
    let (lower, below) = at
        .checked_sub(1)
        .and_then(|at| buckets.get(at))
        .copied()
        .unwrap_or((0.0, 0.0));
    if upper.is_infinite() {
        return Some(lower);
    }
    Some(lower + (upper - lower) * (rank - below) / (count - below).max(f64::MIN_POSITIVE))
}

/// Upper bounds with the counts of all series together.
fn buckets(name: &str, page: &Page, wanted: impl Fn(&Sample) -> bool) -> Vec<(f64, f64)> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    let name = format!("{name}_bucket");
    for sample in page.samples(&name).filter(|sample| wanted(sample)) {
        let Ok(bound) = sample.label("le").parse::<f64>() else {
            continue;
        };
        match buckets
            .iter_mut()
            .find(|(upper, _)| upper.total_cmp(&bound).is_eq())
        {
            Some(found) => found.1 += sample.value,
            None => buckets.push((bound, sample.value)),
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "d_bucket{le=\"0.1\"} 10\nd_bucket{le=\"1\"} 10\nd_bucket{le=\"+Inf\"} 10\n";
    const NOW: &str = "d_bucket{le=\"0.1\"} 60\nd_bucket{le=\"1\"} 110\nd_bucket{le=\"+Inf\"} 110\n";

    #[test]
    fn a_quantile_is_interpolated_in_its_bucket_over_what_came_since() {
        let (before, now) = (Page::parse(BEFORE), Page::parse(NOW));
        let of = |q| quantile("d", &now, Some(&before), |_| true, q).unwrap();
        assert!((of(0.5) - 0.1).abs() < 1e-9);
        assert!((of(0.95) - 0.91).abs() < 1e-9);
        assert_eq!(quantile("d", &before, Some(&before), |_| true, 0.5), None);
    }
}
