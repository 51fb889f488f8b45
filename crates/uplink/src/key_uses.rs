//! When keys were last accepted: gathered here, told to rest-api now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use domain::{KeyId, TenantId};
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use proto::v1::{KeyUse, TouchKeysRequest};

use crate::channel::Link;

/// The most keys that wait to be told; a key that does not fit is told at its next use.
const MAX_WAITING: usize = 10_000;

/// Gathers the uses of keys.
#[derive(Default)]
pub struct KeyUses(Mutex<HashMap<(TenantId, KeyId), DateTime<Utc>>>);

impl KeyUses {
    /// Notes that a key was accepted.
    pub fn note(&self, tenant: TenantId, key: KeyId, at: DateTime<Utc>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING || waiting.contains_key(&(tenant, key)) {
            waiting.insert((tenant, key), at);
        }
    }

    /// Tells rest-api what was noted since the last time. What cannot be told is dropped: the next use says more.
    ///
    /// # Errors
    /// The answer of rest-api.
    pub async fn tell(&self, link: &Link) -> Result<(), tonic::Status> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        let uses = noted.into_iter().map(|((tenant, key), at)| KeyUse {
            tenant_id: tenant.to_string(),
            key_id: key.to_string(),
            at_ms: at.timestamp_millis(),
        });
        let request = TouchKeysRequest { uses: uses.collect() };
        CatalogueServiceClient::new(link.clone())
            .touch_keys(request)
            .await
            .map(|_| ())
    }
}
