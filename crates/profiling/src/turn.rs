//! One profile at a time.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::ProfileError;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to profile this process. There is one, because a second profile would show the first, and the timer behind
/// a CPU profile is the process's own. Dropping it gives it back.
#[derive(Debug)]
pub struct Turn(());

impl Turn {
    /// Takes the turn.
    ///
    /// # Errors
    /// When another profile is being taken.
    pub fn take() -> Result<Self, ProfileError> {
        match TAKEN.swap(true, Ordering::AcqRel) {
            false => Ok(Self(())),
            true => Err(ProfileError::Busy),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}
