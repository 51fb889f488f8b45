//! Stores a provider with its tools: all or nothing, and only what differs gets a change number.

use domain::credential::SealedCredential;
use domain::ports::storage::{Import, ToolDiff};
use domain::{EntityKind, Provider, StoreError, TenantId};

use super::unit::Unit;
use crate::column::{Document, Word};
use crate::fault::Fault;

/// The changes remember what was removed: a refresh that was under way then must not bring it back.
const WAS_REMOVED: &str = "
    SELECT 1
      FROM changes
     WHERE tenant_id = $1 AND entity_id = $2
     LIMIT 1";

const INSERT: &str = "
    INSERT INTO providers (id, tenant_id, name, kind, base_url, auth, selection, allowed_hosts, limits, health,
                           version, created_at, refreshed_at, description, description_url, skipped)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (id) DO NOTHING";

const REFRESHED: &str = "
    UPDATE providers
       SET refreshed_at = $3, description = $4, description_url = $5, skipped = $6
     WHERE tenant_id = $1 AND id = $2";

const PUT_CREDENTIAL: &str = "
    INSERT INTO credentials (provider_id, tenant_id, kek_id, sealed_key, sealed_secret)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (provider_id) DO UPDATE
       SET kek_id = excluded.kek_id,
           sealed_key = excluded.sealed_key,
           sealed_secret = excluded.sealed_secret";

impl Unit {
    /// Stores the provider, new or refreshed, with its credential and tools.
    pub(super) async fn import(
        &mut self,
        tenant: TenantId,
        import: &Import,
        credential: Option<&SealedCredential>,
    ) -> Result<ToolDiff, Fault> {
        let provider = &import.provider;
        match self.lock_provider(tenant, provider.id).await? {
            Some(stored) => self.refresh_provider(&stored, import, credential).await?,
            None => {
                self.insert_provider(tenant, import).await?;
                if let Some(credential) = credential {
                    self.put_credential(provider, credential).await?;
                }
            }
        }
        self.import_tools(tenant, provider.id, &import.tools).await
    }

    async fn insert_provider(&mut self, tenant: TenantId, import: &Import) -> Result<(), Fault> {
        let provider = &import.provider;
        let removed: Option<i32> = sqlx::query_scalar(WAS_REMOVED)
            .bind(tenant.0)
            .bind(provider.id.0)
            .fetch_optional(self.conn())
            .await?;
        if removed.is_some() {
            return Err(StoreError::NotFound.into());
        }
        let inserted = sqlx::query(INSERT)
            .bind(provider.id.0)
            .bind(tenant.0)
            .bind(&provider.name)
            .bind(Word(provider.kind))
            .bind(&provider.base_url)
            .bind(Document(&provider.auth))
            .bind(Document(&provider.selection))
            .bind(Document(&provider.allowed_hosts))
            .bind(Document(provider.limits))
            .bind(Word(provider.health))
            .bind(provider.version)
            .bind(provider.created_at)
            .bind(provider.refreshed_at)
            .bind(&import.description)
            .bind(&import.description_url)
            .bind(Document(&import.skipped))
            .execute(self.conn())
            .await?;
        if inserted.rows_affected() == 0 {
            // The id is another tenant's.
            return Err(StoreError::NotFound.into());
        }
        self.changed(tenant, EntityKind::Provider, provider.id.0);
        Ok(())
    }

    /// What a person changed since the import read the row stays; the tools and the description are always taken.
    async fn refresh_provider(
        &mut self,
        stored: &Provider,
        import: &Import,
        credential: Option<&SealedCredential>,
    ) -> Result<(), Fault> {
        let provider = &import.provider;
        let mut new_credential = false;
        if let Some(credential) = credential
            && self.credential(stored.tenant_id, stored.id).await?.as_ref() != Some(credential)
        {
            self.put_credential(stored, credential).await?;
            new_credential = true;
        }
        let current = provider.version >= stored.version;
        if current && decided_differs(stored, provider) {
            self.replace_provider(stored, provider).await?;
        } else if new_credential {
            self.replace_provider(stored, stored).await?;
        }
        sqlx::query(REFRESHED)
            .bind(stored.tenant_id.0)
            .bind(stored.id.0)
            .bind(provider.refreshed_at)
            .bind(&import.description)
            .bind(&import.description_url)
            .bind(Document(&import.skipped))
            .execute(self.conn())
            .await?;
        Ok(())
    }

    async fn put_credential(&mut self, owner: &Provider, credential: &SealedCredential) -> Result<(), Fault> {
        sqlx::query(PUT_CREDENTIAL)
            .bind(owner.id.0)
            .bind(owner.tenant_id.0)
            .bind(&credential.kek_id)
            .bind(&credential.sealed_key)
            .bind(&credential.sealed_secret)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}

/// Whether two rows of one provider differ in what a person decides about it.
fn decided_differs(stored: &Provider, new: &Provider) -> bool {
    let same_elsewhere = Provider {
        tenant_id: stored.tenant_id,
        health: stored.health,
        version: stored.version,
        created_at: stored.created_at,
        refreshed_at: stored.refreshed_at,
        ..new.clone()
    };
    same_elsewhere != *stored
}
