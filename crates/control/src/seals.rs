//! Rotation of key-encryption keys: what an older key sealed is sealed under the first one. Only the data key is sealed
//! again; the secret under it stays as it is, so nobody who uses it notices.

use std::collections::{BTreeMap, BTreeSet};

use domain::ports::storage::{Seal, SealPlace};
use domain::{StoreError, TenantId};

use crate::{Control, ControlError};

/// Secrets that are read at once.
const BATCH: u32 = 100;
/// So many of what cannot be opened are named, of each key and tenant.
const NAMED: u32 = 10;

/// Which key-encryption keys seal how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seals {
    /// The key that seals now.
    pub first: String,
    /// Secrets under each key, by its name; keys that seal nothing are there with 0.
    pub by_key: BTreeMap<String, u64>,
    /// Secrets under keys that are configured and not the first.
    pub under_old: u64,
    /// Secrets that no key opens, by the name of the key that sealed them.
    pub unopenable: BTreeMap<String, u64>,
    /// Which of these keys are configured, and are other keys under the same name.
    pub wrong: BTreeSet<String>,
    /// What some of the secrets are for that no key opens: credentials by the names of their providers.
    pub closed: BTreeSet<String>,
}

impl Control {
    /// Seals under the first key what another one that is configured has sealed, in every tenant; how many secrets
    /// that were. What is changed meanwhile is left to the next time, and so is what does not open: [`Self::seals`] names it.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn rewrap(&self) -> Result<u64, ControlError> {
        let keys = self.vault.key_ids();
        let mut moved = 0;
        for tenant in self.storage.tenants.all_ids().await? {
            for old in keys.iter().skip(1) {
                moved += self.rewrap_tenant(tenant, old).await?;
            }
        }
        Ok(moved)
    }

    async fn rewrap_tenant(&self, tenant: TenantId, old: &str) -> Result<u64, ControlError> {
        let (mut moved, mut last) = (0, None);
        loop {
            let seals = self
                .storage
                .seals
                .under(tenant, old, last.as_ref(), BATCH)
                .await?;
            for seal in &seals {
                let Ok(sealed) = self.vault.rewrap(tenant, seal.provider, &seal.sealed) else {
                    continue;
                };
                let put = self.storage.seals.replace(tenant, seal, &sealed).await?;
                moved += u64::from(put);
            }
            last = seals.into_iter().last();
            if last.is_none() {
                return Ok(moved);
            }
        }
    }

    /// Which key-encryption keys seal how much, in all tenants.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn seals(&self) -> Result<Seals, ControlError> {
        let keys = self.vault.key_ids();
        let mut seals = Seals {
            first: keys.first().cloned().unwrap_or_default(),
            by_key: keys.iter().map(|id| (id.clone(), 0)).collect(),
            ..Seals::default()
        };
        for tenant in self.storage.tenants.all_ids().await? {
            for (id, count) in self.storage.seals.count(tenant).await? {
                let is_wrong = keys.contains(&id) && !self.opens_one(tenant, &id).await?;
                if is_wrong {
                    seals.wrong.insert(id.clone());
                }
                if is_wrong || !keys.contains(&id) {
                    *seals.unopenable.entry(id.clone()).or_default() += count;
                    seals.closed.extend(self.closed(tenant, &id).await?);
                } else if id != seals.first {
                    seals.under_old += count;
                }
                *seals.by_key.entry(id).or_default() += count;
            }
        }
        Ok(seals)
    }

    /// What some of the secrets are for that this key should open.
    async fn closed(&self, tenant: TenantId, key: &str) -> Result<Vec<String>, ControlError> {
        let mut closed = Vec::new();
        for seal in self.storage.seals.under(tenant, key, None, NAMED).await? {
            closed.push(match seal.place {
                SealPlace::Credential => match self.storage.providers.get(tenant, seal.provider).await {
                    Ok(provider) => provider.name,
                    Err(StoreError::NotFound) => continue,
                    Err(error) => return Err(error.into()),
                },
                SealPlace::Import(_) => "an import that waits".to_owned(),
                SealPlace::Answer(_) => "a kept answer".to_owned(),
            });
        }
        Ok(closed)
    }

    /// Whether a key opens what one of its name has sealed in this tenant: any of it will do.
    async fn opens_one(&self, tenant: TenantId, key: &str) -> Result<bool, ControlError> {
        let seals = self.storage.seals.under(tenant, key, None, 1).await?;
        let opens = |seal: &Seal| self.vault.opens(tenant, seal.provider, &seal.sealed);
        Ok(seals.iter().all(opens))
    }
}
