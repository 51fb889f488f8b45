//! The tools that this worker has called, so that what it shows of a tool goes when the tool is gone.
//!
//! The worker has no watch of the catalogue: a tool that was not called for a while is asked for at rest-api.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connectors::Connectors;
use domain::{Provider, ProviderId, StoreError, TenantId, Tool};
use tokio_util::sync::CancellationToken;
use uplink::Jobs;

/// Most tools that are kept in mind, and asked for in one round. Series are bounded below that by themselves.
const MOST: usize = 2_000;

/// The tools that this worker has called.
#[derive(Default)]
pub struct Tools(Mutex<HashMap<(TenantId, String), Called>>);

struct Called {
    provider: ProviderId,
    provider_name: String,
    /// When it was called, or found to be there.
    seen: Instant,
}

impl Tools {
    /// The tool is called now.
    pub(crate) fn called(&self, tool: &Tool, provider: &Provider) {
        let mut tools = self.lock();
        let key = (tool.tenant_id, tool.name.to_string());
        if tools.len() >= MOST && !tools.contains_key(&key) {
            return;
        }
        let called = Called {
            provider: provider.id,
            provider_name: provider.name.to_string(),
            seen: Instant::now(),
        };
        tools.insert(key, called);
    }

    /// Those that were not seen for `idle`.
    fn idle(&self, idle: Duration) -> Vec<(TenantId, String)> {
        let tools = self.lock();
        let idle = tools.iter().filter(|(_, called)| called.seen.elapsed() >= idle);
        idle.map(|(key, _)| key.clone()).collect()
    }

    /// It is there: it need not be asked for again soon.
    fn found(&self, key: &(TenantId, String)) {
        if let Some(called) = self.lock().get_mut(key) {
            called.seen = Instant::now();
        }
    }

    /// It is gone, and takes with it what no other tool here shares: its name's series, its provider's, and what is kept
    /// of the provider.
    fn gone(&self, key: &(TenantId, String), connectors: &Connectors) {
        let mut tools = self.lock();
        let Some(gone) = tools.remove(key) else { return };
        if !tools.keys().any(|(_, name)| *name == key.1) {
            connectors.retire_tool(&key.1);
        }
        if !tools.values().any(|other| other.provider == gone.provider) {
            connectors.forget(gone.provider);
        }
        if !tools
            .values()
            .any(|other| other.provider_name == gone.provider_name)
        {
            connectors.retire_provider(&gone.provider_name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TenantId, String), Called>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks until `stop` whether tools that were not called for `idle` are still there.
pub(crate) async fn watch(
    tools: Arc<Tools>,
    connectors: Arc<Connectors>,
    jobs: Jobs,
    idle: Duration,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let look = async {
        loop {
            tokio::time::sleep(idle / 2).await;
            for key in tools.idle(idle) {
                match jobs.tool(key.0, &key.1).await {
                    Ok(_) => tools.found(&key),
                    Err(StoreError::NotFound) => tools.gone(&key, &connectors),
                    // rest-api is away: the next round is early enough.
                    Err(_) => break,
                }
            }
        }
    };
    stop.run_until_cancelled(look).await;
    Ok(())
}
