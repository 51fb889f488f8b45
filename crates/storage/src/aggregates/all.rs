//! Every aggregate of the port. Compiled twice: `Db`, `bulk`, `dialect` and `Pools` are those of the module that includes it.

mod agents;
mod alerts;
mod answers;
mod assignments;
mod attempts;
mod audit;
mod changes;
mod database;
mod entities;
mod events;
mod grants;
mod import;
mod jobs;
mod keys;
mod limits;
mod messages;
mod outbox;
mod placing;
mod providers;
mod read_back;
mod seals;
mod store;
mod sweep;
mod task_lists;
mod tasks;
mod tenants;
mod together;
mod tools;
mod unit;
mod users;

use std::sync::Arc;

use domain::ports::Storage;
use sqlx::Database;

use super::pools::Pools;
use super::{Db, bulk, dialect};
use crate::meter::Meter;
use crate::signals::Signals;
use store::Store;

/// A connection of this back end.
type Connection = <Db as Database>::Connection;

/// How many rows one statement inserts: SQLite binds at most 32,766 values, the widest row has 17.
const BATCH: usize = 500;

/// Up to so many rows a statement with as many values stays prepared.
const FEW: usize = 4;

/// The port, on these connections.
pub(super) fn storage(pools: Pools, meter: Arc<Meter>, signals: Arc<Signals>) -> Storage {
    let store = Arc::new(Store {
        pools,
        meter,
        signals,
    });
    Storage {
        tenants: Arc::clone(&store) as _,
        keys: Arc::clone(&store) as _,
        users: Arc::clone(&store) as _,
        limits: Arc::clone(&store) as _,
        providers: Arc::clone(&store) as _,
        jobs: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        alerts: Arc::clone(&store) as _,
        agents: Arc::clone(&store) as _,
        tasks: Arc::clone(&store) as _,
        assignments: Arc::clone(&store) as _,
        events: Arc::clone(&store) as _,
        messages: Arc::clone(&store) as _,
        changes: Arc::clone(&store) as _,
        idempotency: Arc::clone(&store) as _,
        seals: Arc::clone(&store) as _,
        database: store,
    }
}
