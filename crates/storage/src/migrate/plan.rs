//! What is known held against what is applied. Nothing here talks to a database.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::migrate::{MigrateError, Migrator};

use crate::connect::ConnectError;

/// What sqlx notes of each migration.
pub(crate) const APPLIED: &str = "SELECT version, description, installed_on, success, checksum, execution_time \
     FROM _sqlx_migrations ORDER BY version";

/// A row of it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Applied {
    version: i64,
    description: String,
    installed_on: DateTime<Utc>,
    success: bool,
    checksum: Vec<u8>,
    execution_time: i64,
}

/// A migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its number.
    pub version: i64,
    /// What it does, by its name.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Since when it is applied.
    pub applied_at: Option<DateTime<Utc>>,
    /// How long that took, in milliseconds; none when whoever did it was ended right after.
    pub took_ms: Option<i64>,
}

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is applied as this program knows it.
    Applied,
    /// It is not applied yet.
    Pending,
    /// It is applied, but what this program has under that number is something else.
    Changed,
    /// It began and did not end.
    Failed,
    /// A later version of the program has applied it.
    Later,
    /// It is applied, and this program, which knows later ones, has never heard of it.
    Foreign,
}

/// Each migration that is known or applied, the oldest first.
pub(crate) fn steps(known: &Migrator, applied: &[Applied]) -> Vec<Step> {
    let newest = crate::connect::newest(known);
    let mut steps: Vec<_> = known
        .iter()
        .filter(|migration| applied.iter().all(|row| row.version != migration.version))
        .map(|migration| Step {
            version: migration.version,
            name: migration.description.to_string(),
            state: State::Pending,
            applied_at: None,
            took_ms: None,
        })
        .collect();
    steps.extend(applied.iter().map(|row| Step {
        version: row.version,
        name: row.description.clone(),
        state: row.state(known, newest),
        applied_at: Some(row.installed_on),
        took_ms: (row.execution_time >= 0).then_some(row.execution_time / 1_000_000),
    }));
    steps.sort_by_key(|step| step.version);
    steps
}

impl Applied {
    fn state(&self, known: &Migrator, newest: i64) -> State {
        let ours = known.iter().find(|migration| migration.version == self.version);
        match ours {
            _ if !self.success => State::Failed,
            Some(ours) if *ours.checksum == *self.checksum => State::Applied,
            Some(_) => State::Changed,
            None if self.version > newest => State::Later,
            None => State::Foreign,
        }
    }
}

/// A step that was just applied.
pub(crate) fn done(step: &Step, took: std::time::Duration, now: DateTime<Utc>) -> Step {
    Step {
        state: State::Applied,
        applied_at: Some(now),
        took_ms: i64::try_from(took.as_millis()).ok(),
        ..step.clone()
    }
}

/// Those that are not applied yet.
pub(crate) fn pending(steps: &[Step]) -> impl Iterator<Item = &Step> {
    steps.iter().filter(|step| step.state == State::Pending)
}

/// The newest that is applied; 0 for none.
pub(crate) fn newest_applied(steps: &[Step]) -> i64 {
    let applied = steps.iter().filter(|step| step.state != State::Pending);
    applied.map(|step| step.version).max().unwrap_or_default()
}

/// Refuses a database on which a program that knows migrations up to `newest` cannot work.
pub(crate) fn refuse(steps: &[Step], newest: i64) -> Result<(), ConnectError> {
    for step in steps {
        let version = step.version;
        match step.state {
            State::Applied | State::Pending => {}
            State::Failed => return Err(ConnectError::Migrate(MigrateError::Dirty(version))),
            State::Changed => return Err(ConnectError::Migrate(MigrateError::VersionMismatch(version))),
            State::Foreign => {
                return Err(ConnectError::Foreign {
                    version,
                    known: newest,
                });
            }
            State::Later => match needed(&step.name) {
                Some(needs) if needs > newest => {
                    return Err(ConnectError::Later {
                        version,
                        needs,
                        known: newest,
                    });
                }
                _ => {}
            },
        }
    }
    Ok(())
}

/// The migration that a program must know to work with this one.
fn needed(name: &str) -> Option<i64> {
    let mut words = name.split_whitespace();
    (words.next()? == "needs").then(|| words.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(version: i64, name: &str, state: State) -> Step {
        Step {
            version,
            name: name.to_owned(),
            state,
            applied_at: None,
            took_ms: None,
        }
    }

    #[test]
    fn a_later_migration_is_taken_as_long_as_it_needs_no_later_program() {
        for name in ["jobs", "needs care", "needs 0014 less", "needs 15 columns"] {
            let steps = [step(15, "fifteen", State::Applied), step(16, name, State::Later)];
            assert!(refuse(&steps, 15).is_ok(), "{name}");
        }
        let steps = [step(16, "needs 0016 new readers", State::Later)];
        let refused = refuse(&steps, 15).unwrap_err().to_string();
        assert!(
            refused.contains("16") && refused.contains("later version"),
            "{refused}"
        );
    }

    #[test]
    fn a_database_of_another_program_is_refused_by_the_migration_that_shows_it() {
        for (state, why) in [
            (State::Failed, "partially applied"),
            (State::Changed, "modified"),
            (State::Foreign, "another program"),
        ] {
            let refused = refuse(&[step(7, "seven", state)], 15).unwrap_err().to_string();
            assert!(refused.contains('7') && refused.contains(why), "{refused}");
        }
    }
}
