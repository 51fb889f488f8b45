//! The watch: a snapshot, then numbered changes, then heartbeats, for as long as the watcher listens.

use std::collections::VecDeque;
use std::time::Duration;

use control::{Control, ControlError};
use domain::token::TokenKey;
use domain::{Change, Entity, EntityKind};
use futures::stream::{BoxStream, StreamExt, try_unfold};
use proto::v1::watch_event::Event;
use proto::v1::{
    self, CatalogueChange, CatalogueEntity, Heartbeat, SnapshotBegin, SnapshotEnd, TokenKeys, WatchEvent,
};
use tokio::sync::watch;
use tonic::Status;
use uuid::Uuid;

use super::parse::{status, to_json};

/// Silence for longer than this means a broken link.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Changes and things that are read at once.
const BATCH: u32 = 500;

/// The events for a watcher that has applied everything up to `after` of the numbering `epoch`.
pub(super) fn events(
    control: Control,
    epoch: String,
    after: i64,
) -> BoxStream<'static, Result<WatchEvent, Status>> {
    let moved = control.storage.changes.moved();
    let watcher = Watcher {
        control,
        moved,
        epoch,
        number: after,
        snapshot: Snapshot::Unchecked,
        waiting: VecDeque::new(),
        token_keys: Vec::new(),
    };
    try_unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Ok(Some((WatchEvent { event: Some(event) }, watcher)))
    })
    .boxed()
}

/// How far the snapshot is.
enum Snapshot {
    /// Whether one is needed is not known yet.
    Unchecked,
    /// It goes on after this place.
    At(Option<String>),
    /// It is complete, or was not needed.
    Over,
}

struct Watcher {
    control: Control,
    moved: watch::Receiver<u64>,
    epoch: String,
    number: i64,
    snapshot: Snapshot,
    waiting: VecDeque<Event>,
    /// What the watcher was told to check access tokens with.
    token_keys: Vec<TokenKey>,
}

impl Watcher {
    async fn next(&mut self) -> Result<Event, Status> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            if let Some(event) = self.changed_token_keys() {
                return Ok(event);
            }
            match std::mem::replace(&mut self.snapshot, Snapshot::Over) {
                Snapshot::Unchecked => self.begin().await?,
                Snapshot::At(place) => self.read_snapshot(place).await?,
                Snapshot::Over => self.read_changes().await?,
            }
        }
    }

    /// First of all, and when the key-encryption keys are others.
    fn changed_token_keys(&mut self) -> Option<Event> {
        let keys = self.control.vault.token_keys();
        if keys == self.token_keys {
            return None;
        }
        self.token_keys.clone_from(&keys);
        let keys = keys.into_iter().map(|key| v1::TokenKey {
            kid: key.kid,
            public: key.public.into(),
        });
        Some(Event::TokenKeys(TokenKeys { keys: keys.collect() }))
    }

    /// Decides between going on and a snapshot. A change that is committed while the snapshot is read has a higher
    /// number than the head that was read before, so it comes again as a change: applying it twice is harmless.
    async fn begin(&mut self) -> Result<(), Status> {
        let changes = &self.control.storage.changes;
        let epoch = changes.epoch().await.map_err(failed)?;
        let known = self.epoch == epoch && changes.since(self.number, 1).await.map_err(failed)?.is_some();
        if known {
            return Ok(());
        }
        self.number = changes.head().await.map_err(failed)?;
        self.epoch.clone_from(&epoch);
        self.waiting
            .push_back(Event::SnapshotBegin(SnapshotBegin { epoch }));
        self.snapshot = Snapshot::At(None);
        Ok(())
    }

    async fn read_snapshot(&mut self, place: Option<String>) -> Result<(), Status> {
        let (entities, next) = self
            .control
            .storage
            .changes
            .snapshot(place, BATCH)
            .await
            .map_err(failed)?;
        for entity in &entities {
            self.waiting.push_back(Event::Entity(whole(entity)?));
        }
        match next {
            Some(next) => self.snapshot = Snapshot::At(Some(next)),
            None => self
                .waiting
                .push_back(Event::SnapshotEnd(SnapshotEnd { number: self.number })),
        }
        Ok(())
    }

    /// Reads the next changes; waits for some, or for the time of a heartbeat, when there are none.
    async fn read_changes(&mut self) -> Result<(), Status> {
        self.moved.mark_unchanged();
        let Some(changes) = self
            .control
            .storage
            .changes
            .since(self.number, BATCH)
            .await
            .map_err(failed)?
        else {
            self.epoch.clear();
            self.snapshot = Snapshot::Unchecked;
            return Ok(());
        };
        for change in changes {
            self.number = change.number;
            self.waiting.push_back(Event::Change(changed(change)?));
        }
        if self.waiting.is_empty()
            && tokio::time::timeout(HEARTBEAT, self.moved.changed())
                .await
                .is_err()
        {
            self.waiting
                .push_back(Event::Heartbeat(Heartbeat { number: self.number }));
        }
        Ok(())
    }
}

fn failed(error: domain::StoreError) -> Status {
    status(ControlError::from(error))
}

fn whole(entity: &Entity) -> Result<CatalogueEntity, Status> {
    let (kind, id, tenant, json) = match entity {
        Entity::Tenant(tenant) => (EntityKind::Tenant, tenant.id.0, tenant.id, to_json(tenant)?),
        Entity::Key(key) => (EntityKind::Key, key.id.0, key.tenant_id, to_json(key)?),
        Entity::Provider(provider) => (
            EntityKind::Provider,
            provider.id.0,
            provider.tenant_id,
            to_json(provider)?,
        ),
        Entity::Tool(tool) => (EntityKind::Tool, tool.id.0, tool.tenant_id, to_json(tool)?),
        Entity::Limit(limit) => (EntityKind::Limit, limit.id.0, limit.tenant_id, to_json(limit)?),
    };
    Ok(CatalogueEntity {
        kind: number(kind).into(),
        id: id.to_string(),
        tenant_id: tenant.to_string(),
        json,
    })
}

fn changed(change: Change) -> Result<CatalogueChange, Status> {
    let entity = match &change.entity {
        Some(entity) => whole(entity)?,
        None => gone(change.kind, change.id, change.tenant_id),
    };
    Ok(CatalogueChange {
        number: change.number,
        entity: Some(entity),
    })
}

fn gone(kind: EntityKind, id: Uuid, tenant: domain::TenantId) -> CatalogueEntity {
    CatalogueEntity {
        kind: number(kind).into(),
        id: id.to_string(),
        tenant_id: tenant.to_string(),
        json: bytes::Bytes::new(),
    }
}

fn number(kind: EntityKind) -> v1::EntityKind {
    match kind {
        EntityKind::Tenant => v1::EntityKind::Tenant,
        EntityKind::Key => v1::EntityKind::Key,
        EntityKind::Provider => v1::EntityKind::Provider,
        EntityKind::Tool => v1::EntityKind::Tool,
        EntityKind::Limit => v1::EntityKind::Limit,
    }
}
