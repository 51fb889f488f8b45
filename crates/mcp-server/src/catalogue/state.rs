//! What the catalogue knows, by the ways it is looked up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::catalogue::EntityKind;
use domain::{ApiKey, Entity, KeyId, Provider, ProviderId, TenantId, Tool, ToolId};
use uuid::Uuid;

use super::CatalogueEvent;

/// Keys, providers and tools.
#[derive(Default)]
pub(super) struct State {
    keys: HashMap<KeyId, Arc<ApiKey>>,
    by_prefix: HashMap<String, KeyId>,
    providers: HashMap<ProviderId, Arc<Provider>>,
    tools: HashMap<TenantId, BTreeMap<String, Arc<Tool>>>,
    /// Where a tool is, by its id: its name may change.
    places: HashMap<ToolId, (TenantId, String)>,
    lists: HashMap<TenantId, Arc<[Arc<Tool>]>>,
}

impl State {
    pub(super) fn key(&self, id: KeyId) -> Option<Arc<ApiKey>> {
        self.keys.get(&id).cloned()
    }

    pub(super) fn key_by_prefix(&self, prefix: &str) -> Option<Arc<ApiKey>> {
        self.key(*self.by_prefix.get(prefix)?)
    }

    pub(super) fn tool(&self, tenant: TenantId, name: &str) -> Option<(Arc<Tool>, Arc<Provider>)> {
        let tool = self.tools.get(&tenant)?.get(name)?;
        let provider = self.providers.get(&tool.provider_id)?;
        Some((Arc::clone(tool), Arc::clone(provider)))
    }

    /// The tenant's list, if it was made since the last change.
    pub(super) fn listed(&self, tenant: TenantId) -> Option<Arc<[Arc<Tool>]>> {
        self.lists.get(&tenant).cloned()
    }

    /// The tenant's list, made now and kept until the next change.
    pub(super) fn list(&mut self, tenant: TenantId) -> Arc<[Arc<Tool>]> {
        let tools = self.tools.get(&tenant).into_iter().flat_map(BTreeMap::values);
        // A tool whose provider has not arrived cannot be called, so it is not shown.
        let usable = tools.filter(|tool| self.providers.contains_key(&tool.provider_id));
        let list: Arc<[Arc<Tool>]> = usable.cloned().collect();
        self.lists.insert(tenant, Arc::clone(&list));
        list
    }

    pub(super) fn put(&mut self, entity: Entity) -> Vec<CatalogueEvent> {
        match entity {
            Entity::Tenant(_) => Vec::new(),
            Entity::Key(key) => self.put_key(key),
            Entity::Provider(provider) => {
                let tenant = provider.tenant_id;
                self.providers.insert(provider.id, Arc::new(provider));
                self.tools_changed(tenant)
            }
            Entity::Tool(tool) => self.put_tool(*tool),
        }
    }

    pub(super) fn remove(&mut self, kind: EntityKind, id: Uuid) -> Vec<CatalogueEvent> {
        match kind {
            EntityKind::Tenant => Vec::new(),
            EntityKind::Key => self.remove_key(KeyId(id)),
            EntityKind::Provider => match self.providers.remove(&ProviderId(id)) {
                Some(provider) => self.tools_changed(provider.tenant_id),
                None => Vec::new(),
            },
            EntityKind::Tool => match self.take_tool(ToolId(id)) {
                Some(tenant) => self.tools_changed(tenant),
                None => Vec::new(),
            },
        }
    }

    fn put_key(&mut self, key: ApiKey) -> Vec<CatalogueEvent> {
        let gone = key.revoked_at.map(|_| CatalogueEvent::KeyGone(key.id));
        if let Some(old) = self.keys.get(&key.id) {
            self.by_prefix.remove(&old.prefix);
        }
        self.by_prefix.insert(key.prefix.clone(), key.id);
        self.keys.insert(key.id, Arc::new(key));
        gone.into_iter().collect()
    }

    fn remove_key(&mut self, id: KeyId) -> Vec<CatalogueEvent> {
        let Some(key) = self.keys.remove(&id) else {
            return Vec::new();
        };
        self.by_prefix.remove(&key.prefix);
        vec![CatalogueEvent::KeyGone(id)]
    }

    fn put_tool(&mut self, tool: Tool) -> Vec<CatalogueEvent> {
        let (id, tenant, name) = (tool.id, tool.tenant_id, tool.name.clone());
        self.take_tool(id);
        self.tools
            .entry(tenant)
            .or_default()
            .insert(name.clone(), Arc::new(tool));
        self.places.insert(id, (tenant, name));
        self.tools_changed(tenant)
    }

    fn take_tool(&mut self, id: ToolId) -> Option<TenantId> {
        let (tenant, name) = self.places.remove(&id)?;
        let tools = self.tools.get_mut(&tenant)?;
        if tools.get(&name).is_some_and(|tool| tool.id == id) {
            tools.remove(&name);
        }
        Some(tenant)
    }

    fn tools_changed(&mut self, tenant: TenantId) -> Vec<CatalogueEvent> {
        self.lists.remove(&tenant);
        vec![CatalogueEvent::ToolsChanged(tenant)]
    }
}
