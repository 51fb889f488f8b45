//! What goes on beside the requests: hearing of sessions that ended elsewhere, and keeping those with open streams.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::{OpenSession, Sessions, record};

/// How long to wait before listening again after the cache was lost.
const PAUSE: Duration = Duration::from_secs(1);

impl Sessions {
    /// Runs until `stop`. A part of the service's life.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(async { stop.run_until_cancelled(self.follow()).await }, async {
            stop.run_until_cancelled(self.keep_alive()).await
        },);
    }

    /// Ends here what was ended elsewhere.
    async fn follow(&self) {
        loop {
            match self.0.cache.listen(record::ENDED).await {
                Ok(mut ended) => {
                    while let Some(id) = ended.next().await {
                        self.forget(&String::from_utf8_lossy(&id)).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "sessions that end elsewhere are not heard of at once"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A session whose client holds a stream is in use, although nothing is sent.
    async fn keep_alive(&self) {
        let mut beat = tokio::time::interval(self.0.config.idle.get() / 3);
        loop {
            beat.tick().await;
            let held: Vec<_> = self
                .lock()
                .values()
                .filter(|session| session.holds_streams())
                .cloned()
                .collect();
            join_all(held.into_iter().map(|session| self.touch(session))).await;
        }
    }

    async fn touch(&self, session: Arc<OpenSession>) {
        if !self.is_still_open(&session).await {
            return;
        }
        // Closing a channel that does not exist does nothing, but it is an event, and events keep a session alive.
        if let Err(error) = session.handle.close_request_wise_channel(u64::MAX).await {
            tracing::debug!(%error, session_id = &*session.id, "session ended meanwhile");
        }
    }
}
