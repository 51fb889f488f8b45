//! What one check found.

use serde_json::{Value, json};

/// What one check found.
#[derive(Debug)]
pub(in crate::commands) struct Finding {
    check: String,
    verdict: &'static str,
    found: String,
    advice: Option<String>,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: impl Into<String>, found: impl ToString) -> Self {
        Self {
            check: check.into(),
            verdict: "ok",
            found: found.to_string(),
            advice: None,
        }
    }

    /// It works, but should be looked at.
    pub(super) fn warn(check: impl Into<String>, found: impl ToString, advice: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            verdict: "warn",
            found: found.to_string(),
            advice: Some(advice.into()),
        }
    }

    /// It does not work.
    pub(super) fn fail(check: impl Into<String>, found: impl ToString, advice: impl Into<String>) -> Self {
        Self {
            verdict: "fail",
            ..Self::warn(check, found, advice)
        }
    }

    /// It could not be looked at.
    pub(super) fn skipped(check: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: "skip",
            ..Self::warn(check, "not checked", advice)
        }
    }

    /// Whether it is as it should be, or could not be looked at.
    pub(in crate::commands) fn is_quiet(&self) -> bool {
        matches!(self.verdict, "ok" | "skip")
    }

    /// Check and what was found, on one line.
    pub(in crate::commands) fn line(&self) -> String {
        format!("{}: {}", self.check, self.found)
    }

    /// Whether it is wrong.
    pub(in crate::commands) fn is_failure(&self) -> bool {
        self.verdict == "fail"
    }

    /// As the table and `--output json` show it.
    pub(super) fn into_row(self) -> Value {
        json!({ "check": self.check, "verdict": self.verdict, "found": self.found, "advice": self.advice })
    }
}
