//! Events of the watch, in the domain's words.

use bytes::Bytes;
use domain::Entity;
use domain::catalogue::EntityKind;
use proto::v1::{self, CatalogueEntity};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::contents::Update;
use super::watch::Broken;

/// The step that an entity stands for; none when it is of a kind that only newer versions know.
///
/// A thing that cannot be read counts as gone: a key is refused then rather than kept as it was, and one tool that a
/// newer control plane describes in a new way does not cost the others.
pub(super) fn update(entity: CatalogueEntity) -> Result<Option<Update>, Broken> {
    let Some(kind) = kind(entity.kind()) else {
        return Ok(None);
    };
    let id: Uuid = entity
        .id
        .parse()
        .map_err(|_| Broken::Protocol("an id that is no UUID"))?;
    if entity.json.is_empty() {
        return Ok(Some(Update::Remove(kind, id)));
    }
    let read = match kind {
        EntityKind::Tenant => json(&entity.json).map(Entity::Tenant),
        EntityKind::Key => json(&entity.json).map(Entity::Key),
        EntityKind::Provider => json(&entity.json).map(Entity::Provider),
        EntityKind::Tool => json(&entity.json).map(|tool| Entity::Tool(Box::new(tool))),
        EntityKind::Limit => json(&entity.json).map(Entity::Limit),
    };
    Ok(Some(read.map_or_else(
        |error| {
            tracing::error!(kind = kind.as_str(), %id, %error, "a thing of the catalogue cannot be read; taken for gone");
            Update::Remove(kind, id)
        },
        Update::Put,
    )))
}

fn json<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

fn kind(kind: v1::EntityKind) -> Option<EntityKind> {
    match kind {
        v1::EntityKind::Tenant => Some(EntityKind::Tenant),
        v1::EntityKind::Key => Some(EntityKind::Key),
        v1::EntityKind::Provider => Some(EntityKind::Provider),
        v1::EntityKind::Tool => Some(EntityKind::Tool),
        v1::EntityKind::Limit => Some(EntityKind::Limit),
        v1::EntityKind::Unspecified => None,
    }
}
