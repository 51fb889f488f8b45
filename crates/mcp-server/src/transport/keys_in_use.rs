//! Which keys have something open on this replica, so that it can be closed when a key is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::KeyId;
use tokio_util::sync::CancellationToken;

/// The keys in use. Cheap to clone.
#[derive(Clone, Default)]
pub struct KeysInUse(Arc<Mutex<HashMap<KeyId, InUse>>>);

#[derive(Default)]
struct InUse {
    holders: usize,
    gone: CancellationToken,
}

/// One request or stream of a key.
pub(crate) struct Held {
    keys: KeysInUse,
    key: KeyId,
    gone: CancellationToken,
}

impl Held {
    /// Cancelled when the key is gone.
    pub(crate) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut keys = self.keys.lock();
        if let Some(in_use) = keys.get_mut(&self.key) {
            in_use.holders -= 1;
            if in_use.holders == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

impl KeysInUse {
    /// Counts one more use of the key until the guard is dropped.
    pub(crate) fn hold(&self, key: KeyId) -> Held {
        let mut keys = self.lock();
        let in_use = keys.entry(key).or_default();
        in_use.holders += 1;
        Held {
            keys: self.clone(),
            key,
            gone: in_use.gone.clone(),
        }
    }

    /// Closes everything that the key holds.
    pub fn close(&self, key: KeyId) {
        if let Some(in_use) = self.lock().get(&key) {
            in_use.gone.cancel();
        }
    }

    /// The keys that hold something and have not been closed.
    #[must_use]
    pub fn held(&self) -> Vec<KeyId> {
        let keys = self.lock();
        keys.iter()
            .filter(|(_, in_use)| !in_use.gone.is_cancelled())
            .map(|(key, _)| *key)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, InUse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_a_key_reaches_every_holder_of_it_and_no_other() {
        let keys = KeysInUse::default();
        let (one, other) = (KeyId::generate(), KeyId::generate());
        let (first, second, third) = (keys.hold(one), keys.hold(one), keys.hold(other));
        keys.close(one);
        assert!(first.gone().is_cancelled() && second.gone().is_cancelled());
        assert!(!third.gone().is_cancelled());
        assert_eq!(keys.held(), [other]);
    }

    #[test]
    fn a_key_that_holds_nothing_any_more_is_forgotten() {
        let keys = KeysInUse::default();
        let key = KeyId::generate();
        let (first, second) = (keys.hold(key), keys.hold(key));
        drop(first);
        assert_eq!(keys.held(), [key]);
        drop(second);
        assert!(keys.held().is_empty());
    }
}
