//! The credentials of providers, as the process that runs a call holds them: zeroized, and not for long.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::provider::AuthScheme;
use domain::{CallErrorKind, Provider, ProviderId, TenantId};
use secrecy::SecretString;
use telemetry::metrics::{Gauge, GaugeGuard};
use tokio::sync::Mutex;

use crate::failure::CallFailure;
use crate::http_api::Authorization;

/// A credential in clear; zeroized when it is dropped, and never printed.
pub type Secret = SecretString;

/// A credential is asked for again when it has been held for this part of the time that it may be.
const RENEWED_AFTER: u32 = 3;

/// How long nothing is asked ahead after it could not be had.
const REST: Duration = Duration::from_secs(30);

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

/// The credential of one provider, fetched when it is first needed or ahead of that.
pub(crate) struct Held {
    source: Arc<dyn CredentialSource>,
    provider: Provider,
    hold: Duration,
    gauge: Gauge,
    held: Mutex<Option<Kept>>,
    /// When it was last asked for ahead, in vain.
    failed: std::sync::Mutex<Option<Instant>>,
}

struct Kept {
    since: Instant,
    authorization: Arc<Authorization>,
    _counted: GaugeGuard,
}

impl Held {
    /// A credential that is used for `hold` after it was had; `gauge` counts those that are held.
    pub(crate) fn new(
        source: Arc<dyn CredentialSource>,
        provider: Provider,
        hold: Duration,
        gauge: Gauge,
    ) -> Self {
        Self {
            source,
            provider,
            hold,
            gauge,
            held: Mutex::default(),
            failed: std::sync::Mutex::default(),
        }
    }

    /// What proves who we are; calls that need it at the same time wait for one fetch.
    pub(crate) async fn authorization(&self) -> Result<Arc<Authorization>, CallFailure> {
        if self.provider.auth == AuthScheme::None {
            return Ok(Arc::new(Authorization::none()));
        }
        let mut held = self.held.lock().await;
        if let Some(kept) = held.as_ref()
            && kept.since.elapsed() < self.hold
        {
            return Ok(Arc::clone(&kept.authorization));
        }
        *held = None;
        let authorization = Arc::new(Authorization::new(&self.provider.auth, &self.fetch().await?)?);
        *held = Some(self.keep(&authorization));
        Ok(authorization)
    }

    /// Asks for it before it is needed, and again before it is too old. What is held goes on being used when the source
    /// is silent. Answers whether the source could be asked.
    pub(crate) async fn renew(&self) -> bool {
        if self.provider.auth == AuthScheme::None || self.rests() || self.is_fresh().await {
            return true;
        }
        let provider = &self.provider;
        let asked = self
            .source
            .credential(provider.tenant_id, provider.id, provider.version);
        let answer = asked.await;
        let authorization = match &answer {
            Ok(Some(secret)) => Authorization::new(&provider.auth, secret).ok(),
            Ok(None) => None,
            Err(reason) => {
                tracing::debug!(
                    event = "credential_renewal_failed",
                    provider = %provider.name,
                    %reason,
                    "a credential could not be renewed ahead of its time"
                );
                None
            }
        };
        match authorization {
            Some(authorization) => *self.held.lock().await = Some(self.keep(&Arc::new(authorization))),
            None => *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now()),
        }
        answer.is_ok()
    }

    fn keep(&self, authorization: &Arc<Authorization>) -> Kept {
        Kept {
            since: Instant::now(),
            authorization: Arc::clone(authorization),
            _counted: self.gauge.hold(),
        }
    }

    async fn is_fresh(&self) -> bool {
        let held = self.held.lock().await;
        held.as_ref()
            .is_some_and(|kept| kept.since.elapsed() < self.hold / RENEWED_AFTER)
    }

    fn rests(&self) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < REST)
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
                tracing::warn!(
                    event = "credential_fetch_failed",
                    provider = %name,
                    %reason,
                    "a credential could not be fetched"
                );
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
                .is_some_and(|kept| kept.since.elapsed() >= self.hold)
        {
            *held = None;
        }
    }
}
