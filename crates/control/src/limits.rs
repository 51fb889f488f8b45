//! Rate limits: set, shown and removed by people; the edge enforces them.

use domain::limit::{Bucket, Defaults, MAX_BURST, Rate, Subject};
use domain::{Limit, LimitId, Page, PageRequest, Principal, RateLimit, Scope, TenantId};

use crate::error::Check;
use crate::{Control, ControlError, require};

/// What a limit should be.
#[derive(Debug, Clone)]
pub struct NewLimit {
    /// Whom it binds, as text.
    pub subject: String,
    /// How often, as text.
    pub rate: String,
    /// How many calls at once; a second's when absent.
    pub burst: Option<u32>,
}

impl Control {
    /// Puts a limit in the place of the one that its subject had; replicas with a live watch follow within a second.
    ///
    /// # Errors
    /// Without `keys:write`; fields that are not as expected; when there is no such key, provider or tool, because a
    /// limit with a slip in its name would never bind anybody.
    pub async fn set_limit(&self, caller: &Principal, new: NewLimit) -> Result<RateLimit, ControlError> {
        require(caller, Scope::KeysWrite)?;
        let (subject, rate) = (new.subject.parse::<Subject>(), new.rate.parse::<Rate>());
        let mut check = Check::default();
        if let Err(error) = &subject {
            check.that(false, "subject", error.to_string());
        }
        if let Err(error) = &rate {
            check.that(false, "rate", error.to_string());
        }
        let fits = new.burst.is_none_or(|burst| (1..=MAX_BURST).contains(&burst));
        check.that(fits, "burst", format!("1 to {MAX_BURST}"));
        check.finish()?;
        let (Ok(subject), Ok(rate)) = (subject, rate) else {
            return Err(ControlError::internal("a limit that was checked cannot be read"));
        };
        self.exists(caller, &subject).await?;
        let limit = RateLimit {
            id: LimitId::generate(),
            tenant_id: caller.tenant_id,
            subject,
            limit: Limit {
                rate,
                burst: new.burst.unwrap_or_else(|| rate.default_burst()),
            },
            updated_at: self.now(),
        };
        Ok(self.storage.limits.set(caller.tenant_id, &limit).await?)
    }

    /// The tenant's limits, by subject.
    ///
    /// # Errors
    /// Without `keys:read`.
    pub async fn list_limits(
        &self,
        caller: &Principal,
        page: PageRequest,
    ) -> Result<Page<RateLimit>, ControlError> {
        require(caller, Scope::KeysRead)?;
        Ok(self.storage.limits.list(caller.tenant_id, page).await?)
    }

    /// The limit of one subject.
    ///
    /// # Errors
    /// Without `keys:read`; when it has none.
    pub async fn get_limit(&self, caller: &Principal, subject: &str) -> Result<RateLimit, ControlError> {
        require(caller, Scope::KeysRead)?;
        let subject = subject.parse().map_err(|_| ControlError::NotFound)?;
        Ok(self.storage.limits.get(caller.tenant_id, &subject).await?)
    }

    /// Removes the limit of a subject: what the settings say of everybody binds it from now on.
    ///
    /// # Errors
    /// Without `keys:write`; when it has none.
    pub async fn remove_limit(&self, caller: &Principal, subject: &str) -> Result<(), ControlError> {
        require(caller, Scope::KeysWrite)?;
        let subject = subject.parse().map_err(|_| ControlError::NotFound)?;
        Ok(self.storage.limits.remove(caller.tenant_id, &subject).await?)
    }

    /// The limits that a call of `tool` is under: those that somebody set, else `defaults`. A tool that does not exist is
    /// under none of its own: that it does not exist is found out when it is called.
    ///
    /// # Errors
    /// Without `tools:call`; when storage is away.
    pub async fn limits_of_call(
        &self,
        caller: &Principal,
        tool: &str,
        defaults: &Defaults,
    ) -> Result<Vec<Bucket>, ControlError> {
        require(caller, Scope::ToolsCall)?;
        let set = self.all_limits(caller.tenant_id).await?;
        if set.is_empty() && defaults.are_none() {
            return Ok(Vec::new());
        }
        let mut subjects = vec![Subject::Tenant, Subject::Key(caller.name.clone())];
        if let Ok(tool) = self.storage.providers.tool(caller.tenant_id, tool).await {
            let provider = self
                .storage
                .providers
                .get(caller.tenant_id, tool.provider_id)
                .await?;
            subjects.extend([Subject::Provider(provider.name), Subject::Tool(tool.name)]);
        }
        let bucket = |subject: Subject| {
            let own = set.iter().find(|limit| limit.subject == subject);
            Some(Bucket {
                tenant_id: caller.tenant_id,
                limit: own.map(|own| own.limit).or_else(|| defaults.of(&subject))?,
                subject,
            })
        };
        Ok(subjects.into_iter().filter_map(bucket).collect())
    }

    async fn all_limits(&self, tenant: TenantId) -> Result<Vec<RateLimit>, ControlError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest {
                limit: PageRequest::MAX,
                after,
            };
            let page = self.storage.limits.list(tenant, page).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn exists(&self, caller: &Principal, subject: &Subject) -> Result<(), ControlError> {
        let providers = &self.storage.providers;
        match subject {
            Subject::Tenant => {}
            Subject::Key(name) => self.key_is_named(caller, name).await?,
            Subject::Provider(name) => {
                providers.by_name(caller.tenant_id, name).await?;
            }
            Subject::Tool(name) => {
                providers.tool(caller.tenant_id, name).await?;
            }
        }
        Ok(())
    }

    async fn key_is_named(&self, caller: &Principal, name: &str) -> Result<(), ControlError> {
        let mut page = PageRequest::first(PageRequest::MAX);
        loop {
            let keys = self.storage.keys.list(caller.tenant_id, page).await?;
            if keys.items.iter().any(|key| key.name == name) {
                return Ok(());
            }
            let Some(next) = keys.next else {
                return Err(ControlError::NotFound);
            };
            page = PageRequest {
                limit: PageRequest::MAX,
                after: Some(next),
            };
        }
    }
}
