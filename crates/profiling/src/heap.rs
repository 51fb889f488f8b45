//! Heap profiles: which stacks allocated the memory that is in use now.
//!
//! jemalloc takes one stack for about every four megabytes that is allocated (`lg_prof_sample`, set at build time in
//! `.cargo/config.toml`) and forgets it when the memory is freed; the numbers are scaled up to the whole.

use crate::error::ProfileError;
use crate::profile::Profile;
use crate::turn::Turn;

#[cfg(feature = "jemalloc")]
mod dump;
#[cfg(any(feature = "jemalloc", test))]
mod parse;

/// What holds memory now.
///
/// # Errors
/// When this binary's allocator is not jemalloc, or it was told not to sample.
pub async fn take(turn: Turn) -> Result<Profile, ProfileError> {
    let taken = tokio::task::spawn_blocking(move || {
        let profile = now();
        drop(turn);
        profile
    });
    taken.await.map_err(ProfileError::failed)?
}

#[cfg(feature = "jemalloc")]
fn now() -> Result<Profile, ProfileError> {
    parse::profile(&dump::text()?)
}

#[cfg(not(feature = "jemalloc"))]
fn now() -> Result<Profile, ProfileError> {
    Err(ProfileError::NoHeapProfile(
        "this binary's allocator is not jemalloc",
    ))
}
