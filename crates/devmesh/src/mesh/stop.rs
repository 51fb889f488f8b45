//! The end: who stops when.

use futures::future::select_all;
use runtime::lifecycle::Signals;
use tracing::instrument::WithSubscriber;

use super::host::Host;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Runs `ready`, waits for a signal or for a service that ends by itself, then stops one service after the other, the
/// last started first: the edge drains while the control plane still answers. A second signal abandons what is in flight.
pub(super) async fn when_told(
    hosts: &[Host],
    mut signals: Signals,
    ready: impl Future<Output = Result<(), Failure>>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let started = tokio::select! {
        signal = signals.recv() => {
            terminal.note(format_args!("{signal}: finishing what is in flight; a second one abandons it"));
            Ok(())
        }
        () = one_ended(hosts) => Ok(()),
        not_ready = async { match ready.await {
            Ok(()) => std::future::pending().await,
            Err(failure) => failure,
        } } => Err(not_ready),
    };
    let abandoned = async {
        loop {
            signals.recv().await;
            hosts.iter().for_each(|host| host.life.abandon());
        }
    };
    let drained = tokio::select! {
        drained = drain(hosts) => drained,
        never = abandoned => never,
    };
    started.and(drained)
}

async fn one_ended(hosts: &[Host]) {
    let ends = hosts
        .iter()
        .map(|host| Box::pin(host.life.soft_stop().cancelled_owned()));
    select_all(ends).await;
}

async fn drain(hosts: &[Host]) -> Result<(), Failure> {
    let mut result = Ok(());
    for host in hosts.iter().rev() {
        host.life.stop();
        let stopped = host
            .life
            .run_until_stopped(host.drain)
            .with_subscriber(host.telemetry.dispatch())
            .await;
        if let Err(error) = stopped {
            result = result.and(Err(Failure::of(host.role.name(), error)));
        }
        host.telemetry
            .shutdown()
            .with_subscriber(host.telemetry.dispatch())
            .await;
    }
    result
}
