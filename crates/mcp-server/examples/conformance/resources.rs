//! The resources of the suite, sorted by address.

use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

use crate::fixture::IMAGE;

/// Every resource that has an address of its own.
pub fn all() -> Vec<Resource> {
    [
        (
            "test://static-binary",
            "static-binary",
            "A small image",
            "image/png",
        ),
        ("test://static-text", "static-text", "A sentence", "text/plain"),
        (
            "test://watched-resource",
            "watched-resource",
            "A resource to subscribe to",
            "text/plain",
        ),
    ]
    .map(|(uri, name, description, mime_type)| {
        Resource::new(uri, name)
            .with_description(description)
            .with_mime_type(mime_type)
    })
    .into()
}

/// Every template.
pub fn templates() -> Vec<ResourceTemplate> {
    let template = ResourceTemplate::new("test://template/{id}/data", "template");
    vec![
        template
            .with_description("Data by its id")
            .with_mime_type("application/json"),
    ]
}

pub fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let id = uri
        .strip_prefix("test://template/")
        .and_then(|rest| rest.strip_suffix("/data"));
    let contents = match (uri, id) {
        ("test://static-text", _) => text(
            uri,
            "text/plain",
            "This is the content of the static text resource.",
        ),
        ("test://watched-resource", _) => text(uri, "text/plain", "This resource can be watched."),
        ("test://static-binary", _) => ResourceContents::BlobResourceContents {
            uri: uri.to_owned(),
            mime_type: Some("image/png".to_owned()),
            blob: IMAGE.to_owned(),
            meta: None,
        },
        (_, Some(id)) => {
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            text(uri, "application/json", &data.to_string())
        }
        _ => {
            let data = json!({ "uri": uri });
            return Err(ErrorData::resource_not_found(
                format!("Resource not found: {uri}"),
                Some(data),
            ));
        }
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

fn text(uri: &str, mime_type: &str, text: &str) -> ResourceContents {
    ResourceContents::TextResourceContents {
        uri: uri.to_owned(),
        mime_type: Some(mime_type.to_owned()),
        text: text.to_owned(),
        meta: None,
    }
}
