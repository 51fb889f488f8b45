//! Removes what is older than it is kept for.

use std::convert::Infallible;
use std::time::Duration;

use chrono::TimeDelta;
use control::Control;
use domain::ports::storage::Retention;
use runtime::config::Duration as Setting;
use tokio_util::sync::CancellationToken;

use super::pause;
use crate::config::RetentionConfig;

/// How often. Each time removes a bounded number of rows, so that a long table is not locked.
const EVERY: Duration = Duration::from_secs(600);

/// Runs until `stop`.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(
    control: Control,
    config: RetentionConfig,
    answers: Setting,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    while pause(&stop, EVERY).await {
        let now = control.clock.now();
        let before = |kept: Setting| now - TimeDelta::from_std(kept.get()).unwrap_or(TimeDelta::MAX);
        let retention = Retention {
            changes_kept: config.changes_kept,
            changes_before: before(config.changes),
            jobs_before: before(config.jobs),
            tasks_before: before(config.tasks),
            events_before: before(config.events),
            audit_before: before(config.audit),
            answers_before: before(answers),
        };
        match control.storage.database.prune(&retention).await {
            Ok(pruned) => tracing::info!(
                changes = pruned.changes,
                jobs = pruned.jobs,
                audit_records = pruned.audit_records,
                alerts = pruned.alerts,
                tasks = pruned.tasks,
                assignments = pruned.assignments,
                agents = pruned.agents,
                events = pruned.events,
                messages = pruned.messages,
                backups = pruned.backups,
                answers = pruned.answers,
                "removed what was kept long enough"
            ),
            Err(error) => tracing::warn!(%error, "old rows cannot be removed"),
        }
    }
    Ok(())
}
