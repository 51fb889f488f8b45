//! Waiting for an outcome, and for nothing else.

use std::{fmt::Display, future::Future, net::TcpListener, time::Duration};

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How often [`eventually`] asks.
const INTERVAL: Duration = Duration::from_millis(20);

/// What a probe may answer: `bool`, `Option<T>` or `Result<T, E>`.
pub trait Probe {
    /// What is there once the wait is over.
    type Value;

    /// The value, or why it is not there yet.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl Probe for bool {
    type Value = ();

    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("still false".into()) }
    }
}

impl<T> Probe for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "still nothing".into())
    }
}

impl<T, E: Display> Probe for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:#}"))
    }
}

/// Calls `probe` until it answers `true`, `Some` or `Ok`, and returns the value.
///
/// # Errors
/// After `deadline`, with the probe's last reason. A probe that hangs is cut off at the deadline.
pub async fn eventually<P, F, Fut>(deadline: Duration, mut probe: F) -> Result<P::Value>
where
    P: Probe,
    F: FnMut() -> Fut,
    Fut: Future<Output = P>,
{
    let end = Instant::now() + deadline;
    let mut last = "never answered".to_owned();
    loop {
        match tokio::time::timeout_at(end, probe()).await.map(Probe::outcome) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(reason)) => last = reason,
            Err(_) => bail!("not within {deadline:?}: {last}"),
        }
        if Instant::now() >= end {
            bail!("not within {deadline:?}: {last}");
        }
        sleep(INTERVAL).await;
    }
}

/// A TCP port of the loopback interface that nobody listens on right now.
///
/// Prefer binding to port 0 where the program can: another process may take this one first.
///
/// # Errors
/// When the host has no free port.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_probe_that_becomes_true_ends_the_wait() {
        let mut calls = 0;
        let value = eventually(Duration::from_secs(5), || {
            calls += 1;
            let now = calls;
            async move { (now == 3).then_some(now) }
        });
        assert_eq!(value.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_probe_that_never_succeeds_reports_its_last_reason() {
        let error = eventually(Duration::from_millis(50), || async {
            Err::<(), _>("port closed")
        });
        assert!(error.await.unwrap_err().to_string().contains("port closed"));
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_cut_off_at_the_deadline() {
        let error = eventually(Duration::from_millis(50), std::future::pending::<bool>);
        assert!(error.await.unwrap_err().to_string().contains("never answered"));
    }
}
