//! Providers: added, changed and removed here; read, refreshed and checked by worker jobs.

mod add;
mod addresses;
mod credential;
mod read;
mod refresh;
mod remove;
mod update;

pub use add::NewProvider;
pub use update::ProviderChange;
