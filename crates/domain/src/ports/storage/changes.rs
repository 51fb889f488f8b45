//! The numbered changes of the catalogue.

use async_trait::async_trait;
use tokio::sync::watch;

use super::Result;
use crate::catalogue::Change;
use crate::catalogue::Entity;

/// The numbered changes of the catalogue.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Across tenants: identifies this database's numbering; a watcher that knows another one starts afresh.
    async fn epoch(&self) -> Result<String>;
    /// Across tenants: the newest number, 0 when there is none.
    async fn head(&self) -> Result<i64>;
    /// Across tenants: everything the catalogue holds, tenants first, then keys, providers, tools; in pages.
    async fn snapshot(&self, after: Option<String>, limit: u32) -> Result<(Vec<Entity>, Option<String>)>;
    /// Across tenants: changes after `number`, oldest first. None when retention has removed some of them.
    async fn since(&self, number: i64, limit: u32) -> Result<Option<Vec<Change>>>;
    /// Rises whenever there may be new changes.
    fn moved(&self) -> watch::Receiver<u64>;
}
