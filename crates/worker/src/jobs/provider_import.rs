//! Reads a new provider's description and stores the provider with its tools, or nothing.

use domain::Provider;
use domain::job::{AttemptEnd, ImportPayload};
use domain::provider::{DescriptionSource, Health};

use super::description::{Description, fetch, store};
use super::{Kinds, Run, payload};

pub(super) async fn run(kinds: &Kinds, run: &Run<'_>) -> AttemptEnd {
    let new: ImportPayload = match payload(run.job) {
        Ok(new) => new,
        Err(end) => return *end,
    };
    let description = match new.source {
        DescriptionSource::Inline { text } => Description { text, url: None },
        DescriptionSource::Url { url } => match fetch(kinds, &url, &new.allowed_hosts).await {
            Ok(description) => description,
            Err(end) => return *end,
        },
    };
    let now = run.clock.now();
    let provider = Provider {
        id: new.provider_id,
        tenant_id: run.job.tenant_id,
        name: new.name,
        kind: new.kind,
        // The description may name it; `store` fills in which it is.
        base_url: String::new(),
        auth: new.auth,
        selection: new.selection,
        allowed_hosts: new.allowed_hosts,
        limits: new.limits,
        health: Health::Unknown,
        version: 1,
        created_at: now,
        refreshed_at: now,
    };
    store(kinds, run, provider, new.base_url, description).await
}
