//! How many streams are open, of each tenant and each key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{KeyId, Principal, TenantId};
use http::StatusCode;
use runtime::lifecycle::Lifecycle;

use crate::config::EventsConfig;
use crate::http::problem::Problem;

type Open = (HashMap<TenantId, u32>, HashMap<KeyId, u32>);

/// The streams that are open.
#[derive(Clone)]
pub struct Streams {
    open: Arc<Mutex<Open>>,
    /// The bounds.
    pub config: EventsConfig,
    /// Where the streams run.
    pub life: Lifecycle,
}

/// One of them, for as long as it is open.
pub(super) struct Place {
    of: (TenantId, KeyId),
    open: Arc<Mutex<Open>>,
}

impl Streams {
    /// None is open yet.
    #[must_use]
    pub fn new(config: EventsConfig, life: Lifecycle) -> Self {
        Self {
            open: Arc::default(),
            config,
            life,
        }
    }

    /// A place for one more.
    pub(super) fn take(&self, caller: &Principal) -> Result<Place, Problem> {
        let of = (caller.tenant_id, caller.key_id);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (tenants, keys) = &mut *open;
        let (tenant, key) = (tenants.entry(of.0).or_default(), keys.entry(of.1).or_default());
        let refused = |of: &str, most: u32| {
            let detail = format!("{of} has {most} streams of events open here: close one first");
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail))
        };
        if *tenant >= self.config.max_per_tenant {
            return refused("this tenant", self.config.max_per_tenant);
        }
        if *key >= self.config.max_per_key {
            return refused("this key", self.config.max_per_key);
        }
        (*tenant, *key) = (*tenant + 1, *key + 1);
        Ok(Place {
            of,
            open: Arc::clone(&self.open),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (tenants, keys) = &mut *open;
        give_back(tenants, self.of.0);
        give_back(keys, self.of.1);
    }
}

fn give_back<K: std::hash::Hash + Eq>(open: &mut HashMap<K, u32>, key: K) {
    if let Some(count) = open.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            open.remove(&key);
        }
    }
}
