//! What a CPU profile costs while one runs: the processor time of a call in moments with a profile and in those without,
//! of one mesh; and what it takes to make the report, afterwards.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::{PAUSE, Side, Sum, figure};
use crate::mesh::Signals;
use crate::servers::Running;
use crate::stats::median;

/// How long a profile is taken; the load of its moment ends a little earlier.
const TAKEN: Duration = Duration::from_secs(2);
const EARLIER: Duration = Duration::from_millis(200);
/// How long the last report may still be at work when the next moment begins: it was answered.
const SETTLE: Duration = Duration::from_millis(300);

pub(super) async fn run(devmesh: &Path, api: &Running, blocks: usize, is_quick: bool) -> Result<()> {
    let mut side = Side::start(devmesh, Signals::On, api).await?;
    let blocks = if is_quick { 1 } else { blocks.min(25) };
    let (mut costs, mut reports, mut each) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for number in 0..blocks {
        let order = if number % 2 == 0 {
            [true, false, false, true]
        } else {
            [false, true, true, false]
        };
        let mut sums = [Sum::default(); 2];
        for is_profiled in order {
            let report = moment(&mut side, is_profiled, &mut sums[usize::from(!is_profiled)]).await?;
            reports.extend(report);
        }
        let [with, without] = sums.map(Sum::cpu_each);
        costs.push(100.0 * (with / without - 1.0));
        each[0].push(with);
        each[1].push(without);
    }
    let figures = json!({
        "cpu": figure(&costs), "pairs": blocks,
        "cpu_us_per_call": { "with": median(&each[0]), "without": median(&each[1]) },
        "cpu_seconds_of_the_report": median(&reports),
    });
    println!("{figures:#}");
    Ok(())
}

/// Adds a moment; answers the processor seconds of the report, if a profile was taken.
async fn moment(side: &mut Side, is_profiled: bool, sum: &mut Sum) -> Result<Option<f64>> {
    let profile = is_profiled.then(|| side.mesh.profile(TAKEN)).transpose()?;
    let profile = profile.map(|request| {
        #[expect(clippy::disallowed_methods, reason = "it is waited for")]
        tokio::spawn(request)
    });
    // The request is on its way, and the sampling begins.
    tokio::time::sleep(PAUSE).await;
    let before = side.mesh.cpu_seconds()?;
    let (calls, seconds) = side.load.run(TAKEN - EARLIER).await?;
    let after = side.mesh.cpu_seconds()?;
    sum.calls += calls as f64;
    sum.seconds += seconds;
    sum.cpu += after - before;
    let Some(profile) = profile else { return Ok(None) };
    profile.await?.context("no profile")?;
    let report = side.mesh.cpu_seconds()? - after;
    tokio::time::sleep(SETTLE).await;
    Ok(Some(report))
}
