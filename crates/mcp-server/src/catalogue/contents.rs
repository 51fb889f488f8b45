//! What the catalogue is made of: the writer's side. Readers see a [`View`] that is made of it, whole or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::catalogue::EntityKind;
use domain::{ApiKey, Entity, KeyId, LimitId, Provider, ProviderId, RateLimit, TenantId, Tool, ToolId};
use uuid::Uuid;

use super::view::{Keys, Limits, TenantTools, View};

/// One step of the catalogue.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every step is a put, and none is kept"
)]
pub(super) enum Update {
    /// A thing as it stands now.
    Put(Entity),
    /// A thing that is gone.
    Remove(EntityKind, Uuid),
}

/// Keys, providers and tools, and what of them changed since the last view was made.
#[derive(Default)]
pub(super) struct Contents {
    keys: HashMap<KeyId, Arc<ApiKey>>,
    providers: HashMap<TenantId, HashMap<ProviderId, Arc<Provider>>>,
    tools: HashMap<TenantId, BTreeMap<String, Arc<Tool>>>,
    /// Where a tool is, by its id: its name may change.
    places: HashMap<ToolId, (TenantId, String)>,
    limits: HashMap<LimitId, RateLimit>,
    changed: Changed,
}

#[derive(Default)]
struct Changed {
    keys: bool,
    limits: bool,
    tenants: BTreeSet<TenantId>,
}

impl Contents {
    pub(super) fn apply(&mut self, update: Update) {
        match update {
            Update::Put(Entity::Tenant(_)) => {}
            Update::Put(Entity::Key(key)) => {
                self.keys.insert(key.id, Arc::new(key));
                self.changed.keys = true;
            }
            Update::Put(Entity::Provider(provider)) => self.put_provider(provider),
            Update::Put(Entity::Tool(tool)) => self.put_tool(*tool),
            Update::Remove(EntityKind::Tenant, id) => self.remove_tenant(TenantId(id)),
            Update::Remove(EntityKind::Key, id) => {
                self.changed.keys |= self.keys.remove(&KeyId(id)).is_some();
            }
            Update::Remove(EntityKind::Provider, id) => self.remove_provider(ProviderId(id)),
            Update::Remove(EntityKind::Tool, id) => self.remove_tool(ToolId(id)),
            Update::Put(Entity::Limit(limit)) => {
                self.limits.insert(limit.id, limit);
                self.changed.limits = true;
            }
            Update::Remove(EntityKind::Limit, id) => {
                self.changed.limits |= self.limits.remove(&LimitId(id)).is_some();
            }
        }
    }

    /// The view of what there is now. What has not changed since `old` is shared with it.
    pub(super) fn view(&mut self, old: &View) -> View {
        let changed = std::mem::take(&mut self.changed);
        let mut view = old.clone();
        if changed.keys {
            view.keys = Arc::new(Keys::of(self.keys.values()));
        }
        if changed.limits {
            view.limits = Arc::new(Limits::of(self.limits.values()));
        }
        if !changed.tenants.is_empty() {
            let tenants = Arc::make_mut(&mut view.tenants);
            for tenant in changed.tenants {
                match self.tenant_tools(tenant, old) {
                    Some(tools) => tenants.insert(tenant, Arc::new(tools)),
                    None => tenants.remove(&tenant),
                };
            }
        }
        view
    }

    /// Makes the next view look at everything, and at what `old` has and this has not.
    pub(super) fn all_changed(&mut self, old: &View) {
        (self.changed.keys, self.changed.limits) = (true, true);
        let tenants = self.providers.keys().chain(old.tenants.keys()).copied();
        self.changed.tenants.extend(tenants);
    }

    fn tenant_tools(&self, tenant: TenantId, old: &View) -> Option<TenantTools> {
        let providers = self.providers.get(&tenant)?;
        let tools = self.tools.get(&tenant).into_iter().flat_map(BTreeMap::values);
        // A tool whose provider has not arrived cannot be called, so it is not shown.
        let usable = tools.filter(|tool| providers.contains_key(&tool.provider_id));
        Some(TenantTools::new(
            usable.cloned(),
            providers.clone(),
            old.tenants.get(&tenant),
        ))
    }

    fn put_provider(&mut self, provider: Provider) {
        let tenant = provider.tenant_id;
        let providers = self.providers.entry(tenant).or_default();
        providers.insert(provider.id, Arc::new(provider));
        self.changed.tenants.insert(tenant);
    }

    fn remove_provider(&mut self, id: ProviderId) {
        let mut of = self.providers.iter_mut();
        let held = of.find_map(|(tenant, providers)| providers.remove(&id).map(|_| *tenant));
        if let Some(tenant) = held {
            self.providers.retain(|_, providers| !providers.is_empty());
            self.changed.tenants.insert(tenant);
        }
    }

    fn put_tool(&mut self, tool: Tool) {
        let (id, tenant, name) = (tool.id, tool.tenant_id, tool.name.clone());
        self.remove_tool(id);
        let tools = self.tools.entry(tenant).or_default();
        tools.insert(name.clone(), Arc::new(tool));
        self.places.insert(id, (tenant, name));
        self.changed.tenants.insert(tenant);
    }

    fn remove_tool(&mut self, id: ToolId) {
        let Some((tenant, name)) = self.places.remove(&id) else {
            return;
        };
        if let Some(tools) = self.tools.get_mut(&tenant) {
            // Another tool may have taken the name meanwhile.
            if tools.get(&name).is_some_and(|tool| tool.id == id) {
                tools.remove(&name);
            }
            if tools.is_empty() {
                self.tools.remove(&tenant);
            }
        }
        self.changed.tenants.insert(tenant);
    }

    /// A tenant takes with it whatever belongs to it.
    fn remove_tenant(&mut self, tenant: TenantId) {
        let keys = self.keys.len();
        self.keys.retain(|_, key| key.tenant_id != tenant);
        self.changed.keys |= self.keys.len() != keys;
        let limits = self.limits.len();
        self.limits.retain(|_, limit| limit.tenant_id != tenant);
        self.changed.limits |= self.limits.len() != limits;
        self.providers.remove(&tenant);
        self.tools.remove(&tenant);
        self.places.retain(|_, (of, _)| *of != tenant);
        self.changed.tenants.insert(tenant);
    }
}
