//! Read-back checks: how a read of the same upstream tells whether a write that was cut off had its effect.

mod jobs;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::CallOutcome;
use crate::id::JobId;

pub use jobs::ReadBackPayload;

/// The check that a tool declares for its writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readback {
    /// The tool that reads; of the same tenant, and read-only.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: BTreeMap<String, Source>,
    /// What its answer says when the effect is there.
    pub done: Condition,
    /// What its answer says when the effect is not there.
    pub failed: Condition,
    /// How long after the cut the first look is, in milliseconds. 30 s: as long as a call may take, so that a write
    /// that is still under way is not taken for none.
    #[serde(default = "default_delay")]
    pub delay_ms: u64,
    /// How often it looks before it leaves the job to a person. 5: with the back-off of jobs, half a minute of
    /// answers that say nothing.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
}

fn default_delay() -> u64 {
    Readback::DEFAULT_DELAY_MS
}

fn default_attempts() -> u32 {
    Readback::DEFAULT_ATTEMPTS
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This value.
    Value(Value),
    /// What a JSON pointer (RFC 6901) finds in the arguments of the write.
    Argument(String),
    /// The id of the job, which the upstream got as `Idempotency-Key` where it takes one.
    JobId,
}

/// Something that an answer says, or does not. Pointers are JSON pointers (RFC 6901) into the structured answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The upstream's HTTP status is this one.
    Status(u16),
    /// There is something at this pointer, and it is not null.
    Exists(String),
    /// There is nothing at this pointer, or null.
    Absent(String),
    /// What is there is this.
    Equals {
        /// Where.
        at: String,
        /// What.
        to: Source,
    },
    /// The array there has an item like this.
    Contains(Item),
    /// The array there has no item like this.
    Lacks(Item),
}

/// An item of an array in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Where the array is.
    pub at: String,
    /// Where in the item the value is; the item itself when empty.
    #[serde(default)]
    pub field: String,
    /// The value.
    pub to: Source,
}

/// The write that a check is about.
#[derive(Debug, Clone, Copy)]
pub struct Doubt<'a> {
    /// Its job.
    pub job: JobId,
    /// Its arguments.
    pub arguments: &'a Value,
}

/// What a check found. It is the result of the check's job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The effect is there.
    Done,
    /// The effect is not there.
    Failed,
    /// The answer says neither, and why.
    Undecided(String),
}

impl Verdict {
    /// The `outcome` label, for example `done`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undecided(_) => "undecided",
        }
    }
}

impl Source {
    fn value(&self, doubt: Doubt<'_>) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Argument(pointer) => doubt.arguments.pointer(pointer).cloned(),
            Self::JobId => Some(Value::String(doubt.job.to_string())),
        }
    }
}

impl Condition {
    /// Whether the answer says so; none when it cannot be told from this answer.
    fn holds(&self, doubt: Doubt<'_>, outcome: &CallOutcome) -> Option<bool> {
        if let Self::Status(status) = self {
            return outcome.upstream_status.map(|had| had == *status);
        }
        let answer = outcome.structured.as_ref().filter(|_| outcome.error.is_none())?;
        let at = |pointer: &str| answer.pointer(pointer).filter(|value| !value.is_null());
        match self {
            Self::Status(_) => None,
            Self::Exists(pointer) => Some(at(pointer).is_some()),
            Self::Absent(pointer) => Some(at(pointer).is_none()),
            Self::Equals { at: pointer, to } => Some(at(pointer) == Some(&to.value(doubt)?)),
            Self::Contains(item) => item.is_in(answer, doubt),
            Self::Lacks(item) => item.is_in(answer, doubt).map(|is_in| !is_in),
        }
    }
}

impl Item {
    /// None when there is no array to look into.
    fn is_in(&self, answer: &Value, doubt: Doubt<'_>) -> Option<bool> {
        let wanted = self.to.value(doubt)?;
        let items = answer.pointer(&self.at)?.as_array()?;
        Some(
            items
                .iter()
                .any(|item| item.pointer(&self.field) == Some(&wanted)),
        )
    }
}

impl Readback {
    /// See [`Readback::delay_ms`].
    pub const DEFAULT_DELAY_MS: u64 = 30_000;
    /// See [`Readback::attempts`].
    pub const DEFAULT_ATTEMPTS: u32 = 5;

    /// The arguments of the read.
    ///
    /// # Errors
    /// The name of the argument for which the write has no value.
    pub fn arguments(&self, doubt: Doubt<'_>) -> Result<Map<String, Value>, String> {
        let pairs = self.arguments.iter();
        pairs
            .map(|(name, source)| {
                let value = source.value(doubt).ok_or_else(|| name.clone())?;
                Ok((name.clone(), value))
            })
            .collect()
    }

