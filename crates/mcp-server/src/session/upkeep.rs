//! What goes on beside the requests: hearing of sessions that ended elsewhere, and keeping those with open streams.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;

use super::{OpenSession, Sessions, record};

/// How long to wait before listening again after the cache was lost.
const PAUSE: Duration = Duration::from_secs(1);

/// Idle sessions are not looked for more often than this.
const LEAST_BEAT: Duration = Duration::from_millis(250);

/// Idle sessions that are put away at once: each asks the cache first.
const AT_ONCE: usize = 32;

/// Places for sessions that the table keeps when it is emptied.
const SPARE: usize = 1024;

impl Sessions {
    /// Runs until `stop`. A part of the service's life.
    pub async fn run(&self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            tokio::join!(
                self.follow(),
                self.follow_others(),
                self.keep_alive(),
                self.put_away(),
                self.be_present()
            );
        })
        .await;
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

    /// Takes what was said in a session at other replicas.
    async fn follow_others(&self) {
        loop {
            if let Err(error) = self.follow_said().await {
                tracing::warn!(%error, "what is said at other replicas is not heard here");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends the workers of sessions that nobody uses.
    async fn put_away(&self) {
        let resident = self.0.config.resident.get();
        let mut beat = tokio::time::interval((resident / 4).max(LEAST_BEAT));
        loop {
            beat.tick().await;
            let is_idle = |session: &&Arc<OpenSession>| {
                session.is_quiet() && session.verified().elapsed() > resident.max(super::RECHECK)
            };
            let idle: Vec<_> = self.lock().values().filter(is_idle).cloned().collect();
            let sessions = stream::iter(idle);
            sessions
                .for_each_concurrent(AT_ONCE, async |session| {
                    // Without its entry it would be lost, unless it has expired anyway.
                    if self.0.cache.get(&record::key(&session.id)).await.is_ok() && is_idle(&&session) {
                        self.forget(&session.id).await;
                    }
                })
                .await;
            self.lock().shrink_to(SPARE);
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
