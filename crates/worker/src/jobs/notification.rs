//! Tells somebody of an assignment. rest-api knows who it is and how they are reached; that it is done, and done again when it
//! failed, is this job's part.

use domain::assignment::NotificationPayload;
use domain::job::AttemptEnd;
use serde_json::json;
use tracing::Instrument;

use super::{Run, payload, unreachable};

pub(super) async fn run(run: &Run<'_>) -> AttemptEnd {
    let about: NotificationPayload = match payload(run.job) {
        Ok(about) => about,
        Err(end) => return *end,
    };
    let span = tracing::info_span!(
        "notification.send",
        otel.kind = "producer",
        notification.r#type = "assignment",
        notification.recipient_type = about.recipient_type,
        tenant.id = %run.job.tenant_id,
    );
    let told = run.jobs.tell_assignee(run.job.tenant_id, about.assignment_id);
    match told.instrument(span).await {
        Ok(told) => AttemptEnd::Done(json!({ "told": told })),
        Err(error) => unreachable(error),
    }
}
