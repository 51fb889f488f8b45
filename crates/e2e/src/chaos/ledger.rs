//! What was promised beside what the upstream did, and what does not agree.

use super::load::Way;
use super::plan::{Broken, Fault, Server};
use crate::Service;

/// How a call ended, as its caller saw it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A synchronous call with a result.
    Answered,
    /// A call with an error.
    Refused,
    /// The connection broke: the caller knows nothing.
    Lost,
    /// A job that was accepted, and the state in which it was found at the end.
    Job(String),
}

/// One call.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What tells it from all others.
    pub marker: String,
    /// What was asked for, and how.
    pub way: Way,
    /// Whether it was in flight when something was killed, or while the database or the upstream was not there.
    pub at_kill: bool,
    /// The faults while it was in flight.
    pub meanwhile: Vec<Fault>,
    /// Those, and the ones just before.
    pub before: Vec<Fault>,
    /// How it ended.
    pub outcome: Outcome,
    /// The kind of its error, or its first words where nothing was recorded.
    pub error: Option<String>,
    /// How often the upstream did it.
    pub effects: usize,
    /// How many audit records say that it went well.
    pub records: usize,
    /// How many audit records there are of it.
    pub all_records: usize,
}

/// All calls of a run.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In the order in which they ended.
    pub entries: Vec<Entry>,
}

/// Of the write jobs that no fault hit, so many in a hundred end `done` at least.
const DONE: usize = 90;

impl Ledger {
    /// Everything that does not agree; empty is the aim.
    pub fn violations(&self) -> Vec<String> {
        let mut found: Vec<String> = self.entries.iter().filter_map(Entry::violation).collect();
        let (done, all) = self.undisturbed_writes();
        if done * 100 < all * DONE {
            found.push(format!(
                "only {done} of {all} write jobs that no fault hit are done"
            ));
        }
        found
    }

    /// The write jobs that were not in flight at a kill, and not while the database or the upstream was away: how many
    /// are done, of how many.
    pub fn undisturbed_writes(&self) -> (usize, usize) {
        let undisturbed = |entry: &&Entry| entry.way.is_write() && !entry.at_kill;
        let states: Vec<&str> = self
            .entries
            .iter()
            .filter(undisturbed)
            .filter_map(Entry::state)
            .collect();
        let done = states.iter().filter(|state| **state == "done").count();
        (done, states.len())
    }
}

impl Entry {
    fn state(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Job(state) => Some(state),
            _ => None,
        }
    }

    /// What is wrong with it, if anything is.
    fn violation(&self) -> Option<String> {
        let wrong = self
            .wrong_effects()
            .or_else(|| self.wrong_records())
            .or_else(|| self.unexplained())?;
        Some(format!("{}: {wrong}; {}", self.marker, self.told()))
    }

    /// All that is known of it, in a line.
    fn told(&self) -> String {
        let faults: Vec<String> = self.meanwhile.iter().map(Fault::to_string).collect();
        let (way, outcome, faults) = (self.way, &self.outcome, faults.join(", "));
        let (error, effects) = (self.error.as_deref().unwrap_or("none"), self.effects);
        format!("{way:?} {outcome:?}, error {error}, {effects} effects; meanwhile {faults}")
    }

    fn wrong_effects(&self) -> Option<String> {
        let allowed = match &self.outcome {
            Outcome::Job(state) => match state.as_str() {
                "done" => 1..=1,
                "failed" => 0..=0,
                "in_doubt" => 0..=1,
                _ => return Some("the job has no final state".to_owned()),
            },
            Outcome::Answered => 1..=1,
            Outcome::Refused | Outcome::Lost => 0..=1,
        };
        let is_wrong = self.way.is_write() && !allowed.contains(&self.effects);
        is_wrong.then(|| format!("{} effects", self.effects))
    }

    /// A synchronous call has exactly one record; a job that is done has one that says so (a read that was tried again
    /// may have more).
    fn wrong_records(&self) -> Option<String> {
        let enough = match &self.outcome {
            Outcome::Answered => self.records == 1 && self.all_records == 1,
            Outcome::Refused => self.all_records <= 1,
            Outcome::Job(state) if state == "done" => self.records >= 1,
            _ => true,
        };
        (!enough).then(|| format!("{} audit records, {} of them ok", self.all_records, self.records))
    }

    /// An error that nothing explains which had happened.
    fn unexplained(&self) -> Option<String> {
        match (&self.outcome, &self.error) {
            (Outcome::Lost, _) => (!self.meanwhile.iter().any(|fault| self.may_lose(fault)))
                .then(|| "the connection broke although nothing was killed".to_owned()),
            (_, Some(error)) => (!self.before.iter().any(|fault| explains(fault, error)))
                .then(|| format!("nothing explains the error `{error}`")),
            _ => None,
        }
    }

    /// Who asks by HTTP asks until it is acknowledged.
    fn may_lose(&self, fault: &Fault) -> bool {
        let asks_edge = !matches!(self.way, Way::ReadJob | Way::WriteJob);
        asks_edge && matches!(fault, Fault::Kill { service, .. } if *service != Service::RestApi)
    }
}

