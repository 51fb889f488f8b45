//! SIGTERM and SIGINT stop a service: the first softly, the second at once.

use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use runtime::lifecycle::{Lifecycle, Signals, StopError, stop_on_signals};

const DRAIN: Duration = Duration::from_secs(60);

/// One test, since signals go to the whole process.
#[tokio::test]
async fn the_first_signal_drains_and_the_second_abandons() {
    // Installed before anything is raised: an unhandled SIGTERM would end the test process.
    let mut watched = Signals::install().unwrap();
    let life = Lifecycle::new("test");
    let (soft, hard) = (life.soft_stop(), life.hard_stop());
    life.spawn("busy", async move {
        hard.cancelled().await;
        Ok::<(), std::io::Error>(())
    });
    let lifecycles = [life.clone()];
    let (leave, left) = tokio::sync::oneshot::channel();
    let listens = stop_on_signals(&lifecycles, async { left.await.unwrap() });
    let scenario = async {
        tokio::task::yield_now().await;
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(watched.recv().await, "SIGTERM");
        tokio::task::yield_now().await;
        assert!(!soft.is_cancelled(), "what comes before the drain is waited for");
        leave.send(()).unwrap();
        soft.cancelled().await;
        assert!(!life.hard_stop().is_cancelled());
        raise(Signal::SIGINT).unwrap();
        life.run_until_stopped(DRAIN).await
    };
    let stopped = tokio::select! {
        biased;
        result = scenario => result,
        failed = listens => panic!("{:?}", failed.map(|_| ())),
    };
    assert!(matches!(stopped, Err(StopError::NotDrained { parts, .. }) if parts == ["busy"]));
}
