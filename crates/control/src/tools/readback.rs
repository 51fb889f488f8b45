//! Read-back checks: how a tool says whether a write that was cut off had its effect.

use domain::readback::{Condition, Readback, Source};
use domain::{Effect, Principal, Scope, StoreError, Tool};

use crate::error::Check;
use crate::{Control, ControlError, require};

/// Longest delay before the first look: a day.
const MAX_DELAY_MS: u64 = 86_400_000;
/// Most looks.
const MAX_ATTEMPTS: u32 = 20;

impl Control {
    /// The tool's read-back check.
    ///
    /// # Errors
    /// Without `tools:read`; when there is no such tool, or it has none.
    pub async fn get_readback(&self, caller: &Principal, tool: &str) -> Result<Readback, ControlError> {
        require(caller, Scope::ToolsRead)?;
        let readback = self.storage.providers.readback(caller.tenant_id, tool).await?;
        Ok(readback.ok_or(StoreError::NotFound)?)
    }

    /// Gives the tool a read-back check, for the writes that come into doubt from now on.
    ///
    /// # Errors
    /// Without `tools:write`; when there is no such tool; when the check cannot work.
    pub async fn set_readback(
        &self,
        caller: &Principal,
        tool: &str,
        readback: Readback,
    ) -> Result<Readback, ControlError> {
        require(caller, Scope::ToolsWrite)?;
        let providers = &self.storage.providers;
        let writes = providers.tool(caller.tenant_id, tool).await?;
        let reads = match providers.tool(caller.tenant_id, &readback.tool).await {
            Err(StoreError::NotFound) => None,
            found => Some(found?),
        };
        check(&writes, reads.as_ref(), &readback).finish()?;
        providers
            .set_readback(caller.tenant_id, tool, Some(&readback))
            .await?;
        Ok(readback)
    }

    /// Takes the tool's read-back check away; checks under way go on.
    ///
    /// # Errors
    /// Without `tools:write`; when there is no such tool.
    pub async fn remove_readback(&self, caller: &Principal, tool: &str) -> Result<(), ControlError> {
        require(caller, Scope::ToolsWrite)?;
        Ok(self
            .storage
            .providers
            .set_readback(caller.tenant_id, tool, None)
            .await?)
    }
}

fn check(writes: &Tool, reads: Option<&Tool>, readback: &Readback) -> Check {
    let mut check = Check::default();
    check.that(
        writes.annotations.effect() == Effect::Write,
        "name",
        "a tool whose calls can be in doubt; this one is repeated instead",
    );
    match reads {
        Some(reads) => check_read(&mut check, reads, readback),
        None => check.that(false, "tool", "a tool of this tenant"),
    }
    check.that(readback.delay_ms <= MAX_DELAY_MS, "delay_ms", "0 to 86400000");
    let attempts = (1..=MAX_ATTEMPTS).contains(&readback.attempts);
    check.that(attempts, "attempts", "1 to 20");
    check_condition(&mut check, "done", &readback.done);
    check_condition(&mut check, "failed", &readback.failed);
    check.that(
        readback.done != readback.failed,
        "failed",
        "something else than `done`",
    );
    check
}

fn check_read(check: &mut Check, reads: &Tool, readback: &Readback) {
    check.that(reads.annotations.read_only, "tool", "a tool that only reads");
    let schema = reads.input_schema.value();
    let properties = schema.get("properties");
    for (name, source) in &readback.arguments {
        let known = properties.is_some_and(|properties| properties.get(name).is_some());
        check.that(
            known,
            "arguments",
            format!("arguments of `{}`, which `{name}` is not", reads.name),
        );
        check_source(check, "arguments", source);
    }
    let required = schema.get("required").and_then(|required| required.as_array());
    for name in required.into_iter().flatten().filter_map(|name| name.as_str()) {
        check.that(
            readback.arguments.contains_key(name),
            "arguments",
            format!("`{name}`, which `{}` requires", reads.name),
        );
    }
}

fn check_condition(check: &mut Check, field: &'static str, condition: &Condition) {
    match condition {
        Condition::Status(status) => {
            check.that((200..=599).contains(status), field, "a status from 200 to 599");
        }
        Condition::Exists(at) | Condition::Absent(at) => check_pointer(check, field, at),
        Condition::Equals { at, to } => {
            check_pointer(check, field, at);
            check_source(check, field, to);
        }
        Condition::Contains(item) | Condition::Lacks(item) => {
            check_pointer(check, field, &item.at);
            check_pointer(check, field, &item.field);
            check_source(check, field, &item.to);
        }
    }
}

fn check_source(check: &mut Check, field: &'static str, source: &Source) {
    if let Source::Argument(pointer) = source {
        check_pointer(check, field, pointer);
    }
}

fn check_pointer(check: &mut Check, field: &'static str, pointer: &str) {
    let right = pointer.is_empty() || pointer.starts_with('/');
    check.that(right, field, format!("a JSON pointer, not `{pointer}`"));
}
