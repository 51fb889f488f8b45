//! What a tenant's tools look like to its agents: made once for each state of the catalogue, and only as far as asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use domain::pin::Pin;
use domain::{ProviderId, TenantId, Tool as MeshTool};
use rmcp::ErrorData;
use rmcp::model::Tool;
use tokio::sync::OnceCell;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::follow::SETTLE;
use super::{finder, listing};
use crate::catalogue::{Catalogue, CatalogueEvent};
use crate::search::ToolIndex;

/// Most different sets of pins whose lists are kept for one tenant.
const MOST_LISTS: usize = 256;

/// What a list depends on: pins, and the first name and number of the tools of tasks.
type Listed = (Vec<String>, Option<&'static str>, usize);

/// The shelves of all tenants. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Shelves(Arc<Inner>);

struct Inner {
    catalogue: Catalogue,
    direct_limit: usize,
    by_tenant: Mutex<HashMap<TenantId, Arc<Shelf>>>,
}

/// The tools of one tenant in one state of the catalogue.
pub(super) struct Shelf {
    pub(super) of: Arc<[Arc<MeshTool>]>,
    providers: HashMap<ProviderId, String>,
    is_large: bool,
    /// As MCP shows them, in the order of `of`.
    shown: Box<[OnceLock<Tool>]>,
    /// What is listed, by the pins of the key that asks and how many tools of tasks it sees.
    lists: Mutex<HashMap<Listed, Arc<[Tool]>>>,
    index: OnceCell<Arc<ToolIndex>>,
}

impl Shelves {
    pub(super) fn new(catalogue: Catalogue, direct_limit: usize) -> Self {
        Self(Arc::new(Inner {
            catalogue,
            direct_limit,
            by_tenant: Mutex::default(),
        }))
    }

    /// A tenant's shelf as it stands now.
    pub(super) fn of(&self, tenant: TenantId) -> Arc<Shelf> {
        let tools = self.0.catalogue.tools(tenant);
        let mut shelves = self.shelves();
        if let Some(shelf) = shelves.get(&tenant)
            && Arc::ptr_eq(&shelf.of, &tools)
        {
            return Arc::clone(shelf);
        }
        if tools.is_empty() {
            shelves.remove(&tenant);
            return Arc::new(Shelf::new(tools, HashMap::new(), self.0.direct_limit));
        }
        let providers = self.0.catalogue.provider_names(tenant);
        let shelf = Arc::new(Shelf::new(tools, providers, self.0.direct_limit));
        shelves.insert(tenant, Arc::clone(&shelf));
        shelf
    }

    /// Indexes a tenant's tools again if they were searched before: the next search should not wait for it.
    async fn renew(&self, tenant: TenantId, searched: bool) {
        let shelf = self.of(tenant);
        if searched
            && shelf.is_large
            && let Err(error) = shelf.index().await
        {
            tracing::warn!(%error, "tools could not be indexed; the next search tries again");
        }
    }

    fn was_searched(&self, tenant: TenantId) -> bool {
        self.shelves()
            .get(&tenant)
            .is_some_and(|shelf| shelf.index.initialized())
    }

    fn shelves(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Shelf>>> {
        self.0.by_tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the indexes of searched tenants current, until `stop`. A part of the service's life.
pub async fn keep_indexes(shelves: Shelves, stop: CancellationToken) {
    let mut changes = shelves.0.catalogue.changes();
    let keep = async {
        loop {
            match changes.recv().await {
                Ok(CatalogueEvent::ToolsChanged(tenant)) => {
                    let searched = shelves.was_searched(tenant);
                    // An import changes a thousand tools one by one.
                    tokio::time::sleep(SETTLE).await;
                    shelves.renew(tenant, searched).await;
                }
                Ok(CatalogueEvent::KeyGone(_)) => {}
                // Whoever searches next waits for the index instead.
                Err(RecvError::Lagged(_)) => changes = changes.resubscribe(),
                Err(RecvError::Closed) => return,
            }
        }
    };
    stop.run_until_cancelled(keep).await;
}

impl Shelf {
    fn new(of: Arc<[Arc<MeshTool>]>, providers: HashMap<ProviderId, String>, direct_limit: usize) -> Self {
        Self {
            is_large: of.len() > direct_limit,
            shown: of.iter().map(|_| OnceLock::new()).collect(),
            of,
            providers,
            lists: Mutex::default(),
            index: OnceCell::new(),
        }
    }

    /// Whether the mesh's own tools stand for these, because they are too many to list.
    pub(super) fn is_large(&self) -> bool {
        self.is_large
    }

    /// One tool as MCP shows it.
    pub(super) fn tool(&self, name: &str) -> Option<Tool> {
        let place = self
            .of
            .binary_search_by(|tool| tool.name.as_str().cmp(name))
            .ok()?;
        self.at(place).cloned()
    }

    /// The places of the tools between which one of this name would stand.
    pub(super) fn beside(&self, name: &str) -> impl Iterator<Item = usize> {
        let after = self.of.partition_point(|tool| tool.name.as_str() < name);
        let both = [after.checked_sub(1), Some(after)];
        both.into_iter().flatten().filter(|place| *place < self.of.len())
    }

    /// What is listed for a key with these pins that sees these tools of tasks, sorted by name.
    pub(super) fn shown(&self, pins: &[String], tasks: &'static [Tool]) -> Arc<[Tool]> {
        let pins = if self.is_large { pins } else { &[] };
        let listed: Listed = (
            pins.to_vec(),
            tasks.first().map(|tool| tool.name.as_ref()),
            tasks.len(),
        );
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(&listed) {
            return Arc::clone(list);
        }
        let list = if self.is_large { self.few(pins) } else { self.all() };
        let list = self.with(list, tasks);
        if lists.len() >= MOST_LISTS {
            lists.clear();
        }
        lists.insert(listed, Arc::clone(&list));
        list
    }

    /// The index of these tools; made when it is first asked for, on a thread that serves nobody.
    pub(super) async fn index(&self) -> Result<Arc<ToolIndex>, ErrorData> {
        let make = || async {
            let tools = Arc::clone(&self.of);
            tokio::task::spawn_blocking(move || Arc::new(ToolIndex::new(&tools))).await
        };
        let made = self.index.get_or_try_init(make).await;
        made.map(Arc::clone).map_err(|error| {
            tracing::error!(%error, "the index of tools could not be made");
            ErrorData::internal_error("the tools cannot be searched just now", None)
        })
    }

    /// The name of the provider that runs a tool.
    pub(super) fn provider_of(&self, tool: &MeshTool) -> &str {
        self.providers.get(&tool.provider_id).map_or("", String::as_str)
    }

    fn at(&self, place: usize) -> Option<&Tool> {
        let (slot, tool) = self.shown.get(place).zip(self.of.get(place))?;
        Some(slot.get_or_init(|| listing::tool(tool)))
    }

    /// A provider's tool goes before one of tasks that has its name.
    fn with(&self, list: Arc<[Tool]>, tasks: &[Tool]) -> Arc<[Tool]> {
        if tasks.is_empty() {
            return list;
        }
        let free = tasks.iter().filter(|tool| self.tool(&tool.name).is_none());
        let mut all: Vec<Tool> = list.iter().chain(free).cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all.into()
    }

    fn all(&self) -> Arc<[Tool]> {
        let places = 0..self.of.len();
        places.filter_map(|place| self.at(place).cloned()).collect()
    }

    /// The mesh's own tools and the pinned ones. A pin that is no pin any more pins nothing.
    fn few(&self, pins: &[String]) -> Arc<[Tool]> {
        let pins: Vec<Pin> = pins.iter().filter_map(|pin| Pin::parse(pin).ok()).collect();
        let is_pinned = |tool: &MeshTool| pins.iter().any(|pin| pin.pins(tool, self.provider_of(tool)));
        let tools = self.of.iter().enumerate();
        let pinned = tools.filter(|(_, tool)| is_pinned(tool) && !finder::is_own(&tool.name));
        let mut few: Vec<Tool> = pinned.filter_map(|(place, _)| self.at(place).cloned()).collect();
        few.extend(finder::all().iter().cloned());
        few.sort_by(|one, other| one.name.cmp(&other.name));
        few.into()
    }
}
