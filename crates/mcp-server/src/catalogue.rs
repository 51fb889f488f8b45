//! The catalogue that the edge keeps in memory: keys, providers, tools. A tool call costs no round trip to the
//! control plane; what changes there arrives through the [`watch`] and is told to whoever listens.
//!
//! Readers take a view that never changes ([`view`]) without waiting for anybody; the one writer changes the
//! [`contents`] and then replaces the view, so that many changes at once cost one step.

mod backoff;
mod config;
mod contents;
mod decode;
mod keys;
mod newcomers;
mod view;
pub mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use domain::catalogue::EntityKind;
use domain::key::KeyRefusal;
use domain::limit::Subject;
use domain::provider::AuthScheme;
use domain::token::TokenKey;
use domain::{Entity, KeyId, Limit, PresentedKey, Principal, Provider, ProviderId, TenantId, Tool};
use tokio::sync::{broadcast, watch as signal};
use tokio::time::Instant;
use uuid::Uuid;

use contents::{Contents, Update};
use view::View;

pub use config::CatalogueConfig;
pub use keys::{CatalogueKeys, tell_key_uses};
pub use newcomers::{KeyLookupMetrics, Newcomers};
pub use view::Gone;
pub use watch::Watch;

/// Events that a slow listener may fall behind before it has to look for itself.
const EVENTS: usize = 1_024;

/// The control plane was not heard yet.
const NEVER: u64 = u64::MAX;

/// What a listener hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogueEvent {
    /// The tools of this tenant are others now.
    ToolsChanged(TenantId),
    /// This key was revoked or removed.
    KeyGone(KeyId),
}

/// Why a call is refused although its key and tool are known: they may be gone by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// Nobody may call anything.
    #[error("the mesh has lost its control plane: calls wait until it is back")]
    Everything,
    /// Only what destroys nothing may be called.
    #[error("the mesh has lost its control plane: tools that may destroy something wait until it is back")]
    Destructive,
}

/// The catalogue. Cheap to clone; clones are the same catalogue.
#[derive(Clone)]
pub struct Catalogue(Arc<Inner>);

struct Inner {
    config: CatalogueConfig,
    view: ArcSwap<View>,
    contents: Mutex<Contents>,
    began: Instant,
    /// When the control plane was last heard, in milliseconds since `began`; [`NEVER`] before that.
    heard: AtomicU64,
    events: broadcast::Sender<CatalogueEvent>,
    /// Said after each change.
    changed: signal::Sender<()>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new()
    }
}

