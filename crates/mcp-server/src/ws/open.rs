//! Who is connected to this replica.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::TenantId;

use super::session::{Connection, Session};

/// The connections of this replica. Cheap to clone.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    sessions: HashMap<Arc<str>, Arc<Session>>,
    of_tenant: HashMap<TenantId, usize>,
}

/// The seat of one connection among those of its tenant.
pub(super) struct Seat {
    open: Connections,
    tenant: TenantId,
}

impl Connections {
    /// The connection of this name, if its client is with this replica.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Connection> {
        self.lock().sessions.get(id).cloned().map(Connection)
    }

    /// Those of a tenant.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> Vec<Connection> {
        let open = self.lock();
        let theirs = open
            .sessions
            .values()
            .filter(|session| session.principal.tenant_id == tenant);
        theirs.cloned().map(Connection).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn add(&self, session: &Arc<Session>) {
        self.lock()
            .sessions
            .insert(Arc::clone(&session.id), Arc::clone(session));
    }

    pub(super) fn remove(&self, id: &str) {
        self.lock().sessions.remove(id);
    }

    /// A seat among the tenant's, if fewer than `most` are taken.
    pub(super) fn sit(&self, tenant: TenantId, most: usize) -> Option<Seat> {
        let mut open = self.lock();
        let taken = open.of_tenant.entry(tenant).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Seat {
            open: self.clone(),
            tenant,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(taken) = open.of_tenant.get_mut(&self.tenant) {
            *taken -= 1;
            if *taken == 0 {
                open.of_tenant.remove(&self.tenant);
            }
        }
    }
}
