//! A metric with labels: a bounded map from label values to cells.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ::metrics::{Key, Label};

use super::registry::{Budget, Registry};
use super::render::{Constant, Page};
use super::series::{OTHER, Series};
use super::{Cell, Counter, Declaration, Gauge, Histogram, Kind, Metric};
use crate::config::MetricsConfig;
use crate::otlp::FamilyPoints;

/// A metric with `N` labels. Cheap to clone.
pub struct Family<K, const N: usize>(Arc<FamilyStore<K>>);

impl<K, const N: usize> Clone for Family<K, N> {
    fn clone(&self) -> Self {
        Family(Arc::clone(&self.0))
    }
}

impl<K: Cell, const N: usize> Family<K, N> {
    /// The series of these label values, in the order of the declaration. Values beyond the bounds of
    /// contract section 1 rule 4 become `other` and are counted in `telemetry_label_overflow_total`.
    ///
    /// The handle may be kept; after [`remove`](Self::remove) it counts into a series that nobody sees.
    pub fn with<L: AsRef<str>>(&self, labels: [L; N]) -> K {
        self.0.with(&labels.each_ref().map(AsRef::as_ref))
    }

    /// Takes one series off the page; answers whether it was there.
    pub fn remove<L: AsRef<str>>(&self, labels: [L; N]) -> bool {
        let labels = labels.each_ref().map(AsRef::as_ref);
        self.0
            .remove(|key| key.iter().zip(labels).all(|(have, gone)| &**have == gone))
            > 0
    }

    /// Takes every series off the page whose `label` is `value` (its agent, tenant or tool is gone); answers how many.
    pub fn remove_where(&self, label: &str, value: &str) -> usize {
        let Some(index) = self.0.declaration.labels.iter().position(|name| *name == label) else {
            return 0;
        };
        self.0
            .remove(|key| key.get(index).is_some_and(|have| &**have == value))
    }
}

impl<K: Cell, const N: usize> Metric for Family<K, N> {
    fn register(registry: &Registry, declaration: &'static Declaration) -> Self {
        Family(registry.family(declaration))
    }
}

macro_rules! without_labels {
    ($($cell:ty),+) => { $(
        impl Metric for $cell {
            fn register(registry: &Registry, declaration: &'static Declaration) -> Self {
                registry.family::<$cell>(declaration).with(&[])
            }
        }
    )+ };
}
without_labels!(Counter, Gauge, Histogram);

/// What a family may hold, and where it says that it was full.
#[derive(Clone)]
pub(crate) struct Bounds {
    pub(crate) limits: MetricsConfig,
    pub(crate) page: Arc<Budget>,
    /// `telemetry_label_overflow_total`; none for that family itself.
    pub(crate) overflow: Option<Arc<FamilyStore<Counter>>>,
}

/// Labels that fit the bounds, and which bounds were reached.
struct Allowed<'a> {
    labels: Vec<&'a str>,
    full: Vec<&'static str>,
}

/// The shared inside of a [`Family`].
pub(crate) struct FamilyStore<K> {
    declaration: &'static Declaration,
    bounds: Bounds,
    series: RwLock<Series<K>>,
}

impl<K: Cell> FamilyStore<K> {
    pub(crate) fn new(declaration: &'static Declaration, bounds: Bounds) -> Self {
        FamilyStore {
            declaration,
            bounds,
            series: RwLock::new(Series::new(declaration.labels.len())),
        }
    }

    pub(crate) fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    pub(crate) fn with(&self, labels: &[&str]) -> K {
        if let Some(cell) = self.known(labels) {
            return cell;
        }
        let mut series = self.write();
        let allowed = self.allowed(&series, labels);
        if let Some(cell) = series.get(&allowed.labels) {
            return cell.clone();
        }
        let cell = K::create(self.declaration);
        self.bounds.page.take(K::lines(self.declaration));
        series.insert(&allowed.labels, cell.clone());
        drop(series);
        self.count_overflow(&allowed.full);
        cell
    }

