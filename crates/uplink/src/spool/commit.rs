//! Group commit: records that are written at the same time wait for one flush of the disk together.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// How far the disk has what was written.
#[derive(Default)]
pub(super) struct GroupCommit {
    flushed: AtomicU64,
    turn: Mutex<()>,
}

impl GroupCommit {
    /// Waits until the disk has record `number`. Whoever finds nobody at it flushes all that was written by then: `take`
    /// answers the number of the last record and the files that it and those before it are in.
    pub(super) async fn reach(
        &self,
        number: u64,
        take: impl FnOnce() -> io::Result<(u64, Vec<File>)>,
    ) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        if self.flushed.load(Ordering::Acquire) >= number {
            return Ok(());
        }
        let (last, files) = take()?;
        let flush = move || files.iter().try_for_each(File::sync_data);
        tokio::task::spawn_blocking(flush)
            .await
            .map_err(io::Error::other)??;
        self.flushed.store(last, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn records_that_are_written_while_the_disk_is_busy_share_the_next_flush() {
        let (commit, flushes) = (GroupCommit::default(), AtomicU64::new(0));
        let file = tempfile::tempfile().unwrap();
        let take = || {
            flushes.fetch_add(1, Ordering::SeqCst);
            // What was written by then: the first one alone, then all the others.
            let last = if flushes.load(Ordering::SeqCst) == 1 {
                1
            } else {
                100
            };
            Ok((last, vec![file.try_clone()?]))
        };
        let waiting = (1..=100).map(|number| commit.reach(number, take));
        let reached = futures::future::join_all(waiting).await;
        assert!(reached.iter().all(Result::is_ok), "{reached:?}");
        assert_eq!(flushes.into_inner(), 2);
    }

    #[tokio::test]
    async fn a_flush_that_fails_is_not_taken_for_one() {
        let commit = GroupCommit::default();
        let failing = || Err(io::Error::other("no disk"));
        assert!(commit.reach(1, failing).await.is_err());
        assert!(commit.reach(1, || Ok((1, Vec::new()))).await.is_ok());
        assert!(commit.reach(1, failing).await.is_ok(), "it is there already");
    }
}
