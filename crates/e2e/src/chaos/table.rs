//! The ledger as tables.

use std::collections::BTreeMap;
use std::fmt;

use super::ledger::{Ledger, Outcome};
use super::load::Way;

impl fmt::Display for Ledger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcomes(out)?;
        writeln!(out)?;
        self.errors(out)
    }
}

impl Ledger {
    fn outcomes(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: BTreeMap<(Way, &Outcome), (usize, [usize; 3])> = BTreeMap::new();
        for entry in &self.entries {
            let row = rows.entry((entry.way, &entry.outcome)).or_default();
            row.0 += 1;
            row.1[entry.effects.min(2)] += usize::from(entry.way.is_write());
        }
        writeln!(out, "| call | outcome | calls | no effect | one | more |")?;
        writeln!(out, "|---|---|--:|--:|--:|--:|")?;
        for ((way, outcome), (calls, [none, one, more])) in rows {
            let (way, outcome) = (way.name(), outcome.name());
            writeln!(out, "| {way} | {outcome} | {calls} | {none} | {one} | {more} |")?;
        }
        Ok(())
    }

    fn errors(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for entry in &self.entries {
            if let Some(error) = &entry.error {
                *rows.entry((error, entry.outcome.name())).or_default() += 1;
            }
        }
        writeln!(out, "| error | outcome | calls |")?;
        writeln!(out, "|---|---|--:|")?;
        for ((error, outcome), calls) in rows {
            writeln!(out, "| {error} | {outcome} | {calls} |")?;
        }
        Ok(())
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadJob => "read as a job",
            Self::WriteJob => "write as a job",
            Self::WriteTask => "write as a task",
        }
    }
}

impl Outcome {
    fn name(&self) -> &str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Lost => "connection lost",
            Self::Job(state) => state,
        }
    }
}
