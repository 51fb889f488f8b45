//! Asks a provider whether it answers.

use domain::job::{AttemptEnd, ProviderPayload};
use serde_json::json;

use super::{Kinds, Run, payload, unreachable};

pub(super) async fn run(kinds: &Kinds, run: &Run<'_>) -> AttemptEnd {
    let ProviderPayload { provider_id } = match payload(run.job) {
        Ok(which) => which,
        Err(end) => return *end,
    };
    let (provider, _, _) = match run.jobs.provider(run.job.tenant_id, provider_id).await {
        Ok(found) => found,
        Err(error) => return unreachable(error),
    };
    let answered = kinds.connectors.probe(&provider).await;
    if let Err(error) = run
        .jobs
        .record_health(run.job.tenant_id, provider_id, answered.is_ok())
        .await
    {
        return unreachable(error);
    }
    AttemptEnd::Done(json!({ "healthy": answered.is_ok(), "reason": answered.err() }))
}
