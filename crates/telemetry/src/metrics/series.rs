//! The series of one family, bounded by label and in total.
//!
//! A map of our own rather than `metrics_util::registry::Registry`, which can drop a single series too: a look-up there
//! takes an owned key (an allocation per label and call), a series would be added outside the lock under which its
//! bounds are checked, and its hash has no random seed, though label values such as agents come from callers.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;
use indexmap::{Equivalent, IndexMap};

/// The value that stands for everything beyond a bound.
pub(crate) const OTHER: &str = "other";

/// Series that there is always room for.
const KEPT: usize = 16;

/// Label values; shared with the page while it is written.
type Key = Arc<[Box<str>]>;

/// Label values to look up, borrowed.
pub(crate) struct Wanted<'a>(pub &'a [&'a str]);

impl Hash for Wanted<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Key> for Wanted<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let mut pairs = self.0.iter().zip(key.iter());
        self.0.len() == key.len() && pairs.all(|(wanted, have)| *wanted == &**have)
    }
}

/// Label values to cells, and how many series use each value of each label.
pub(crate) struct Series<K> {
    cells: IndexMap<Key, K, RandomState>,
    uses: Vec<HashMap<Box<str>, usize>>,
}

impl<K: Clone> Series<K> {
    pub(crate) fn new(labels: usize) -> Self {
        Series {
            cells: IndexMap::default(),
            uses: vec![HashMap::new(); labels],
        }
    }

    pub(crate) fn get(&self, labels: &[&str]) -> Option<&K> {
        self.cells.get(&Wanted(labels))
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn to_vec(&self) -> Vec<(Key, K)> {
        let cells = self.cells.iter();
        cells.map(|(key, cell)| (Arc::clone(key), cell.clone())).collect()
    }

    /// Whether label number `index` may take `value`, with at most `bound` values in use.
    pub(crate) fn has_room(&self, index: usize, value: &str, bound: usize) -> bool {
        let Some(uses) = self.uses.get(index) else {
            return true;
        };
        value == OTHER || uses.len() < bound || uses.contains_key(value)
    }

    pub(crate) fn insert(&mut self, labels: &[&str], cell: K) {
        for (uses, value) in self.uses.iter_mut().zip(labels) {
            if *value != OTHER {
                *uses.entry(Box::from(*value)).or_default() += 1;
            }
        }
        self.cells
            .insert(labels.iter().map(|value| Box::from(*value)).collect(), cell);
    }

    /// Forgets the series that `gone` picks; answers how many.
    pub(crate) fn remove(&mut self, gone: impl Fn(&[Box<str>]) -> bool) -> usize {
        let before = self.cells.len();
        let uses = &mut self.uses;
        self.cells.retain(|key, _| {
            let keep = !gone(key);
            if !keep {
                release(uses, key);
            }
            keep
        });
        self.shrink();
        before - self.cells.len()
    }

    /// Gives room back once most of it is empty: a flood of names leaves nothing behind.
    fn shrink(&mut self) {
        let room = |len: usize| (2 * len).max(KEPT);
        if self.cells.capacity() > 2 * room(self.cells.len()) {
            self.cells.shrink_to(room(self.cells.len()));
        }
        for uses in &mut self.uses {
            if uses.capacity() > 2 * room(uses.len()) {
                uses.shrink_to(room(uses.len()));
            }
        }
    }
}

fn release(uses: &mut [HashMap<Box<str>, usize>], key: &[Box<str>]) {
    for (uses, value) in uses.iter_mut().zip(key) {
        if let Some(count) = uses.get_mut(value) {
            *count -= 1;
            if *count == 0 {
                uses.remove(value);
            }
        }
    }
}
