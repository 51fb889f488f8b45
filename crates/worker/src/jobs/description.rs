//! From a description's text to what is stored: the part that import and refresh share.

use chrono::{DateTime, Utc};
use connectors::openapi::{self, ImportRequest, Imported, Limits};
use domain::job::{AttemptEnd, JobError};
use domain::ports::storage::Import;
use domain::provider::Fault;
use domain::{CallErrorKind, Provider, Tool, ToolId};
use serde_json::json;
use url::Url;

use super::{Kinds, Run};

/// A description and where it came from.
pub(super) struct Description {
    pub(super) text: String,
    pub(super) url: Option<Url>,
}

/// Fetches a description through the same guard as calls.
pub(super) async fn fetch(
    kinds: &Kinds,
    url: &str,
    allowed_hosts: &[String],
) -> Result<Description, Box<AttemptEnd>> {
    let unfit = |_| {
        Box::new(AttemptEnd::Failed(JobError::new(
            "invalid_description",
            "the address is none",
        )))
    };
    let url = Url::parse(url).map_err(unfit)?;
    let max_bytes = kinds.import.max_bytes as u64;
    match kinds
        .connectors
        .fetch_description(&url, allowed_hosts, max_bytes)
        .await
    {
        Ok(text) => Ok(Description { text, url: Some(url) }),
        Err(failure) => {
            let error = JobError::new(failure.kind.as_str(), failure.message);
            Err(Box::new(match failure.kind {
                CallErrorKind::UpstreamFailed | CallErrorKind::Timeout | CallErrorKind::Unavailable => {
                    AttemptEnd::Retry(error)
                }
                _ => AttemptEnd::Failed(error),
            }))
        }
    }
}

/// Reads the description and stores the provider with its tools, or fails with every fault.
pub(super) async fn store(
    kinds: &Kinds,
    run: &Run<'_>,
    provider: Provider,
    base_url: Option<String>,
    description: Description,
) -> AttemptEnd {
    let read = read(provider.clone(), base_url, description, kinds.import).await;
    let import = match read {
        Ok((imported, description)) => assemble(provider, imported, description, run.clock.now()),
        Err(end) => return *end,
    };
    match run.jobs.apply_import(run.attempt, &import).await {
        // rest-api has ended the attempt with the import; saying the same again changes nothing.
        Ok(job) => match (job.result, job.error) {
            (Some(result), _) => AttemptEnd::Done(result),
            (None, Some(error)) => AttemptEnd::Failed(error),
            (None, None) => AttemptEnd::Retry(JobError::new("unavailable", "the import was not stored")),
        },
        Err(error) => AttemptEnd::Retry(JobError::new("unavailable", error.to_string())),
    }
}

/// Parses on a thread of its own: a large description takes a second.
async fn read(
    provider: Provider,
    base_url: Option<String>,
    description: Description,
    limits: Limits,
) -> Result<(Imported, Description), Box<AttemptEnd>> {
    let work = move || {
        let request = ImportRequest {
            provider_name: &provider.name,
            base_url,
            description_url: description.url.clone(),
            selection: &provider.selection,
            limits,
        };
        openapi::import(&description.text, &request).map(|imported| (imported, description))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(faults)) => Err(Box::new(AttemptEnd::Failed(faulty(&faults)))),
        Err(_) => Err(Box::new(AttemptEnd::Failed(JobError::new(
            "internal",
            "reading the description failed",
        )))),
    }
}

fn faulty(faults: &[Fault]) -> JobError {
    let first = faults.first().map(|fault| match fault.pointer.as_str() {
        "" => format!("; first: {}", fault.message),
        pointer => format!("; first at {pointer}: {}", fault.message),
    });
    JobError {
        kind: "invalid_description".to_owned(),
        message: format!(
            "the description has {} {}{}",
            faults.len(),
            if faults.len() == 1 { "fault" } else { "faults" },
            first.unwrap_or_default()
        ),
        details: Some(json!({ "faults": faults })),
    }
}

fn assemble(
    mut provider: Provider,
    imported: Imported,
    description: Description,
    now: DateTime<Utc>,
) -> Import {
    provider.base_url = imported.base_url;
    provider.refreshed_at = now;
    let tools = imported.tools.into_iter().map(|draft| Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: draft.name,
        title: draft.title,
        description: draft.description,
        tags: draft.tags,
        input_schema: draft.input_schema,
        output_schema: draft.output_schema,
        annotations: draft.annotations,
        binding: draft.binding,
    });
    Import {
        tools: tools.collect(),
        provider,
        skipped: imported.skipped,
        description: description.text,
        description_url: description.url.map(|url| url.to_string()),
    }
}
