//! A call's outcome as MCP answers it.

use domain::call::EmbeddedResource;
use domain::{CallOutcome, Content, Provider};
use rmcp::model::{CallToolResult, ContentBlock, Resource, ResourceContents};

use crate::engine::backend::Answer;

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
    use domain::CallErrorKind;
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
