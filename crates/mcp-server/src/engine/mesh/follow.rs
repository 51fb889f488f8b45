//! Carries the catalogue's changes to those whom they concern.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::TenantId;
use futures::future::join_all;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Catalogue, CatalogueEvent};
use crate::engine::listeners::{Change, Listeners};
use crate::transport::Upkeep;

/// Changes within this time are told once: an import changes a thousand tools one by one.
pub(super) const SETTLE: Duration = Duration::from_millis(100);

/// Runs until `stop`: what a gone key holds open is closed, and changed lists are told. A part of the service's life.
pub async fn follow_catalogue(
    catalogue: &Catalogue,
    listeners: &Listeners,
    upkeep: &Upkeep,
    stop: CancellationToken,
) {
    // Two ears: a client that is slow to take a notice must not keep a revoked key alive.
    let (keys, tools) = (catalogue.changes(), catalogue.changes());
    tokio::join!(
        async { stop.run_until_cancelled(close_gone_keys(keys, upkeep)).await },
        async {
            stop.run_until_cancelled(tell_changed_tools(tools, listeners))
                .await
        },
    );
}

async fn close_gone_keys(mut changes: Receiver<CatalogueEvent>, upkeep: &Upkeep) {
    loop {
        match changes.recv().await {
            Ok(CatalogueEvent::KeyGone(key)) => upkeep.key_is_gone(key).await,
            Ok(CatalogueEvent::ToolsChanged(_)) => {}
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "keys that are gone are found by the next sweep")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

async fn tell_changed_tools(mut changes: Receiver<CatalogueEvent>, listeners: &Listeners) {
    loop {
        let mut changed = Changed::default();
        match changes.recv().await {
            Ok(CatalogueEvent::ToolsChanged(tenant)) => {
                changed.tenants.insert(tenant);
            }
            Ok(CatalogueEvent::KeyGone(_)) => continue,
            Err(RecvError::Lagged(_)) => changed.everyone = true,
            Err(RecvError::Closed) => return,
        }
        tokio::time::sleep(SETTLE).await;
        changed.drain(&mut changes);
        changed.tell(listeners).await;
    }
}

/// Whose tools have changed.
#[derive(Default)]
struct Changed {
    tenants: BTreeSet<TenantId>,
    /// More changed than could be followed.
    everyone: bool,
}

impl Changed {
    fn drain(&mut self, changes: &mut Receiver<CatalogueEvent>) {
        loop {
            match changes.try_recv() {
                Ok(CatalogueEvent::ToolsChanged(tenant)) => {
                    self.tenants.insert(tenant);
                }
                Ok(CatalogueEvent::KeyGone(_)) => {}
                Err(TryRecvError::Lagged(_)) => self.everyone = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    async fn tell(self, listeners: &Listeners) {
        if self.everyone {
            return listeners.tell_all(&Change::Tools).await;
        }
        join_all(
            self.tenants
                .into_iter()
                .map(|tenant| listeners.tell(tenant, &Change::Tools)),
        )
        .await;
    }
}
