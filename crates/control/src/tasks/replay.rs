//! What another strategy would have meant for the tasks of the last hours or days.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use domain::task::{Decision, EventKind, TaskEvent};
use domain::{Principal, Scope, TaskId};
use routing::{Name, Replay, Seen};

use crate::{Control, ControlError, require};

/// The most decisions that are looked at; the newest are.
const MAX_DECISIONS: usize = 20_000;
/// Decisions that are read at once.
const BATCH: u32 = 500;
/// How far back one can look: what is older is gone by retention.
pub const MAX_SINCE_SECONDS: u32 = 30 * 86_400;

/// What was seen, and what another strategy would have meant.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// From when on decisions were looked at.
    pub since: DateTime<Utc>,
    /// Decisions since then that chose somebody.
    pub decisions: usize,
    /// Of these, those of which nothing has come yet, or that were called off.
    pub open: usize,
    /// Whether there were more than are looked at, so that the oldest were left out.
    pub cut: bool,
    /// What came of the others: means.
    pub seen: Option<Means>,
    /// What the other strategy would have meant.
    pub replay: Replay,
}

/// What was seen on the average.
#[derive(Debug, Clone, Copy)]
pub struct Means {
    /// Seconds until the agent accepted.
    pub wait_seconds: f64,
    /// What an attempt cost.
    pub cost_usd: f64,
    /// Share of the attempts without a result.
    pub failures: f64,
}

impl Control {
    /// Asks what another strategy would have done with the tasks since then, by the stored decisions.
    ///
    /// # Errors
    /// Without `tasks:read`; when `seconds` is not 1 to [`MAX_SINCE_SECONDS`].
    pub async fn replay_routing(
        &self,
        caller: &Principal,
        strategy: Name,
        seconds: u32,
    ) -> Result<Replayed, ControlError> {
        require(caller, Scope::TasksRead)?;
        if !(1..=MAX_SINCE_SECONDS).contains(&seconds) {
            let expected = format!("1 to {MAX_SINCE_SECONDS}");
            return Err(ControlError::invalid("since_seconds", expected));
        }
        let since = self.now() - Duration::seconds(i64::from(seconds));
        let mut logged = Logged::default();
        let mut before = None;
        while logged.decisions < MAX_DECISIONS {
            let tasks = &self.storage.tasks;
            let read = tasks
                .decisions_since(caller.tenant_id, since, before, BATCH)
                .await?;
            let Some(last) = read.last() else { break };
            before = Some(last.id);
            let mut ids: Vec<TaskId> = read.iter().map(|decision| decision.task_id).collect();
            ids.sort_unstable();
            ids.dedup();
            let mut histories: HashMap<TaskId, Vec<TaskEvent>> = HashMap::new();
            for (task, event) in tasks.histories(caller.tenant_id, &ids).await? {
                histories.entry(task).or_default().push(event);
            }
            let is_last = read.len() < BATCH as usize;
            for decision in read {
                logged.take(decision, &histories);
            }
            if is_last {
                break;
            }
        }
        Ok(logged.answer(strategy, since))
    }
}

#[derive(Default)]
struct Logged {
    decisions: usize,
    over: Vec<(routing::Decision, Seen)>,
}

impl Logged {
    fn take(&mut self, decision: Decision, histories: &HashMap<TaskId, Vec<TaskEvent>>) {
        if decision.chosen.is_none() {
            return;
        }
        self.decisions += 1;
        let history = histories.get(&decision.task_id).map_or(&[][..], Vec::as_slice);
        let seen = outcome(&decision, history);
        let Ok(told) = serde_json::from_value::<routing::Decision>(decision.explanation) else {
            return;
        };
        let (Some(seen), Some(winner)) = (seen, told.winner()) else {
            return;
        };
        let seen = Seen {
            cost_usd: seen.cost_usd.unwrap_or(winner.candidate.cost_usd),
            wait_seconds: seen.wait_seconds,
            failed: seen.failed,
        };
        // All that a replay needs: what each strategy would have meant, and the chosen one.
        self.over.push((told.condensed(0), seen));
    }

    fn answer(self, strategy: Name, since: DateTime<Utc>) -> Replayed {
        let count = self.over.len() as f64;
        let mean = |of: fn(&Seen) -> f64| self.over.iter().map(|(_, seen)| of(seen)).sum::<f64>() / count;
        let seen = (!self.over.is_empty()).then(|| Means {
            wait_seconds: mean(|seen| seen.wait_seconds),
            cost_usd: mean(|seen| seen.cost_usd),
            failures: mean(|seen| f64::from(u8::from(seen.failed))),
        });
        let logged = self.over.iter().map(|(decision, seen)| (decision, *seen));
        Replayed {
            since,
            decisions: self.decisions,
            open: self.decisions - self.over.len(),
            cut: self.decisions >= MAX_DECISIONS,
            seen,
            replay: routing::replay(strategy.strategy(), logged),
        }
    }
}

/// What came of one decision.
struct Came {
    wait_seconds: f64,
    cost_usd: Option<f64>,
    failed: bool,
}

/// What came of the assignment that a decision made; nothing while it is open, or if it was called off: that says nothing of
/// the agent.
fn outcome(decision: &Decision, history: &[TaskEvent]) -> Option<Came> {
    let given = history.iter().find(|event| {
        event.kind == EventKind::Assigned && event.at == decision.at && event.agent_id == decision.chosen
    })?;
    let of_it = || {
        history
            .iter()
            .filter(|event| event.fence == given.fence && event.number > given.number)
    };
    let end = of_it().find(|event| {
        matches!(
            event.kind,
            EventKind::Completed
                | EventKind::Failed
                | EventKind::Rejected
                | EventKind::Released
                | EventKind::TimedOut
                | EventKind::Cancelled
        )
    })?;
    if end.kind == EventKind::Cancelled {
        return None;
    }
    let accepted = of_it().find(|event| event.kind == EventKind::Accepted);
    let waited = accepted.unwrap_or(end).at - given.at;
    Some(Came {
        wait_seconds: waited.num_milliseconds().max(0) as f64 / 1_000.0,
        cost_usd: end.bill.as_ref().map(|bill| bill.usd),
        failed: end.kind != EventKind::Completed,
    })
}
