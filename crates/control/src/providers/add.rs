//! Adds a provider: a job reads its description, and stores the provider with its tools or nothing.

use std::collections::BTreeMap;

use domain::breaker::BreakerLimits;
use domain::job::ImportPayload;
use domain::provider::{self, AuthScheme, CallLimits, DescriptionSource, ProviderKind, Selection};
use domain::{Effect, Job, JobKind, Principal, Priority, ProviderId, Scope, StoreError};
use zeroize::Zeroizing;

use super::addresses::{check_auth, check_hosts, is_web_address};
use crate::error::Check;
use crate::jobs::NewJob;
use crate::{Control, ControlError, require};

/// How often an address that gives no description is tried: somebody waits for the answer, and a wrong address is
/// likelier than one that comes back. A refresh, which nobody waits for, has [`crate::jobs::MAX_ATTEMPTS`].
const ATTEMPTS: u32 = 3;

/// A provider that is to be added.
#[derive(Debug, Clone)]
pub struct NewProvider {
    /// Short name, `[a-z][a-z0-9-]{0,31}`.
    pub name: String,
    /// Where its description comes from.
    pub source: DescriptionSource,
    /// Where calls go; the description's first server when absent.
    pub base_url: Option<String>,
    /// How calls are authenticated.
    pub auth: AuthScheme,
    /// The credential; required by every scheme but `none`.
    pub secret: Option<Zeroizing<String>>,
    /// Which operations become tools.
    pub selection: Selection,
    /// Private hosts that it may reach; needs `admin`.
    pub allowed_hosts: Vec<String>,
    /// Bounds of its calls.
    pub limits: CallLimits,
    /// W3C trace context of the caller.
    pub trace: BTreeMap<String, String>,
}

impl Control {
    /// Stores the job that reads the description. The provider exists when that job is done; a description that is
    /// wrong fails the job with all its faults and stores nothing.
    ///
    /// # Errors
    /// Without `tools:write` (and `admin` for private hosts); when the name is taken or a field is malformed.
    pub async fn add_provider(&self, caller: &Principal, new: NewProvider) -> Result<Job, ControlError> {
        require(caller, Scope::ToolsWrite)?;
        if !new.allowed_hosts.is_empty() {
            require(caller, Scope::Admin)?;
        }
        check(&new)?;
        let tenant = caller.tenant_id;
        match self.storage.providers.by_name(tenant, &new.name).await {
            Err(StoreError::NotFound) => {}
            Ok(_) => {
                let message = format!("the provider `{}` exists already", new.name);
                return Err(ControlError::Conflict {
                    field: "name",
                    message,
                });
            }
            Err(error) => return Err(error.into()),
        }
        let provider_id = ProviderId::generate();
        let seal = |secret: &Zeroizing<String>| self.vault.seal(tenant, provider_id, secret.as_bytes());
        let credential = new
            .secret
            .as_ref()
            .map(seal)
            .transpose()
            .map_err(ControlError::internal)?;
        let payload = ImportPayload {
            provider_id,
            name: new.name,
            kind: ProviderKind::Openapi,
            source: new.source,
            base_url: new.base_url,
            auth: new.auth,
            selection: new.selection,
            allowed_hosts: new.allowed_hosts,
            limits: new.limits,
            credential,
        };
        let mut job = self.new_job(NewJob {
            tenant_id: tenant,
            kind: JobKind::ProviderImport,
            payload: serde_json::to_value(payload).map_err(ControlError::internal)?,
            effect: Effect::Idempotent,
            priority: Priority::High,
            idempotency_key: None,
            requested_by: Some(caller.key_id),
            trace: new.trace,
        });
        job.max_attempts = ATTEMPTS;
        self.storage.jobs.enqueue(tenant, &job).await?;
        Ok(job)
    }
}

fn check(new: &NewProvider) -> Result<(), ControlError> {
    let mut check = Check::default();
    let name = "1 to 32 of a-z, 0-9 and -, beginning with a letter";
    check.that(provider::is_valid_name(&new.name), "name", name);
    if let DescriptionSource::Url { url } = &new.source {
        check.that(
            is_web_address(url),
            "source.url",
            "an http or https address without user name or fragment",
        );
    }
    if let Some(url) = &new.base_url {
        let expected = "an http or https address without user name, query or fragment";
        check.that(is_web_address(url) && !url.contains('?'), "base_url", expected);
    }
    let needs_secret = new.auth != AuthScheme::None;
    let has_secret = new.secret.as_ref().is_some_and(|secret| !secret.is_empty());
    let expected = if needs_secret {
        "a secret, since `auth` needs one"
    } else {
        "no secret, since `auth` is none"
    };
    check.that(needs_secret == has_secret, "secret", expected);
    let secret = new.secret.as_ref().map_or("", |secret| secret.as_str());
    check_auth(&mut check, &new.auth, secret);
    check_hosts(&mut check, &new.allowed_hosts);
    check_selection(&mut check, &new.selection);
    check_limits(&mut check, &new.limits);
    check.finish()
}

/// Notes globs that do not compile.
pub(super) fn check_selection(check: &mut Check, selection: &Selection) {
    for (field, globs) in [
        ("selection.allow", &selection.allow),
        ("selection.deny", &selection.deny),
    ] {
        for glob in globs {
            check.that(
                globset::Glob::new(glob).is_ok(),
                field,
                format!("a glob, not `{glob}`"),
            );
        }
    }
}

/// Notes limits that are out of range.
pub(super) fn check_limits(check: &mut Check, limits: &CallLimits) {
    check.that(
        (1..=600_000).contains(&limits.timeout_ms),
        "limits.timeout_ms",
        "1 to 600000",
    );
    check.that(
        (1..=1_000).contains(&limits.concurrency),
        "limits.concurrency",
        "1 to 1000",
    );
    check.that(
        limits.queue_timeout_ms <= 60_000,
        "limits.queue_timeout_ms",
        "0 to 60000",
    );
    check.that(limits.queue_length <= 10_000, "limits.queue_length", "0 to 10000");
    let bytes = (1_024..=16 << 20).contains(&limits.max_response_bytes);
    check.that(bytes, "limits.max_response_bytes", "1024 to 16777216");
    check_breaker(check, &limits.breaker);
}

fn check_breaker(check: &mut Check, breaker: &BreakerLimits) {
    let times = 100..=3_600_000;
    check.that(
        times.contains(&breaker.window_ms),
        "limits.breaker.window_ms",
        "100 to 3600000",
    );
    check.that(
        times.contains(&breaker.open_ms),
        "limits.breaker.open_ms",
        "100 to 3600000",
    );
    check.that(
        (1..=600_000).contains(&breaker.slow_call_ms),
        "limits.breaker.slow_call_ms",
        "1 to 600000",
    );
    check.that(
        (1..=100_000).contains(&breaker.minimum_calls),
        "limits.breaker.minimum_calls",
        "1 to 100000",
    );
    check.that(
        (1..=100).contains(&breaker.failure_percent),
        "limits.breaker.failure_percent",
        "1 to 100",
    );
    check.that(
        (1..=100).contains(&breaker.slow_percent),
        "limits.breaker.slow_percent",
        "1 to 100",
    );
    check.that(
        (1..=1_000).contains(&breaker.probes),
        "limits.breaker.probes",
        "1 to 1000",
    );
}