/// The closed list of errors that callers and jobs may see, and what must have happened.
fn explains(fault: &Fault, error: &str) -> bool {
    match error {
        "upstream_unreachable" => matches!(fault, Fault::Upstream(Broken::Resets | Broken::Garbage)),
        "upstream_invalid" => matches!(fault, Fault::Upstream(Broken::Garbage | Broken::Redirects)),
        "upstream_rejected" | "address_refused" => matches!(fault, Fault::Upstream(Broken::Redirects)),
        "timeout" => matches!(fault, Fault::Upstream(Broken::Hangs)),
        // A breaker that is open, or the control plane, or a disk without room for a record.
        "unavailable" => matches!(
            fault,
            Fault::Upstream(_)
                | Fault::DiskFull
                | Fault::Kill {
                    service: Service::RestApi,
                    ..
                }
                | Fault::Away {
                    server: Server::Postgres,
                    ..
                }
        ),
        "the mesh cannot record this call in its audit log now, so it did not make it" => {
            matches!(fault, Fault::DiskFull)
        }
        // A write whose worker was lost.
        "cut_off" => matches!(
            fault,
            Fault::Kill { .. }
                | Fault::Away {
                    server: Server::Postgres,
                    ..
                }
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(outcome: Outcome, effects: usize, records: usize) -> Entry {
        let kill = Fault::Kill {
            service: Service::McpServer,
            replica: 1,
            inside_write: true,
        };
        Entry {
            marker: "w".to_owned(),
            way: Way::Write,
            at_kill: true,
            meanwhile: vec![kill],
            before: vec![kill],
            outcome,
            error: None,
            effects,
            records,
            all_records: records,
        }
    }

    fn found(entry: Entry) -> Vec<String> {
        let entries = vec![entry];
        Ledger { entries }.violations()
    }

    fn job(state: &str) -> Outcome {
        Outcome::Job(state.to_owned())
    }

    #[test]
    fn what_agrees_is_no_violation() {
        for (outcome, effects) in [
            (job("done"), 1),
            (job("failed"), 0),
            (job("in_doubt"), 0),
            (job("in_doubt"), 1),
            (Outcome::Answered, 1),
            (Outcome::Lost, 0),
            (Outcome::Lost, 1),
        ] {
            assert_eq!(found(write(outcome, effects, 1)), Vec::<String>::new());
        }
    }

    #[test]
    fn a_wrong_number_of_effects_is_found_in_every_outcome() {
        for (outcome, effects) in [
            (job("done"), 0),
            (job("done"), 2),
            (job("failed"), 1),
            (job("in_doubt"), 2),
            (Outcome::Answered, 0),
            (Outcome::Lost, 2),
            (Outcome::Refused, 2),
        ] {
            assert_eq!(found(write(outcome.clone(), effects, 1)).len(), 1, "{outcome:?}");
        }
    }

    #[test]
    fn a_job_that_never_ends_is_found() {
        assert!(found(write(job("running"), 0, 0))[0].contains("no final state"));
    }

    #[test]
    fn an_answered_call_without_its_audit_record_or_with_two_is_found() {
        for records in [0, 2] {
            assert!(found(write(Outcome::Answered, 1, records))[0].contains("audit records"));
        }
    }

    #[test]
    fn a_job_that_is_done_without_a_record_is_found() {
        assert!(found(write(job("done"), 1, 0))[0].contains("0 audit records"));
    }

    #[test]
    fn an_error_is_found_that_no_fault_explains() {
        let refused = |error: &str, before| Entry {
            error: Some(error.to_owned()),
            before,
            ..write(Outcome::Refused, 0, 0)
        };
        let hang = vec![Fault::Upstream(Broken::Hangs)];
        assert_eq!(found(refused("timeout", hang.clone())), Vec::<String>::new());
        assert!(found(refused("timeout", vec![]))[0].contains("nothing explains"));
        assert!(found(refused("upstream_invalid", hang.clone()))[0].contains("nothing explains"));
        assert!(found(refused("internal", hang))[0].contains("nothing explains"));
    }

    #[test]
    fn a_connection_that_breaks_without_a_kill_is_found() {
        let lost = Entry {
            meanwhile: vec![Fault::DiskFull],
            ..write(Outcome::Lost, 0, 0)
        };
        assert!(found(lost)[0].contains("nothing was killed"));
        let by_http = Entry {
            way: Way::WriteJob,
            ..write(Outcome::Lost, 0, 0)
        };
        assert!(found(by_http)[0].contains("nothing was killed"));
    }

    #[test]
    fn too_few_undisturbed_writes_that_are_done_are_found() {
        let entry = |state| Entry {
            at_kill: false,
            ..write(job(state), 0, 1)
        };
        let done = (0..17).map(|_| Entry {
            effects: 1,
            ..entry("done")
        });
        let entries = done.chain((0..3).map(|_| entry("in_doubt"))).collect();
        let found = Ledger { entries }.violations();
        assert!(found[0].contains("only 17 of 20"), "{found:?}");
    }
}