impl Catalogue {
    /// An empty catalogue with the default bounds.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(CatalogueConfig::default())
    }

    /// An empty catalogue: everybody is refused until the control plane was heard.
    #[must_use]
    pub fn with_config(config: CatalogueConfig) -> Self {
        Self(Arc::new(Inner {
            config,
            view: ArcSwap::default(),
            contents: Mutex::default(),
            began: Instant::now(),
            heard: AtomicU64::new(NEVER),
            events: broadcast::channel(EVENTS).0,
            changed: signal::Sender::new(()),
        }))
    }

    /// Who acts with this key. A revocation counts from when it is known here, whatever this machine's clock says.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn authenticate(&self, key: &PresentedKey, now: DateTime<Utc>) -> Result<Principal, KeyRefusal> {
        let view = self.0.view.load();
        let known = view.keys.by_prefix(key.prefix()).ok_or(KeyRefusal::Unknown)?;
        let principal = known.verify(key, now)?;
        match known.revoked_at {
            Some(_) => Err(KeyRefusal::Revoked),
            None => Ok(principal),
        }
    }

    /// Who acts with this access token: the key of a user that it stands for says what they may do, and whether they still
    /// may.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn authenticate_user(&self, token: &str, now: DateTime<Utc>) -> Result<Principal, KeyRefusal> {
        let view = self.0.view.load();
        let claims = domain::token::verify(token, &view.token_keys, now)?;
        let known = view.keys.get(claims.key).ok_or(KeyRefusal::Unknown)?;
        if known.tenant_id != claims.tenant {
            return Err(KeyRefusal::Unknown);
        }
        match known.revoked_at {
            Some(_) => Err(KeyRefusal::Revoked),
            None => known.accept(now),
        }
    }

    /// Takes what checks access tokens from now on.
    pub fn put_token_keys(&self, keys: Vec<TokenKey>) {
        // The lock of whoever writes: two views at once would lose one.
        let _writing = self.contents();
        let mut view = View::clone(&self.0.view.load());
        view.token_keys = keys.into();
        self.0.view.store(Arc::new(view));
    }

    /// Whether the key may still be used.
    #[must_use]
    pub fn key_is_live(&self, key: KeyId, now: DateTime<Utc>) -> bool {
        let view = self.0.view.load();
        view.keys
            .get(key)
            .is_some_and(|key| key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now))
    }

    /// The tools of a tenant, sorted by name. The same `Arc` as before where nothing has changed.
    #[must_use]
    pub fn tools(&self, tenant: TenantId) -> Arc<[Arc<Tool>]> {
        let view = self.0.view.load();
        match view.tenants.get(&tenant) {
            Some(tools) => Arc::clone(&tools.list),
            None => Arc::new([]),
        }
    }

    /// The names of a tenant's providers.
    #[must_use]
    pub fn provider_names(&self, tenant: TenantId) -> HashMap<ProviderId, String> {
        let view = self.0.view.load();
        view.tenants
            .get(&tenant)
            .map(|tools| tools.provider_names())
            .unwrap_or_default()
    }

    /// The first `most` providers, of whatever tenant, that need a credential.
    #[must_use]
    pub fn providers_with_credentials(&self, most: usize) -> Vec<Arc<Provider>> {
        let view = self.0.view.load();
        let all = view.tenants.values().flat_map(|tools| tools.providers());
        let mut all: Vec<_> = all
            .filter(|provider| provider.auth != AuthScheme::None)
            .cloned()
            .collect();
        all.sort_by_key(|provider| provider.id);
        all.truncate(most);
        all
    }

    /// The tools that a key pins (see [`domain::pin`]).
    #[must_use]
    pub fn pins(&self, key: KeyId) -> Vec<String> {
        let view = self.0.view.load();
        view.keys.get(key).map(|key| key.pins.clone()).unwrap_or_default()
    }

    /// The rate limits that were set in a tenant; none when there are none.
    #[must_use]
    pub fn limits(&self, tenant: TenantId) -> Option<Arc<HashMap<Subject, Limit>>> {
        self.0.view.load().limits.get(tenant).map(Arc::clone)
    }

    /// One tool with its provider.
    #[must_use]
    pub fn tool(&self, tenant: TenantId, name: &str) -> Option<(Arc<Tool>, Arc<Provider>)> {
        let view = self.0.view.load();
        let (tool, provider) = view.tenants.get(&tenant)?.get(name)?;
        Some((Arc::clone(tool), Arc::clone(provider)))
    }

    /// Hears of changes from now on. A listener that falls too far behind is told so and looks for itself.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<CatalogueEvent> {
        self.0.events.subscribe()
    }

    /// Waits until there is a key of this prefix.
    async fn key_comes(&self, prefix: &str) {
        let is_here = |(): &()| self.0.view.load().keys.by_prefix(prefix).is_some();
        // It ends without an answer only with the catalogue itself.
        let _ = self.0.changed.subscribe().wait_for(is_here).await;
    }

    /// How long ago the control plane was last heard; since the start, when it never was.
    #[must_use]
    pub fn age(&self) -> Duration {
        let heard = self.last_heard().unwrap_or_default();
        self.0.began.elapsed().saturating_sub(heard)
    }

    /// Whether the control plane is heard now: its last word is no older than a live watch lets it get.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.last_heard().is_some() && self.age() <= self.0.config.silence.get()
    }

    fn last_heard(&self) -> Option<Duration> {
        let heard = self.0.heard.load(Ordering::Relaxed);
        (heard != NEVER).then_some(Duration::from_millis(heard))
    }

    /// Whether what is known of this tool is recent enough to call it.
    ///
    /// # Errors
    /// When the control plane was not heard of for too long.
    pub fn freshness(&self, tool: &Tool) -> Result<(), Stale> {
        let (age, config) = (self.age(), &self.0.config);
        if age > config.max_age.get() {
            return Err(Stale::Everything);
        }
        if tool.annotations.destructive && age > config.destructive_max_age.get() {
            return Err(Stale::Destructive);
        }
        Ok(())
    }

    /// The control plane was heard just now.
    pub fn heard(&self) {
        let now = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(NEVER - 1);
        self.0.heard.store(now, Ordering::Relaxed);
    }

    /// Takes a thing as it stands now, and tells whom it concerns.
    pub fn put(&self, entity: Entity) {
        self.apply([Update::Put(entity)]);
    }

    /// Takes a thing away, and tells whom it concerns.
    pub fn remove(&self, kind: EntityKind, id: Uuid) {
        self.apply([Update::Remove(kind, id)]);
    }

    /// Takes several steps as one: readers see all of them or none.
    fn apply(&self, updates: impl IntoIterator<Item = Update>) -> Gone {
        let mut contents = self.contents();
        for update in updates {
            contents.apply(update);
        }
        self.publish(&mut contents)
    }

    /// Puts `contents` in the place of everything that was known.
    fn replace(&self, mut contents: Contents) -> Gone {
        let mut known = self.contents();
        contents.all_changed(&self.0.view.load());
        *known = contents;
        self.publish(&mut known)
    }

    fn publish(&self, contents: &mut Contents) -> Gone {
        let old = self.0.view.load_full();
        let new = Arc::new(contents.view(&old));
        self.0.view.store(Arc::clone(&new));
        self.0.changed.send_replace(());
        for event in new.events_since(&old) {
            // Nobody listening is fine.
            let _ = self.0.events.send(event);
        }
        new.gone_since(&old)
    }

    fn contents(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.0.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
