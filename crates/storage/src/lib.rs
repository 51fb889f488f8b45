//! Storage: the port `domain::ports::storage` on Postgres and on SQLite, from one code base.
//!
//! - [`connect`] picks the back end by URL, runs the migrations and hands out the port.
//! - `aggregates/` holds the SQL, one file per aggregate. It is compiled twice, once inside [`postgres`] and once
//!   inside [`sqlite`]: there, `Db` and `dialect` name the back end. Statements that differ are in the dialects.
//! - `rows/` holds what a row looks like and how it becomes a noun of the domain.
//!
//! Two locks keep tenants apart: every statement names the tenant, and on Postgres row-level security binds every
//! transaction to it (`migrations/postgres/0001_roles.sql`). SQLite has the first lock only.
#![expect(
    clippy::duplicate_mod,
    reason = "the aggregates are compiled once for each back end, from the same files"
)]

mod announcement;
pub mod backup;
mod column;
mod connect;
mod cursor;
pub mod events;
mod fault;
pub mod inspect;
mod meter;
pub mod migrate;
mod outage;
mod postgres;
mod rows;
mod scope;
mod signals;
mod sqlite;
mod transition;

pub use connect::{ConnectError, StorageOptions, connect};
pub use meter::DbMetrics;
