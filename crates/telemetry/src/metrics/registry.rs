//! The metric families of one service.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::family::{Bounds, FamilyStore};
use super::render::{Constant, Page};
use super::{Cell, Declaration, Format};
use crate::catalogue::OVERFLOW;
use crate::config::MetricsConfig;
use crate::otlp::{FamilyPoints, Snapshot};

/// The metric families of one service, and the labels that all of their series carry: its recorder of the `metrics`
/// façade, as a value.
pub struct Registry {
    constant: Constant,
    bounds: Bounds,
    families: RwLock<Families>,
}

type Families = BTreeMap<&'static str, Arc<dyn AnyFamily>>;

impl Registry {
    /// An empty registry whose series carry these values of `service` and `environment`.
    #[must_use]
    pub fn new(service: &str, environment: &str, limits: &MetricsConfig) -> Self {
        let page = Arc::new(Budget {
            lines: AtomicUsize::new(0),
            bound: limits.lines_per_page,
        });
        let mut bounds = Bounds {
            limits: limits.clone(),
            page,
            overflow: None,
        };
        let overflow = Arc::new(FamilyStore::new(OVERFLOW, bounds.clone()));
        bounds.overflow = Some(Arc::clone(&overflow));
        let families = Families::from([(OVERFLOW.name, overflow as Arc<dyn AnyFamily>)]);
        Registry {
            constant: Constant::new([("service", service), ("environment", environment)]),
            bounds,
            families: RwLock::new(families),
        }
    }

    /// The Prometheus page of every family that has a series, sorted by name.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = Page::new(Format::Text);
        self.write(&mut page);
        page.end()
    }

    /// Appends every family that has a series, sorted by name.
    pub(crate) fn write(&self, page: &mut Page) {
        let families: Vec<_> = self.read().values().cloned().collect();
        for family in families {
            family.render(page, &self.constant);
        }
    }

    /// What every series says now, under the name of their `service`.
    pub(crate) fn snapshot(&self, service: &'static str) -> Snapshot {
        let families: Vec<_> = self.read().values().cloned().collect();
        let families = families.iter().map(|family| family.snapshot());
        Snapshot {
            service,
            families: families.filter(|family| !family.points.is_empty()).collect(),
        }
    }

    /// The family of a declaration: one for all callers.
    pub(crate) fn family<K: Cell>(&self, declaration: &'static Declaration) -> Arc<FamilyStore<K>> {
        let fresh = || Arc::new(FamilyStore::<K>::new(declaration, self.bounds.clone()));
        let mut families = self.families.write().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = families.get(declaration.name) else {
            let family = fresh();
            families.insert(declaration.name, Arc::clone(&family) as Arc<dyn AnyFamily>);
            return family;
        };
        let same = known.declaration() == declaration && K::KIND == declaration.kind;
        match Arc::clone(known).into_any().downcast() {
            Ok(family) if same => family,
            _ => {
                drop(families);
                tracing::error!(
                    metric = declaration.name,
                    "metric declared twice, differently: the second is not exported"
                );
                fresh()
            }
        }
    }

    /// The family of this name, if it is declared with this kind.
    pub(crate) fn known<K: Cell>(&self, name: &str) -> Option<Arc<FamilyStore<K>>> {
        let family = Arc::clone(self.read().get(name)?);
        family.into_any().downcast().ok()
    }

    fn read(&self) -> RwLockReadGuard<'_, Families> {
        self.families.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many lines the page may have; shared by its families.
pub(crate) struct Budget {
    lines: AtomicUsize,
    bound: usize,
}

impl Budget {
    pub(crate) fn fits(&self, lines: usize) -> bool {
        self.lines.load(Relaxed) + lines <= self.bound
    }

    pub(crate) fn take(&self, lines: usize) {
        self.lines.fetch_add(lines, Relaxed);
    }

    pub(crate) fn give_back(&self, lines: usize) {
        self.lines.fetch_sub(lines, Relaxed);
    }
}

/// A family whatever its kind of cell.
trait AnyFamily: Send + Sync {
    fn declaration(&self) -> &'static Declaration;
    fn render(&self, page: &mut Page, constant: &Constant);
    fn snapshot(&self) -> FamilyPoints;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<K: Cell> AnyFamily for FamilyStore<K> {
    fn declaration(&self) -> &'static Declaration {
        FamilyStore::declaration(self)
    }

    fn render(&self, page: &mut Page, constant: &Constant) {
        FamilyStore::render(self, page, constant);
    }

    fn snapshot(&self) -> FamilyPoints {
        FamilyStore::snapshot(self)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
