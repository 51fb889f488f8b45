//! Reads a stored provider's description again, and changes the tools that differ.

use domain::job::{AttemptEnd, ProviderPayload};

use super::description::{Description, fetch, store};
use super::{Kinds, Run, payload, unreachable};

pub(super) async fn run(kinds: &Kinds, run: &Run<'_>) -> AttemptEnd {
    let ProviderPayload { provider_id } = match payload(run.job) {
        Ok(which) => which,
        Err(end) => return *end,
    };
    let (provider, text, url) = match run.jobs.provider(run.job.tenant_id, provider_id).await {
        Ok(found) => found,
        Err(error) => return unreachable(error),
    };
    let description = match url {
        None => Description { text, url: None },
        Some(url) => match fetch(kinds, &url, &provider.allowed_hosts).await {
            Ok(description) => description,
            Err(end) => return *end,
        },
    };
    // Calls stay where they go: a description must not move them to another host by itself.
    let base_url = Some(provider.base_url.clone());
    store(kinds, run, provider, base_url, description).await
}
