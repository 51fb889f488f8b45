//! The connectors of a process: one per provider, at the version last seen, and none that nobody uses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::provider::{CallLimits, ProviderKind};
use domain::{Provider, ProviderId};

use crate::breaker::{Board, Guarded};
use crate::connector::Connector;
use crate::credentials::{CredentialSource, Held};
use crate::egress_client::{Clients, Egress};
use crate::failure::CallFailure;
use crate::guard::InvalidEntry;
use crate::http_api::HttpApi;
use crate::metrics::CredentialMetrics;
use crate::slots::Slots;

/// How long a provider that nobody calls keeps its connections.
const IDLE: Duration = Duration::from_secs(1_800);
/// How often what is idle or expired is looked for, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Most providers with connections; beyond it the one that was idle the longest goes.
const MAX_PROVIDERS: usize = 4_096;

/// The connectors of a process.
pub(crate) struct Pool {
    egress: Arc<Egress>,
    credentials: Arc<dyn CredentialSource>,
    board: Arc<Board>,
    held: CredentialMetrics,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_provider: HashMap<ProviderId, Entry>,
    swept: Option<Instant>,
}

/// What is kept of one provider.
#[derive(Clone)]
pub(crate) struct Entry {
    version: i64,
    /// What the places and the breaker were made for: they outlive changes of anything else.
    made_for: (CallLimits, String),
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) slots: Slots,
    pub(crate) breaker: Arc<Guarded>,
    used: Instant,
}

impl Pool {
    pub(crate) fn new(
        egress: Arc<Egress>,
        credentials: Arc<dyn CredentialSource>,
        board: Board,
        held: CredentialMetrics,
    ) -> Self {
        Self {
            egress,
            credentials,
            board: Arc::new(board),
            held,
            entries: Mutex::default(),
        }
    }

    pub(crate) fn open_breakers(&self) -> Vec<String> {
        self.board.open()
    }

    pub(crate) fn forget(&self, provider: ProviderId) {
        self.lock().by_provider.remove(&provider);
        self.board.forget(provider);
    }

    /// Drops credentials that were held long enough, and what nobody uses.
    pub(crate) fn sweep(&self) {
        self.lock().sweep(Instant::now(), &self.board);
    }

    /// The provider's connector, built anew when the provider changed.
    pub(crate) fn entry(&self, provider: &Provider) -> Result<Entry, CallFailure> {
        let now = Instant::now();
        let mut entries = self.lock();
        if entries
            .swept
            .is_none_or(|swept| now.duration_since(swept) > SWEEP_EVERY)
        {
            entries.sweep(now, &self.board);
        }
        if let Some(entry) = entries.by_provider.get_mut(&provider.id)
            && entry.version == provider.version
        {
            entry.used = now;
            return Ok(entry.clone());
        }
        let entry = self.build(provider, now, entries.by_provider.get(&provider.id))?;
        entries.by_provider.insert(provider.id, entry.clone());
        Ok(entry)
    }

    fn build(&self, provider: &Provider, now: Instant, old: Option<&Entry>) -> Result<Entry, CallFailure> {
        let refused = |error: InvalidEntry| {
            CallFailure::refused(format!(
                "allowed_hosts of the provider `{}`: {error}",
                provider.name
            ))
        };
        let connector: Arc<dyn Connector> = match provider.kind {
            ProviderKind::Openapi => {
                let guard = self.egress.guard(&provider.allowed_hosts).map_err(refused)?;
                let clients = Clients::new(Arc::clone(&self.egress), guard);
                let (source, hold) = (
                    Arc::clone(&self.credentials),
                    self.egress.config.credential_hold(),
                );
                let held = Held::new(source, provider.clone(), hold, self.held.held.clone());
                Arc::new(HttpApi::new(provider.clone(), clients, held).map_err(refused)?)
            }
        };
        let made_for = (provider.limits, provider.base_url.clone());
        let (slots, breaker) = match old.filter(|old| old.made_for == made_for) {
            Some(old) => (old.slots.clone(), Arc::clone(&old.breaker)),
            None => (
                Slots::new(provider.limits.concurrency, provider.limits.queue_length),
                Arc::new(Guarded::new(provider, Arc::clone(&self.board))),
            ),
        };
        Ok(Entry {
            version: provider.version,
            made_for,
            connector,
            slots,
            breaker,
            used: now,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn sweep(&mut self, now: Instant, board: &Board) {
        self.swept = Some(now);
        self.by_provider.retain(|id, entry| {
            let stays = now.duration_since(entry.used) < IDLE;
            if !stays {
                board.forget(*id);
            }
            stays
        });
        self.by_provider
            .values()
            .for_each(|entry| entry.connector.sweep());
        while self.by_provider.len() > MAX_PROVIDERS {
            let oldest = self
                .by_provider
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(id, _)| *id);
            if let Some(id) = oldest {
                self.by_provider.remove(&id);
                board.forget(id);
            }
        }
    }
}
