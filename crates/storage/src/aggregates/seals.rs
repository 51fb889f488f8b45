//! Sealed secrets, wherever they are stored: credentials, payloads of imports, kept answers.

use async_trait::async_trait;
use domain::credential::SealedCredential;
use domain::job::ImportPayload;
use domain::ports::storage::{Seal, SealPlace, Seals};
use domain::{JobId, ProviderId, StoreError, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::dialect;
use super::store::Store;
use super::unit::Unit;
use crate::column::{Document, unsigned};
use crate::fault::Fault;

const CREDENTIALS_UNDER: &str = "
    SELECT provider_id, kek_id, sealed_key, sealed_secret
      FROM credentials
     WHERE tenant_id = $1 AND kek_id = $2 AND provider_id > $3
     ORDER BY provider_id
     LIMIT $4";

const REPLACE_CREDENTIAL: &str = "
    UPDATE credentials
       SET kek_id = $3, sealed_key = $4, sealed_secret = $5
     WHERE tenant_id = $1 AND provider_id = $2
       AND sealed_key = $6 AND sealed_secret = $7";

const PAYLOAD: &str = "SELECT payload FROM jobs WHERE tenant_id = $1 AND id = $2";

const REPLACE_PAYLOAD: &str = "
    UPDATE jobs
       SET payload = $3
     WHERE tenant_id = $1 AND id = $2";

const REPLACE_ANSWER: &str = "
    UPDATE answers
       SET body = $3
     WHERE tenant_id = $1 AND idempotency_key = $2 AND body = $4";

#[async_trait]
impl Seals for Store {
    async fn count(&self, tenant: TenantId) -> Result<Vec<(String, u64)>, StoreError> {
        self.call("count", "seals", async {
            let mut unit = self.read(tenant).await?;
            let rows: Vec<(String, i64)> = sqlx::query_as(dialect::COUNT_SEALS)
                .bind(tenant.0)
                .fetch_all(unit.conn())
                .await?;
            Ok(rows
                .into_iter()
                .map(|(id, count)| (id, unsigned(count)))
                .collect())
        })
        .await
    }

    async fn under(
        &self,
        tenant: TenantId,
        kek_id: &str,
        after: Option<&Seal>,
        limit: u32,
    ) -> Result<Vec<Seal>, StoreError> {
        self.call("under", "seals", async {
            let mut unit = self.read(tenant).await?;
            let after = After::of(after);
            let mut seals = Vec::new();
            if let Some(provider) = after.credential {
                seals = unit.credentials_under(tenant, kek_id, provider, limit).await?;
            }
            if let Some(job) = after.import {
                let rest = limit.saturating_sub(length(&seals));
                seals.extend(unit.imports_under(tenant, kek_id, job, rest).await?);
            }
            let rest = limit.saturating_sub(length(&seals));
            seals.extend(unit.answers_under(tenant, kek_id, after.answer, rest).await?);
            Ok(seals)
        })
        .await
    }

    async fn replace(
        &self,
        tenant: TenantId,
        seal: &Seal,
        sealed: &SealedCredential,
    ) -> Result<bool, StoreError> {
        self.call("replace", "seals", async {
            let mut unit = self.write(tenant).await?;
            let replaced = match &seal.place {
                SealPlace::Credential => unit.replace_credential(tenant, seal, sealed).await?,
                SealPlace::Import(job) => unit.replace_import(tenant, *job, seal, sealed).await?,
                SealPlace::Answer(key) => unit.replace_answer(tenant, key, seal, sealed).await?,
            };
            unit.commit().await?;
            Ok(replaced)
        })
        .await
    }
}

/// Where each place is read from: credentials first, then imports, then answers. None where all of it was read before.
struct After<'a> {
    credential: Option<Uuid>,
    import: Option<Uuid>,
    answer: &'a str,
}

impl<'a> After<'a> {
    fn of(last: Option<&'a Seal>) -> Self {
        let (credential, import, answer) = match last.map(|seal| &seal.place) {
            None => (Some(Uuid::nil()), Some(Uuid::nil()), ""),
            Some(SealPlace::Credential) => (last.map(|seal| seal.provider.0), Some(Uuid::nil()), ""),
            Some(SealPlace::Import(job)) => (None, Some(job.0), ""),
            Some(SealPlace::Answer(key)) => (None, None, key.as_str()),
        };
        Self {
            credential,
            import,
            answer,
        }
    }
}

