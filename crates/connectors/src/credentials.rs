//! The credentials of providers, as the process that runs a call holds them: zeroized, and not for long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::provider::AuthScheme;
use domain::{CallErrorKind, Provider, ProviderId, TenantId};
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::failure::CallFailure;
use crate::http_api::Authorization;

/// A credential in clear; zeroized when it is dropped, and never printed.
pub type Secret = SecretString;

/// How long a credential is held after it was fetched.
const HELD_FOR: Duration = Duration::from_secs(300);

/// Where credentials come from: rest-api, which alone can open them.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// The credential of a provider, at this version of the provider's row; none if it has none.
    ///
    /// # Errors
    /// Why it cannot be had now, for the log. It is not shown to the caller.
    async fn credential(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
    ) -> Result<Option<Secret>, String>;
}

/// The credential of one provider, fetched when it is first needed.
pub(crate) struct Held {
    source: Arc<dyn CredentialSource>,
    provider: Provider,
    held: Mutex<Option<(Instant, Arc<Authorization>)>>,
}

impl Held {
    pub(crate) fn new(source: Arc<dyn CredentialSource>, provider: Provider) -> Self {
        Self {
            source,
            provider,
            held: Mutex::default(),
        }
    }

    /// What proves who we are; calls that need it at the same time wait for one fetch.
    pub(crate) async fn authorization(&self) -> Result<Arc<Authorization>, CallFailure> {
        if self.provider.auth == AuthScheme::None {
            return Ok(Arc::new(Authorization::none()));
        }
        let mut held = self.held.lock().await;
        if let Some((since, authorization)) = held.as_ref()
            && since.elapsed() < HELD_FOR
        {
            return Ok(Arc::clone(authorization));
        }
        *held = None;
        let authorization = Arc::new(Authorization::new(&self.provider.auth, &self.fetch().await?)?);
        *held = Some((Instant::now(), Arc::clone(&authorization)));
        Ok(authorization)
    }

    async fn fetch(&self) -> Result<Secret, CallFailure> {
        let Provider {
            id,
            tenant_id,
            version,
            name,
            ..
        } = &self.provider;
        let unavailable = |message: String| CallFailure::new(CallErrorKind::Unavailable, message);
        match self.source.credential(*tenant_id, *id, *version).await {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => Err(unavailable(format!(
                "the provider `{name}` needs a credential and has none stored"
            ))),
            Err(reason) => {
                tracing::warn!(provider = %name, %reason, "credential_fetch_failed");
                Err(unavailable(format!(
                    "the credential of the provider `{name}` cannot be had now; try again later"
                )))
            }
        }
    }

    /// Drops the credential: the upstream refused it, so it may have been replaced.
    pub(crate) async fn drop_credential(&self) {
        *self.held.lock().await = None;
    }

    /// Drops the credential if it has been held long enough.
    pub(crate) fn expire(&self) {
        if let Ok(mut held) = self.held.try_lock()
            && held
                .as_ref()
                .is_some_and(|(since, _)| since.elapsed() >= HELD_FOR)
        {
            *held = None;
        }
    }
}
