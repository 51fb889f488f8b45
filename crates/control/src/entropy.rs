//! Randomness and identifiers as dependencies.

use domain::TaskId;
use rand::Rng;
use uuid::Uuid;

/// Where random bytes come from.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// Where the identifiers of agents, tasks, choices and messages come from: later ones are greater.
pub trait Ids: Send + Sync {
    /// One that was not there before.
    fn fresh(&self) -> Uuid;
}

/// By the machine's clock, as everywhere else.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn fresh(&self) -> Uuid {
        TaskId::generate().0
    }
}

/// The operating system's generator, by way of a thread-local ChaCha12 that it seeds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where randomness is made")]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
