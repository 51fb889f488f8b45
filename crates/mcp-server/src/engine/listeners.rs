//! Who wants to hear of changes: open subscriptions (2026-07-28) and sessions (older eras).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use domain::TenantId;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rmcp::service::SubscriptionSink;
use rmcp::{Peer, RoleServer};

use super::session::SessionState;

/// A client that does not take a notice within this time is passed over: the next one must not wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// One resource's contents.
    Resource(String),
}

/// Everyone who listens on this replica. Cheap to clone.
#[derive(Clone, Default)]
pub struct Listeners(Arc<Registry>);

#[derive(Default)]
struct Registry {
    next: AtomicU64,
    listeners: Mutex<HashMap<u64, (TenantId, Listener)>>,
}

#[derive(Clone)]
enum Listener {
    Subscription(SubscriptionSink),
    Session(Peer<RoleServer>, Weak<SessionState>),
}

/// Takes a listener off the list when dropped.
pub(crate) struct Listening {
    registry: Arc<Registry>,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.number);
    }
}

impl Listeners {
    /// Adds one `subscriptions/listen` for as long as the guard lives.
    pub(crate) fn subscription(&self, tenant: TenantId, sink: SubscriptionSink) -> Listening {
        self.add(tenant, Listener::Subscription(sink))
    }

    /// Adds a session for as long as the guard lives; the session itself keeps it.
    pub(crate) fn session(
        &self,
        tenant: TenantId,
        peer: Peer<RoleServer>,
        state: &Arc<SessionState>,
    ) -> Listening {
        self.add(tenant, Listener::Session(peer, Arc::downgrade(state)))
    }

    /// Tells everyone of `tenant` who wants to know; returns when they have it or were passed over.
    pub async fn tell(&self, tenant: TenantId, change: &Change) {
        tell_each(self.those(|of| of == tenant), change).await;
    }

    /// Tells everyone, of whatever tenant: after changes that nobody could follow one by one.
    pub async fn tell_all(&self, change: &Change) {
        tell_each(self.those(|_| true), change).await;
    }

    fn add(&self, tenant: TenantId, listener: Listener) -> Listening {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.lock().insert(number, (tenant, listener));
        Listening {
            registry: Arc::clone(&self.0),
            number,
        }
    }

    fn those(&self, wanted: impl Fn(TenantId) -> bool) -> Vec<Listener> {
        let listeners = self.0.lock();
        listeners
            .values()
            .filter(|(tenant, _)| wanted(*tenant))
            .map(|(_, listener)| listener.clone())
            .collect()
    }
}

async fn tell_each(listeners: Vec<Listener>, change: &Change) {
    let told: FuturesUnordered<_> = listeners.into_iter().map(|one| one.tell(change)).collect();
    told.collect::<()>().await;
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (TenantId, Listener)>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    async fn tell(self, change: &Change) {
        let told = async {
            match self {
                Self::Subscription(sink) => tell_subscription(&sink, change).await,
                Self::Session(peer, state) => tell_session(&peer, &state, change).await,
            }
        };
        if tokio::time::timeout(PATIENCE, told).await.is_err() {
            tracing::warn!(?change, "a client does not read its stream: notice not delivered");
        }
    }
}

async fn tell_subscription(sink: &SubscriptionSink, change: &Change) {
    let wanted = sink.accepted();
    let told = match change {
        Change::Tools if wanted.tools_list_changed == Some(true) => sink.notify_tool_list_changed().await,
        Change::Prompts if wanted.prompts_list_changed == Some(true) => {
            sink.notify_prompt_list_changed().await
        }
        Change::Resource(uri) if wanted.resource_subscriptions.iter().flatten().any(|of| of == uri) => {
            sink.notify_resource_updated(uri).await
        }
        _ => Ok(()),
    };
    if let Err(error) = told {
        tracing::debug!(%error, ?change, "notice not delivered");
    }
}

async fn is_subscribed(state: &Weak<SessionState>, uri: &str) -> bool {
    match state.upgrade() {
        Some(state) => state.is_subscribed(uri).await,
        None => false,
    }
}

async fn tell_session(peer: &Peer<RoleServer>, state: &Weak<SessionState>, change: &Change) {
    let told = match change {
        Change::Tools => peer.notify_tool_list_changed().await,
        Change::Prompts => peer.notify_prompt_list_changed().await,
        Change::Resource(uri) if is_subscribed(state, uri).await => {
            let update = rmcp::model::ResourceUpdatedNotificationParam::new(uri.clone());
            peer.notify_resource_updated(update).await
        }
        Change::Resource(_) => Ok(()),
    };
    if let Err(error) = told {
        tracing::debug!(%error, ?change, "notice not delivered");
    }
}
