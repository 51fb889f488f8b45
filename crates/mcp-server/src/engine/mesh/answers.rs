//! A call's outcome as MCP answers it.

use cache::Exceeded;
use domain::call::EmbeddedResource;
use domain::{CallErrorKind, CallOutcome, Content, Provider};
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, MetaObject, Resource, ResourceContents};

use crate::engine::backend::Answer;

/// Key of `_meta` in the answer to a call that a rate limit refused: seconds until it may be made.
const META_RETRY_AFTER: &str = "io.devmesh/retry-after-seconds";

/// The answer of a call that `provider` ran, or would have run.
pub(super) fn answer(outcome: CallOutcome, provider: &Provider) -> Answer {
    let (error, response_bytes) = (outcome.error, outcome.response_bytes);
    Answer {
        provider: Some(provider.name.clone()),
        error,
        response_bytes,
        ..Answer::of(result(outcome))
    }
}

/// The answer to a call that a rate limit refused: words for the model, and the wait for programs. A tool result, because
/// clients keep HTTP and protocol errors from the model, which would then not know to wait.
pub(super) fn limited(exceeded: &Exceeded, provider: Option<&Provider>) -> Answer {
    let seconds = exceeded.retry_after_seconds();
    let message = format!(
        "rate limit of `{}` reached ({}, bursts of {}): nothing was called; try again in {seconds} s",
        exceeded.subject, exceeded.limit.rate, exceeded.limit.burst,
    );
    let outcome = CallOutcome::failed(CallErrorKind::RateLimited, message);
    let mut answer = match provider {
        Some(provider) => answer(outcome, provider),
        None => Answer {
            error: outcome.error,
            ..Answer::of(result(outcome))
        },
    };
    if let CallToolResponse::Complete(result) = &mut answer.response {
        let meta = result.meta.get_or_insert_with(MetaObject::new);
        meta.insert(META_RETRY_AFTER.to_owned(), seconds.into());
    }
    answer
}

/// The outcome as a tool result (MCP 2025-11-25, "Tool Result").
pub(super) fn result(outcome: CallOutcome) -> CallToolResult {
    let mut result = CallToolResult::success(outcome.content.into_iter().map(block).collect());
    result.structured_content = outcome.structured;
    result.is_error = Some(outcome.error.is_some());
    result
}

fn block(content: Content) -> ContentBlock {
    match content {
        Content::Text { text } => ContentBlock::text(text),
        Content::Image { data, mime_type } => ContentBlock::image(data, mime_type),
        Content::Audio { data, mime_type } => ContentBlock::audio(data, mime_type),
        Content::Resource { resource } => ContentBlock::resource(embedded(resource)),
        Content::ResourceLink { uri, name } => ContentBlock::resource_link(Resource::new(uri, name)),
    }
}

/// Bytes where there are bytes, else text.
fn embedded(resource: EmbeddedResource) -> ResourceContents {
    let EmbeddedResource {
        uri,
        mime_type,
        text,
        blob,
    } = resource;
    match blob {
        Some(blob) => ResourceContents::BlobResourceContents {
            uri,
            mime_type,
            blob,
            meta: None,
        },
        None => ResourceContents::TextResourceContents {
            uri,
            mime_type,
            text: text.unwrap_or_default(),
            meta: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The domain's content has MCP's own wire shape, so nothing may change on the way.
    #[test]
    fn every_kind_of_content_keeps_its_wire_shape() {
        let resource = |text: Option<&str>, blob: Option<&str>| Content::Resource {
            resource: EmbeddedResource {
                uri: "mesh://answer".to_owned(),
                mime_type: Some("text/plain".to_owned()),
                text: text.map(str::to_owned),
                blob: blob.map(str::to_owned),
            },
        };
        let contents = vec![
            Content::Text { text: "a".to_owned() },
            Content::Image {
                data: "aGk=".to_owned(),
                mime_type: "image/png".to_owned(),
            },
            Content::Audio {
                data: "aGk=".to_owned(),
                mime_type: "audio/wav".to_owned(),
            },
            resource(Some("text"), None),
            resource(None, Some("aGk=")),
            Content::ResourceLink {
                uri: "mesh://other".to_owned(),
                name: "other".to_owned(),
            },
        ];
        let expected = serde_json::to_value(&contents).unwrap();
        let outcome = CallOutcome {
            content: contents,
            ..CallOutcome::text("")
        };
        assert_eq!(
            serde_json::to_value(result(outcome)).unwrap()["content"],
            expected
        );
    }

    #[test]
    fn a_failed_outcome_is_an_error_that_the_model_reads() {
        let failed = result(CallOutcome::failed(
            CallErrorKind::UpstreamFailed,
            "500 from upstream",
        ));
        let wire = serde_json::to_value(failed).unwrap();
        assert_eq!(wire["isError"], json!(true));
        assert_eq!(wire["content"][0]["text"], json!("500 from upstream"));
    }
}
