//! Runs a tool call. A write is announced to rest-api right before the request leaves; from then on, only an answer that
//! says so makes it done or failed, and everything else leaves it in doubt.

use std::sync::Arc;

use connectors::{CallContext, OnSend};
use domain::job::{AttemptEnd, JobError, ToolCallPayload};
use domain::{CallErrorKind, CallOutcome, Effect, Provider, StoreError, Tool};
use serde_json::json;

use super::call_audit::{Audited, admit, audit};
use super::{Kinds, Run, payload, unreachable};

/// HTTP 429: the upstream has refused the call before it did anything.
const TOO_MANY_REQUESTS: u16 = 429;

pub(super) async fn run(kinds: &Kinds, run: &Run<'_>) -> Option<AttemptEnd> {
    let call: ToolCallPayload = match payload(run.job) {
        Ok(call) => call,
        Err(end) => return Some(*end),
    };
    let found = match tool(run, &call.tool).await {
        Ok(found) => found,
        Err(end) => return Some(*end),
    };
    let (tool, provider) = found.as_ref();
    if let Err(end) = admit(kinds) {
        return Some(*end);
    }
    let context = context(run);
    let began = tokio::time::Instant::now();
    let outcome = kinds.call(provider, tool, call.arguments.clone(), &context).await;
    kinds
        .spool
        .record(&audit(
            run,
            Audited {
                action: "job/tool_call".to_owned(),
                job: run.job.id,
                tool,
                provider,
                arguments: &call.arguments,
                outcome: &outcome,
                took: began.elapsed(),
            },
        ))
        .await;
    let sent = context.may_have_had_effect();
    if run.cancel.is_cancelled() && !sent {
        return None;
    }
    Some(end(run.job.effect, outcome, sent))
}

/// The tool as it came with the claim, or as stored now.
async fn tool(run: &Run<'_>, name: &str) -> Result<Arc<(Tool, Provider)>, Box<AttemptEnd>> {
    if let Some(tool) = &run.tool {
        return Ok(Arc::clone(tool));
    }
    let found = run.jobs.tool(run.job.tenant_id, name).await;
    found.map(Arc::new).map_err(|error| {
        Box::new(match error {
            StoreError::NotFound => {
                let message = format!("there is no tool `{name}` any more");
                AttemptEnd::Failed(JobError::new(CallErrorKind::UnknownTool.as_str(), message))
            }
            error => unreachable(error),
        })
    })
}

fn context(run: &Run<'_>) -> CallContext {
    let (jobs, attempt, write) = (
        run.jobs.clone(),
        run.attempt.clone(),
        run.job.effect == Effect::Write,
    );
    let announce = OnSend::new(move || async move {
        if !write {
            return Ok(());
        }
        jobs.begin_effect(&attempt)
            .await
            .map_err(|_| "the write could not be announced; it was not sent".to_owned())
    });
    CallContext {
        cancel: run.cancel.clone(),
        idempotency_key: Some(run.job.id.to_string()),
        on_send: Some(announce),
        ..CallContext::default()
    }
}

/// What an outcome means for the ledger. `sent`: the upstream may have got the request.
fn end(effect: Effect, outcome: CallOutcome, sent: bool) -> AttemptEnd {
    use CallErrorKind as Kind;
    let Some(kind) = outcome.error else {
        return done(&outcome);
    };
    if outcome.upstream_status == Some(TOO_MANY_REQUESTS) {
        return AttemptEnd::Retry(error(kind, &outcome));
    }
    match kind {
        // 301, 302: a redirect that says nothing about whether it was done; 307 and 308 say that it was not (RFC 9110, 15.4).
        Kind::UpstreamRejected
            if sent && effect == Effect::Write && matches!(outcome.upstream_status, Some(300..=306)) =>
        {
            AttemptEnd::InDoubt(error(kind, &outcome))
        }
        // Refused before anything was done, here or there; the same again would be refused again.
        Kind::UpstreamRejected
        | Kind::InvalidArguments
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::UnknownTool
        | Kind::AddressRefused => AttemptEnd::Failed(error(kind, &outcome)),
        _ if sent && effect == Effect::Write => AttemptEnd::InDoubt(error(kind, &outcome)),
        Kind::UpstreamInvalid | Kind::Internal => AttemptEnd::Failed(error(kind, &outcome)),
        Kind::UpstreamFailed
        | Kind::UpstreamUnreachable
        | Kind::Unavailable
        | Kind::RateLimited
        | Kind::Timeout
        | Kind::Cancelled => AttemptEnd::Retry(error(kind, &outcome)),
    }
}

fn done(outcome: &CallOutcome) -> AttemptEnd {
    match serde_json::to_value(outcome) {
        Ok(result) => AttemptEnd::Done(result),
        Err(_) => AttemptEnd::Done(json!({ "content": [], "note": "the answer could not be kept" })),
    }
}

fn error(kind: CallErrorKind, outcome: &CallOutcome) -> JobError {
    let said = outcome.content.iter().find_map(|content| match content {
        domain::Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    JobError {
        kind: kind.as_str().to_owned(),
        message: said.unwrap_or("the call failed").to_owned(),
        details: serde_json::to_value(outcome)
            .ok()
            .map(|outcome| json!({ "outcome": outcome })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: CallErrorKind, status: Option<u16>) -> CallOutcome {
        CallOutcome {
            upstream_status: status,
            ..CallOutcome::failed(kind, "no")
        }
    }

    #[test]
    fn a_write_that_was_sent_and_not_answered_is_in_doubt() {
        for kind in [
            CallErrorKind::Timeout,
            CallErrorKind::UpstreamUnreachable,
            CallErrorKind::Cancelled,
        ] {
            assert!(
                matches!(
                    end(Effect::Write, failed(kind, None), true),
                    AttemptEnd::InDoubt(_)
                ),
                "{kind:?}"
            );
        }
        let answered_500 = failed(CallErrorKind::UpstreamFailed, Some(500));
        assert!(matches!(
            end(Effect::Write, answered_500, true),
            AttemptEnd::InDoubt(_)
        ));
    }

    #[test]
    fn a_write_that_never_left_is_tried_again() {
        let outcome = failed(CallErrorKind::UpstreamUnreachable, None);
        assert!(matches!(end(Effect::Write, outcome, false), AttemptEnd::Retry(_)));
    }

    #[test]
    fn a_refused_call_fails_and_a_throttled_one_is_tried_again() {
        let refused = failed(CallErrorKind::UpstreamRejected, Some(422));
        assert!(matches!(end(Effect::Write, refused, true), AttemptEnd::Failed(_)));
        for (status, in_doubt) in [(301, true), (302, true), (307, false), (308, false)] {
            let redirected = failed(CallErrorKind::UpstreamRejected, Some(status));
            let end = end(Effect::Write, redirected, true);
            assert_eq!(matches!(end, AttemptEnd::InDoubt(_)), in_doubt, "{status}");
        }
        let throttled = failed(CallErrorKind::UpstreamRejected, Some(TOO_MANY_REQUESTS));
        assert!(matches!(
            end(Effect::Write, throttled, true),
            AttemptEnd::Retry(_)
        ));
    }

    #[test]
    fn a_read_or_an_idempotent_call_is_never_in_doubt() {
        for effect in [Effect::Read, Effect::Idempotent] {
            let outcome = failed(CallErrorKind::Timeout, None);
            assert!(
                matches!(end(effect, outcome, true), AttemptEnd::Retry(_)),
                "{effect:?}"
            );
        }
    }
}
