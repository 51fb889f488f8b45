//! What one check found.

use serde_json::{Value, json};

/// What one check found.
#[derive(Debug)]
pub(super) struct Finding {
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

    /// Whether it is wrong.
    pub(super) fn is_failure(&self) -> bool {
        self.verdict == "fail"
    }

    /// As the table and `--output json` show it.
    pub(super) fn into_row(self) -> Value {
        json!({ "check": self.check, "verdict": self.verdict, "found": self.found, "advice": self.advice })
    }
}
