//! A little of what `fleet run` does: the whole of it takes minutes.

use anyhow::{Result, ensure};
use e2e::fleet::{self, Plan, Size};

#[tokio::test]
async fn no_acknowledged_task_is_lost_and_none_has_two_results_whatever_is_killed_around_twenty_agents()
-> Result<()> {
    let size = Size {
        agents: 20,
        crews: 2,
        tasks: 200,
    };
    let run = fleet::run(size, &Plan::small()).await?;
    ensure!(
        run.account.violations.is_empty(),
        "{:#?}\n{}",
        run.account.violations,
        run.account
    );
    ensure!(run.account.acknowledged == size.tasks, "{}", run.account);
    // The strikes hit: tasks were taken from agents that were gone.
    ensure!(
        run.account.released.values().sum::<usize>() > 0,
        "{}",
        run.account
    );
    Ok(())
}
