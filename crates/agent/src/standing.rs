//! How an agent stands with the mesh, for people who watch it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How an agent stands with the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The mesh has registered it: it gets tasks from now on. Again when the mesh had given it up meanwhile.
    Registered {
        /// Its identifier.
        id: String,
        /// How often it has been registered.
        epoch: u64,
    },
    /// There is no connection; another is tried.
    Away {
        /// Why.
        why: String,
        /// When.
        next: Duration,
    },
    /// There is a connection again.
    Back,
}

/// Who is told.
#[derive(Clone)]
pub(crate) struct Watcher(Arc<dyn Fn(Standing) + Send + Sync>);

impl Watcher {
    pub(crate) fn new(tell: impl Fn(Standing) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, standing: Standing) {
        (self.0)(standing);
    }
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
