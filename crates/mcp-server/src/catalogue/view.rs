//! What readers see of the catalogue: a value that never changes, replaced as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use domain::limit::Subject;
use domain::token::TokenKey;
use domain::{ApiKey, KeyId, Limit, Provider, ProviderId, RateLimit, TenantId, Tool};

use super::CatalogueEvent;

/// The catalogue at one moment. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct View {
    pub(super) keys: Arc<Keys>,
    pub(super) limits: Arc<Limits>,
    pub(super) tenants: Arc<HashMap<TenantId, Arc<TenantTools>>>,
    /// What checks access tokens.
    pub(super) token_keys: Arc<[TokenKey]>,
}

/// The keys, by the ways they are looked up.
#[derive(Default)]
pub(super) struct Keys {
    by_id: HashMap<KeyId, Arc<ApiKey>>,
    by_prefix: HashMap<String, Arc<ApiKey>>,
}

/// The rate limits of each tenant that has any.
#[derive(Default)]
pub(super) struct Limits(HashMap<TenantId, Arc<HashMap<Subject, Limit>>>);

/// One tenant's tools, sorted by name, with their providers.
pub(super) struct TenantTools {
    pub(super) list: Arc<[Arc<Tool>]>,
    providers: HashMap<ProviderId, Arc<Provider>>,
}

/// What is no longer there, for those who keep something of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Names that no tenant's tool has any more.
    pub tools: Vec<String>,
    /// Providers.
    pub providers: Vec<ProviderId>,
    /// Names that no tenant's provider has any more.
    pub provider_names: Vec<String>,
}

impl Keys {
    pub(super) fn of<'a>(keys: impl Iterator<Item = &'a Arc<ApiKey>>) -> Self {
        let mut all = Self::default();
        for key in keys {
            all.by_id.insert(key.id, Arc::clone(key));
            all.by_prefix.insert(key.prefix.clone(), Arc::clone(key));
        }
        all
    }

    pub(super) fn get(&self, id: KeyId) -> Option<&ApiKey> {
        self.by_id.get(&id).map(Arc::as_ref)
    }

    pub(super) fn by_prefix(&self, prefix: &str) -> Option<&ApiKey> {
        self.by_prefix.get(prefix).map(Arc::as_ref)
    }

    fn is_usable(&self, id: KeyId) -> bool {
        self.get(id).is_some_and(|key| key.revoked_at.is_none())
    }
}

impl Limits {
    pub(super) fn of<'a>(limits: impl Iterator<Item = &'a RateLimit>) -> Self {
        let mut of: HashMap<TenantId, HashMap<Subject, Limit>> = HashMap::new();
        for limit in limits {
            let tenant = of.entry(limit.tenant_id).or_default();
            tenant.insert(limit.subject.clone(), limit.limit);
        }
        Self(
            of.into_iter()
                .map(|(tenant, limits)| (tenant, Arc::new(limits)))
                .collect(),
        )
    }

    pub(super) fn get(&self, tenant: TenantId) -> Option<&Arc<HashMap<Subject, Limit>>> {
        self.0.get(&tenant)
    }
}

impl TenantTools {
    /// The list is the old one where it says the same, so that whatever was made of it stays good.
    pub(super) fn new(
        tools: impl Iterator<Item = Arc<Tool>>,
        providers: HashMap<ProviderId, Arc<Provider>>,
        old: Option<&Arc<Self>>,
    ) -> Self {
        let list: Arc<[Arc<Tool>]> = tools.collect();
        let list = match old {
            Some(old) if old.lists_the_same(&list) => Arc::clone(&old.list),
            _ => list,
        };
        Self { list, providers }
    }

    fn lists_the_same(&self, list: &[Arc<Tool>]) -> bool {
        let same = |(one, other): (&Arc<Tool>, &Arc<Tool>)| Arc::ptr_eq(one, other) || one == other;
        self.list.len() == list.len() && self.list.iter().zip(list).all(same)
    }

    /// The providers.
    pub(super) fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    /// The names of the providers.
    pub(super) fn provider_names(&self) -> HashMap<ProviderId, String> {
        let names = self
            .providers
            .iter()
            .map(|(id, provider)| (*id, provider.name.clone()));
        names.collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<(&Arc<Tool>, &Arc<Provider>)> {
        let index = self
            .list
            .binary_search_by(|tool| tool.name.as_str().cmp(name))
            .ok()?;
        let tool = self.list.get(index)?;
        Some((tool, self.providers.get(&tool.provider_id)?))
    }
}

impl View {
    /// Whom the step from `old` to this one concerns.
    pub(super) fn events_since(&self, old: &Self) -> Vec<CatalogueEvent> {
        let mut events = Vec::new();
        if !Arc::ptr_eq(&self.keys, &old.keys) {
            let used = old.keys.by_id.keys().filter(|id| old.keys.is_usable(**id));
            let gone = used.filter(|id| !self.keys.is_usable(**id));
            events.extend(gone.map(|id| CatalogueEvent::KeyGone(*id)));
        }
        let changed = self.changed_since(old).into_iter();
        events.extend(
            changed
                .filter(|tenant| self.list(*tenant) != old.list(*tenant))
                .map(CatalogueEvent::ToolsChanged),
        );
        events
    }

    /// What `old` had and this has no more.
    pub(super) fn gone_since(&self, old: &Self) -> Gone {
        let mut gone = Gone::default();
        for tenant in self.changed_since(old) {
            let Some(before) = old.tenants.get(&tenant) else {
                continue;
            };
            let now = self.tenants.get(&tenant);
            let keeps = |id: &ProviderId| now.is_some_and(|now| now.providers.contains_key(id));
            for (id, provider) in before.providers.iter().filter(|(id, _)| !keeps(id)) {
                gone.providers.push(*id);
                if !self.has_provider(&provider.name) {
                    gone.provider_names.push(provider.name.clone());
                }
            }
            let has = |name: &str| now.is_some_and(|now| now.get(name).is_some());
            let names = before.list.iter().map(|tool| &tool.name);
            let lost = names.filter(|name| !has(name) && !self.has_anywhere(name));
            gone.tools.extend(lost.cloned());
        }
        gone
    }

    fn has_provider(&self, name: &str) -> bool {
        let mut all = self.tenants.values().flat_map(|tenant| tenant.providers.values());
        all.any(|provider| provider.name == name)
    }

    /// The tenants that are not the very same in `old`.
    fn changed_since(&self, old: &Self) -> Vec<TenantId> {
        if Arc::ptr_eq(&self.tenants, &old.tenants) {
            return Vec::new();
        }
        let same = |id: &TenantId| match (self.tenants.get(id), old.tenants.get(id)) {
            (Some(now), Some(before)) => Arc::ptr_eq(now, before),
            _ => false,
        };
        let removed = old.tenants.keys().filter(|id| !self.tenants.contains_key(id));
        let all = self.tenants.keys().chain(removed);
        all.filter(|id| !same(id)).copied().collect()
    }

    /// The address of a tenant's list, none when it is empty: another one exactly when it says something else.
    fn list(&self, tenant: TenantId) -> Option<*const [Arc<Tool>]> {
        let tools = self.tenants.get(&tenant)?;
        (!tools.list.is_empty()).then(|| Arc::as_ptr(&tools.list))
    }

    fn has_anywhere(&self, name: &str) -> bool {
        self.tenants.values().any(|tools| tools.get(name).is_some())
    }
}
