//! Why there is no profile.

use thiserror::Error;

/// Why there is no profile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Another one is being taken.
    #[error("another profile of this process is being taken: one at a time")]
    Busy,
    /// The allocator does not keep track of who holds memory.
    #[error("{0}")]
    NoHeapProfile(&'static str),
    /// The operating system or the sampler refused.
    #[error("the profile failed: {0}")]
    Failed(String),
}

impl ProfileError {
    pub(crate) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}
