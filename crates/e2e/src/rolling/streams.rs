//! Clients that listen for what changes, and come back when they were sent away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use test_support::eventually;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Mcp, PATIENCE};

/// Clients, until they are ended.
pub(super) struct Listeners {
    running: JoinSet<Result<()>>,
    over: CancellationToken,
    came_back: Arc<AtomicUsize>,
}

impl Listeners {
    pub(super) async fn start(url: &str, key: &str, count: usize) -> Result<Self> {
        let (mut running, over) = (JoinSet::new(), CancellationToken::new());
        let came_back = Arc::new(AtomicUsize::new(0));
        for _ in 0..count {
            let client = Mcp::open(url, key).await?;
            let (over, came_back) = (over.clone(), Arc::clone(&came_back));
            running.spawn(async move {
                // `listen` waits for as long as the run does, and no longer.
                match over.run_until_cancelled(listen(&client, &came_back)).await {
                    Some(ended) => ended,
                    None => Ok(()),
                }
            });
        }
        Ok(Self {
            running,
            over,
            came_back,
        })
    }

    /// How often one came back.
    ///
    /// # Errors
    /// When one was not told when to come back, or could not.
    pub(super) async fn end(mut self) -> Result<usize> {
        self.over.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended??;
        }
        Ok(self.came_back.load(Ordering::Relaxed))
    }
}

/// Listens in its session, over whichever replica takes it.
async fn listen(client: &Mcp, came_back: &AtomicUsize) -> Result<()> {
    loop {
        let stream = eventually(PATIENCE, || client.listen()).await?;
        stream.ended().await;
        let wait = stream
            .retry()
            .context("sent away without a word when to come back")?;
        ensure!(!wait.is_zero(), "told to come back at once");
        tokio::time::sleep(wait).await;
        came_back.fetch_add(1, Ordering::Relaxed);
    }
}
