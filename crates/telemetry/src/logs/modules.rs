//! Which modules there can be: a level for one that is not there would change nothing, and nobody would hear of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The crates of Cargo.lock, one a line.
const CRATES: &str = include_str!(concat!(env!("OUT_DIR"), "/crates.txt"));

/// Crates that spoke though Cargo.lock has them under another name, or not at all (tests).
#[derive(Default)]
pub(super) struct Modules(Mutex<BTreeSet<&'static str>>);

impl Modules {
    /// Notes where a call site is.
    pub(super) fn saw(&self, target: &'static str) {
        let name = root(target);
        if !is_locked(name) {
            let mut others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            others.insert(name);
        }
    }

    /// Whether the path can lead to a module.
    ///
    /// # Errors
    /// What to write instead.
    pub(super) fn check(&self, module: &str) -> Result<(), String> {
        let name = root(module);
        let is_there = || {
            let others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            others.contains(name)
        };
        if is_locked(name) || is_there() {
            return Ok(());
        }
        Err(format!(
            "there is no crate {name:?}; write it as rest_api or rest_api::http"
        ))
    }
}

fn root(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

fn is_locked(name: &str) -> bool {
    !name.is_empty() && CRATES.lines().any(|one| one == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_crate_that_can_be_there_has_modules() {
        let modules = Modules::default();
        for known in ["telemetry", "rest_api::http::routes", "h2"] {
            assert_eq!(modules.check(known), Ok(()), "{known}");
        }
        for unknown in ["", "rest-api", "rest_apy::http", "REST_API"] {
            let said = modules.check(unknown).unwrap_err();
            assert!(said.contains("write it as rest_api"), "{said}");
        }
        modules.saw("a_test::module");
        assert_eq!(modules.check("a_test::other"), Ok(()));
    }
}
