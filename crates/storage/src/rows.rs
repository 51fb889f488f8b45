//! What a row looks like, and how it becomes a noun of the domain. The same on both back ends.
//!
//! Each file has the column list as a macro beside the struct that reads it, so that a new column is one place.

pub mod alert;
pub mod assignment;
pub mod audit;
pub mod job;
pub mod key;
pub mod limit;
pub mod provider;
pub mod tenant;
pub mod tool;
pub mod user;
