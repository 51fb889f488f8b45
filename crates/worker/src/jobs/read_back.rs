//! Looks whether a write that was cut off had its effect. What it finds closes the write, in storage and in the
//! transaction that ends this job.

use connectors::CallContext;
use domain::job::{AttemptEnd, JobError};
use domain::readback::{ReadBackPayload, Verdict};
use domain::{CallErrorKind, StoreError};

use super::call_audit::{Audited, admit, audit};
use super::{Kinds, Run, payload, unreachable};

pub(super) async fn run(kinds: &Kinds, run: &Run<'_>) -> AttemptEnd {
    let asked: ReadBackPayload = match payload(run.job) {
        Ok(asked) => asked,
        Err(end) => return *end,
    };
    let (tool, provider) = match run.jobs.tool(run.job.tenant_id, &asked.check.tool).await {
        Ok(found) => found,
        Err(StoreError::NotFound) => {
            return failed(
                CallErrorKind::UnknownTool.as_str(),
                format!("there is no tool `{}` any more", asked.check.tool),
            );
        }
        Err(error) => return unreachable(error),
    };
    if !tool.annotations.read_only {
        return failed("not_read_only", format!("`{}` does not only read", tool.name));
    }
    let arguments = match asked.check.arguments(asked.doubt()) {
        Ok(arguments) => serde_json::Value::Object(arguments),
        Err(name) => {
            let message = format!("the write has nothing for the argument `{name}`");
            return failed(CallErrorKind::InvalidArguments.as_str(), message);
        }
    };
    if let Err(end) = admit(kinds) {
        return *end;
    }
    let context = CallContext {
        cancel: run.cancel.clone(),
        ..CallContext::default()
    };
    let began = tokio::time::Instant::now();
    let call = kinds.call(&provider, &tool, arguments.clone(), &context);
    let outcome = call.await;
    let verdict = asked.check.verdict(asked.doubt(), &outcome);
    kinds
        .spool
        .record(&audit(
            run,
            Audited {
                action: format!("job/read_back/{}", verdict.as_str()),
                job: asked.job_id,
                tool: &tool,
                provider: &provider,
                arguments: &arguments,
                outcome: &outcome,
                took: began.elapsed(),
            },
        ))
        .await;
    end(verdict)
}

fn end(verdict: Verdict) -> AttemptEnd {
    match verdict {
        Verdict::Undecided(reason) => AttemptEnd::Retry(JobError::new("undecided", reason)),
        decided => match serde_json::to_value(&decided) {
            Ok(result) => AttemptEnd::Done(result),
            Err(error) => failed("internal", error.to_string()),
        },
    }
}

fn failed(kind: &str, message: String) -> AttemptEnd {
    AttemptEnd::Failed(JobError::new(kind, message))
}
