//! The catalogue that the edge keeps in memory: keys, providers, tools. A tool call costs no round trip to the
//! control plane; what changes there arrives as numbered changes and is told to whoever listens.

mod state;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::catalogue::EntityKind;
use domain::key::KeyRefusal;
use domain::{Entity, KeyId, PresentedKey, Principal, Provider, TenantId, Tool};
use tokio::sync::broadcast;
use tokio::time::Instant;
use uuid::Uuid;

use state::State;

/// Events that a slow listener may fall behind before it has to look for itself.
const EVENTS: usize = 1_024;

/// What a listener hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogueEvent {
    /// The tools of this tenant are others now.
    ToolsChanged(TenantId),
    /// This key was revoked or removed.
    KeyGone(KeyId),
}

/// The catalogue. Cheap to clone; clones are the same catalogue.
#[derive(Clone)]
pub struct Catalogue(Arc<Inner>);

struct Inner {
    state: RwLock<State>,
    heard: RwLock<Instant>,
    events: broadcast::Sender<CatalogueEvent>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new()
    }
}

impl Catalogue {
    /// An empty catalogue: everybody is refused until the control plane was heard.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            state: RwLock::default(),
            heard: RwLock::new(Instant::now()),
            events: broadcast::channel(EVENTS).0,
        }))
    }

    /// Who acts with this key.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn authenticate(&self, key: &PresentedKey, now: DateTime<Utc>) -> Result<Principal, KeyRefusal> {
        let known = self
            .read()
            .key_by_prefix(key.prefix())
            .ok_or(KeyRefusal::Unknown)?;
        known.verify(key, now)
    }

    /// Whether the key may still be used.
    #[must_use]
    pub fn key_is_live(&self, key: KeyId, now: DateTime<Utc>) -> bool {
        self.read().key(key).is_some_and(|key| {
            key.revoked_at.is_none_or(|at| at > now) && key.expires_at.is_none_or(|at| at > now)
        })
    }

    /// The tools of a tenant, sorted by name. The same `Arc` as before where nothing has changed.
    #[must_use]
    pub fn tools(&self, tenant: TenantId) -> Arc<[Arc<Tool>]> {
        if let Some(listed) = self.read().listed(tenant) {
            return listed;
        }
        self.write().list(tenant)
    }

    /// One tool with its provider.
    #[must_use]
    pub fn tool(&self, tenant: TenantId, name: &str) -> Option<(Arc<Tool>, Arc<Provider>)> {
        self.read().tool(tenant, name)
    }

    /// Hears of changes from now on. A listener that falls too far behind is told so and looks for itself.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<CatalogueEvent> {
        self.0.events.subscribe()
    }

    /// How long ago the control plane was last heard.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.0
            .heard
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }

    /// The control plane was heard just now.
    pub fn heard(&self) {
        *self.0.heard.write().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Takes a thing as it stands now, and tells whom it concerns.
    pub fn put(&self, entity: Entity) {
        let events = self.write().put(entity);
        self.tell(events);
    }

    /// Takes a thing away, and tells whom it concerns.
    pub fn remove(&self, kind: EntityKind, id: Uuid) {
        let events = self.write().remove(kind, id);
        self.tell(events);
    }

    fn tell(&self, events: Vec<CatalogueEvent>) {
        for event in events {
            // Nobody listening is fine.
            let _ = self.0.events.send(event);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