    /// The series of a key of the façade; none if its labels are not the declared ones.
    pub(crate) fn of(&self, key: &Key) -> Option<K> {
        let value_of = |name: &&str| key.labels().find(|label| label.key() == *name).map(Label::value);
        let names = self.declaration.labels.iter();
        let labels: Vec<&str> = names.map(value_of).collect::<Option<_>>()?;
        (key.labels().len() == labels.len()).then(|| self.with(&labels))
    }

    /// A series that exists, under the reading lock alone: a flood of values beyond a bound stays cheap.
    fn known(&self, labels: &[&str]) -> Option<K> {
        let series = self.read();
        if let Some(cell) = series.get(labels) {
            return Some(cell.clone());
        }
        let allowed = self.allowed(&series, labels);
        let cell = series.get(&allowed.labels).cloned()?;
        drop(series);
        self.count_overflow(&allowed.full);
        Some(cell)
    }

    /// The labels with `other` for what is beyond a bound.
    fn allowed<'a>(&self, series: &Series<K>, labels: &[&'a str]) -> Allowed<'a> {
        let mut allowed = Allowed {
            labels: labels.to_vec(),
            full: Vec::new(),
        };
        for (index, value) in allowed.labels.iter_mut().enumerate() {
            if !series.has_room(index, value, self.values_per_label()) {
                *value = OTHER;
                allowed
                    .full
                    .push(self.declaration.labels.get(index).copied().unwrap_or(OTHER));
            }
        }
        if series.get(&allowed.labels).is_none()
            && let Some(reason) = self.no_room(series.len(), K::lines(self.declaration))
        {
            allowed.labels.fill(OTHER);
            allowed.full.push(reason);
        }
        allowed
    }

    /// Why no further series fits, as the value of the overflow counter's `label`.
    fn no_room(&self, series: usize, lines: usize) -> Option<&'static str> {
        if self.declaration.labels.is_empty() {
            None
        } else if series >= self.bounds.limits.series_per_metric {
            Some("*")
        } else if self.bounds.overflow.is_some() && !self.bounds.page.fits(lines) {
            // The overflow counter itself is not in this: a full page has to say so.
            Some("page")
        } else {
            None
        }
    }

    fn values_per_label(&self) -> usize {
        match self.declaration.kind {
            Kind::Histogram => self.bounds.limits.histogram_values_per_label,
            Kind::Counter | Kind::Gauge => self.bounds.limits.values_per_label,
        }
    }

    fn count_overflow(&self, full: &[&'static str]) {
        let Some(overflow) = &self.bounds.overflow else {
            return;
        };
        for label in full {
            overflow.with(&[self.declaration.name, label]).increment(1);
        }
    }

    fn remove(&self, gone: impl Fn(&[Box<str>]) -> bool) -> usize {
        let removed = self.write().remove(gone);
        self.bounds.page.give_back(removed * K::lines(self.declaration));
        removed
    }

    /// Appends the family, or nothing where it has no series.
    pub(crate) fn render(&self, page: &mut Page, constant: &Constant) {
        // Of a copy: writing takes a while, and one who waits to add a series would keep everyone else waiting.
        let series = self.read().to_vec();
        if series.is_empty() {
            return;
        }
        page.header(self.declaration);
        let constant = constant.beside(self.declaration);
        for (values, cell) in series {
            let labels = constant.and(self.declaration.labels, &values);
            cell.render(page, self.declaration.name, &labels);
        }
    }

    /// What every series says now.
    pub(crate) fn snapshot(&self) -> FamilyPoints {
        let series = self.read().to_vec().into_iter();
        FamilyPoints {
            declaration: self.declaration,
            points: series.map(|(values, cell)| (values, cell.point())).collect(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Series<K>> {
        self.series.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Series<K>> {
        self.series.write().unwrap_or_else(PoisonError::into_inner)
    }
}