fn length(seals: &[Seal]) -> u32 {
    u32::try_from(seals.len()).unwrap_or(u32::MAX)
}

impl Unit {
    async fn credentials_under(
        &mut self,
        tenant: TenantId,
        kek_id: &str,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<Seal>, Fault> {
        let rows: Vec<(Uuid, String, Vec<u8>, Vec<u8>)> = sqlx::query_as(CREDENTIALS_UNDER)
            .bind(tenant.0)
            .bind(kek_id)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.conn())
            .await?;
        let seal = |(provider, kek_id, sealed_key, sealed_secret)| Seal {
            place: SealPlace::Credential,
            provider: ProviderId(provider),
            sealed: SealedCredential {
                kek_id,
                sealed_key,
                sealed_secret,
            },
        };
        Ok(rows.into_iter().map(seal).collect())
    }

    async fn imports_under(
        &mut self,
        tenant: TenantId,
        kek_id: &str,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<Seal>, Fault> {
        let rows: Vec<(Uuid, Document<Value>)> = sqlx::query_as(dialect::IMPORTS_UNDER)
            .bind(tenant.0)
            .bind(kek_id)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.conn())
            .await?;
        let seal = |(job, payload): (Uuid, Document<Value>)| {
            let payload: ImportPayload = serde_json::from_value(payload.0).ok()?;
            Some(Seal {
                place: SealPlace::Import(JobId(job)),
                provider: payload.provider_id,
                sealed: payload.credential?,
            })
        };
        Ok(rows.into_iter().filter_map(seal).collect())
    }

    async fn answers_under(
        &mut self,
        tenant: TenantId,
        kek_id: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Seal>, Fault> {
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(dialect::ANSWERS_UNDER)
            .bind(tenant.0)
            .bind(kek_id)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.conn())
            .await?;
        let seal = |(key, body): (String, Vec<u8>)| {
            Some(Seal {
                place: SealPlace::Answer(key),
                provider: ProviderId(Uuid::nil()),
                sealed: serde_json::from_slice(&body).ok()?,
            })
        };
        Ok(rows.into_iter().filter_map(seal).collect())
    }

    async fn replace_credential(
        &mut self,
        tenant: TenantId,
        seal: &Seal,
        sealed: &SealedCredential,
    ) -> Result<bool, Fault> {
        let done = sqlx::query(REPLACE_CREDENTIAL)
            .bind(tenant.0)
            .bind(seal.provider.0)
            .bind(&sealed.kek_id)
            .bind(&sealed.sealed_key)
            .bind(&sealed.sealed_secret)
            .bind(&seal.sealed.sealed_key)
            .bind(&seal.sealed.sealed_secret)
            .execute(self.conn())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// A payload changes at no other hand, so there is nothing to compare it with.
    async fn replace_import(
        &mut self,
        tenant: TenantId,
        job: JobId,
        seal: &Seal,
        sealed: &SealedCredential,
    ) -> Result<bool, Fault> {
        let row: Option<(Document<Value>,)> = sqlx::query_as(PAYLOAD)
            .bind(tenant.0)
            .bind(job.0)
            .fetch_optional(self.conn())
            .await?;
        let Some((Document(mut payload),)) = row else {
            return Ok(false);
        };
        let json = |sealed| serde_json::to_value(sealed).map_err(StoreError::internal);
        if payload.get("credential") != Some(&json(&seal.sealed)?) {
            return Ok(false);
        }
        payload["credential"] = json(sealed)?;
        sqlx::query(REPLACE_PAYLOAD)
            .bind(tenant.0)
            .bind(job.0)
            .bind(Document(&payload))
            .execute(self.conn())
            .await?;
        Ok(true)
    }

    async fn replace_answer(
        &mut self,
        tenant: TenantId,
        key: &str,
        seal: &Seal,
        sealed: &SealedCredential,
    ) -> Result<bool, Fault> {
        let json = |sealed| serde_json::to_vec(sealed).map_err(StoreError::internal);
        let done = sqlx::query(REPLACE_ANSWER)
            .bind(tenant.0)
            .bind(key)
            .bind(json(sealed)?)
            .bind(json(&seal.sealed)?)
            .execute(self.conn())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
