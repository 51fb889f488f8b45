//! The account: what was promised beside what the upstream did.

use std::collections::BTreeMap;
use std::fmt;

/// How a call ended, as its caller saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A synchronous call with a result.
    Answered,
    /// A synchronous call with an error, or an asynchronous one that was refused.
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
    /// Whether it changes something at the upstream.
    pub is_write: bool,
    /// Whether a process was killed while the upstream held it open.
    pub at_kill: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// How often the upstream did it.
    pub effects: usize,
    /// How many audit records there are of it.
    pub records: usize,
}

/// All calls of a run.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In the order of the calls.
    pub entries: Vec<Entry>,
}

/// Of the write jobs that no kill hit, so many in a hundred end `done` at least.
const DONE: usize = 90;

impl Ledger {
    /// Everything that does not agree; empty is the aim.
    pub fn violations(&self) -> Vec<String> {
        let mut found: Vec<String> = self.entries.iter().filter_map(Entry::violation).collect();
        let (done, all) = self.undisturbed_writes();
        if done * 100 < all * DONE {
            found.push(format!(
                "only {done} of {all} write jobs that no kill hit are done"
            ));
        }
        found
    }

    /// The write jobs that were not held open at a kill: how many are done, of how many.
    pub fn undisturbed_writes(&self) -> (usize, usize) {
        let undisturbed = |entry: &&Entry| entry.is_write && !entry.at_kill;
        let states = self.entries.iter().filter(undisturbed).filter_map(Entry::state);
        let states: Vec<&str> = states.collect();
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
        let wrong = self.wrong_effects().or_else(|| self.wrong_records())?;
        Some(format!("{}: {wrong} ({:?})", self.marker, self.outcome))
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
        let is_wrong = self.is_write && !allowed.contains(&self.effects);
        is_wrong.then(|| format!("{} effects", self.effects))
    }

    fn wrong_records(&self) -> Option<String> {
        let is_missing = self.outcome == Outcome::Answered && self.records == 0;
        let is_double = self.outcome == Outcome::Answered && self.records > 1;
        (is_missing || is_double).then(|| format!("{} audit records", self.records))
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: BTreeMap<(&str, &str), (usize, [usize; 3])> = BTreeMap::new();
        for entry in &self.entries {
            let (kind, outcome) = (
                if entry.is_write { "write" } else { "read" },
                entry.outcome.name(),
            );
            let row = rows.entry((kind, outcome)).or_default();
            row.0 += 1;
            row.1[entry.effects.min(2)] += usize::from(entry.is_write);
        }
        writeln!(out, "| call | outcome | calls | no effect | one | more |")?;
        writeln!(out, "|---|---|--:|--:|--:|--:|")?;
        for ((kind, outcome), (calls, [none, one, more])) in rows {
            writeln!(out, "| {kind} | {outcome} | {calls} | {none} | {one} | {more} |")?;
        }
        Ok(())
    }
}

impl Outcome {
    fn name(&self) -> &str {
        match self {
            Self::Answered => "call answered",
            Self::Refused => "refused",
            Self::Lost => "connection lost",
            Self::Job(state) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(outcome: Outcome, effects: usize, records: usize) -> Entry {
        Entry {
            marker: "w".to_owned(),
            is_write: true,
            at_kill: true,
            outcome,
            effects,
            records,
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
    fn too_few_undisturbed_writes_that_are_done_are_found() {
        let entry = |state| Entry {
            at_kill: false,
            ..write(job(state), 0, 0)
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