    /// What the answer to the read says about the write.
    #[must_use]
    pub fn verdict(&self, doubt: Doubt<'_>, outcome: &CallOutcome) -> Verdict {
        let holds = |condition: &Condition| condition.holds(doubt, outcome);
        match (holds(&self.done), holds(&self.failed)) {
            (Some(true), Some(true)) => {
                Verdict::Undecided("the answer says both that it was done and that it was not".to_owned())
            }
            (Some(true), _) => Verdict::Done,
            (_, Some(true)) => Verdict::Failed,
            _ => Verdict::Undecided(match (outcome.error, outcome.upstream_status) {
                (Some(kind), Some(status)) => format!("the read failed: {} ({status})", kind.as_str()),
                (Some(kind), None) => format!("the read failed: {}", kind.as_str()),
                (None, _) => "the answer says neither that it was done nor that it was not".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::CallErrorKind;

    fn check(done: Value, failed: Value) -> Readback {
        let check = json!({
            "tool": "read", "arguments": {"name": {"argument": "/item/name"}, "limit": {"value": 5}, "key": "job_id"},
            "done": done, "failed": failed,
        });
        serde_json::from_value(check).unwrap()
    }

    fn answer(body: Value) -> CallOutcome {
        CallOutcome {
            structured: Some(body),
            upstream_status: Some(200),
            ..CallOutcome::text("")
        }
    }

    fn verdict(check: &Readback, outcome: &CallOutcome) -> Verdict {
        let arguments = json!({"item": {"name": "desk"}});
        let doubt = Doubt {
            job: JobId::generate(),
            arguments: &arguments,
        };
        check.verdict(doubt, outcome)
    }

    #[test]
    fn arguments_come_from_the_write_the_check_and_the_job() {
        let check = check(json!({"status": 200}), json!({"status": 404}));
        let arguments = json!({"item": {"name": "desk"}});
        let job = JobId::generate();
        let doubt = |arguments| Doubt { job, arguments };
        let built = Value::Object(check.arguments(doubt(&arguments)).unwrap());
        assert_eq!(built, json!({"name": "desk", "limit": 5, "key": job.to_string()}));
        assert_eq!(check.arguments(doubt(&json!({}))), Err("name".to_owned()));
    }

    #[test]
    fn a_list_says_done_when_it_has_the_item_and_failed_when_it_lacks_it() {
        let item = json!({"at": "/result", "field": "/name", "to": {"argument": "/item/name"}});
        let check = check(json!({"contains": item}), json!({"lacks": item}));
        let is = |body| verdict(&check, &answer(body));
        assert_eq!(
            is(json!({"result": [{"name": "lamp"}, {"name": "desk"}]})),
            Verdict::Done
        );
        assert_eq!(is(json!({"result": [{"name": "lamp"}]})), Verdict::Failed);
        assert_eq!(is(json!({"result": []})), Verdict::Failed);
        assert!(matches!(is(json!({"result": null})), Verdict::Undecided(_)));
    }

    #[test]
    fn values_and_presence_decide() {
        let equals = json!({"equals": {"at": "/name", "to": {"argument": "/item/name"}}});
        let by_value = check(equals, json!({"absent": "/name"}));
        assert_eq!(
            verdict(&by_value, &answer(json!({"name": "desk"}))),
            Verdict::Done
        );
        assert_eq!(
            verdict(&by_value, &answer(json!({"name": null}))),
            Verdict::Failed
        );
        let other = verdict(&by_value, &answer(json!({"name": "lamp"})));
        assert!(matches!(other, Verdict::Undecided(_)));
        let both = check(json!({"exists": "/name"}), json!({"status": 200}));
        let both = verdict(&both, &answer(json!({"name": "desk"})));
        assert!(matches!(both, Verdict::Undecided(reason) if reason.contains("both")));
    }

    #[test]
    fn a_status_decides_and_a_failure_of_the_read_does_not() {
        let check = check(json!({"exists": "/id"}), json!({"status": 404}));
        let refused = |kind, status| CallOutcome {
            upstream_status: Some(status),
            ..CallOutcome::failed(kind, "no")
        };
        let missing = refused(CallErrorKind::UpstreamRejected, 404);
        assert_eq!(verdict(&check, &missing), Verdict::Failed);
        let broken = CallOutcome {
            structured: Some(json!({"id": 1})),
            ..refused(CallErrorKind::UpstreamFailed, 500)
        };
        assert_eq!(
            verdict(&check, &broken),
            Verdict::Undecided("the read failed: upstream_failed (500)".to_owned())
        );
    }
}
