//! A little of everything that `scripts/chaos` does: the whole of it takes minutes.

use anyhow::{Result, ensure};
use e2e::{Setup, chaos};

on_both!(every_effect_and_every_answer_is_accounted_for_whatever_fails_around_the_mesh);

async fn every_effect_and_every_answer_is_accounted_for_whatever_fails_around_the_mesh(
    setup: Setup,
) -> Result<()> {
    let (seed, calls, kills, outages) = (11, 200, 2, 1);
    let plan = chaos::Plan::new(seed, setup.shape(), calls, kills, outages);
    let run = chaos::run(setup.shape(), calls, &plan).await?;
    let violations = run.ledger.violations();
    ensure!(violations.is_empty(), "{violations:#?}\n{}", run.ledger);
    let traces = &run.traces;
    ensure!(traces.percent() >= 99.9, "{:#?}\n{:#?}", traces.broken, run.past);
    ensure!(
        run.ledger.entries.len() >= calls,
        "{} calls",
        run.ledger.entries.len()
    );
    Ok(())
}
