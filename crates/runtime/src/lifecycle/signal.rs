//! SIGTERM and SIGINT.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Lifecycle;

/// The stop signals of this process, from the moment of [`Signals::install`] on. None is missed between
/// two calls of [`Signals::recv`].
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Takes over SIGTERM and SIGINT for the rest of the process's life.
    ///
    /// # Errors
    /// When the handler cannot be installed (the operating system refuses).
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next stop signal and names it.
    pub async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// Resolves on the first SIGTERM or SIGINT after the call; call it again for the second one, which
/// means "abandon". [`stop_on_signals`] does both.
pub async fn signals() {
    match Signals::install() {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(error) => {
            tracing::error!(%error, "cannot listen for signals, this process stops only when it is killed");
            std::future::pending::<()>().await;
        }
    }
}

/// Asks every lifecycle to stop on the first signal, once `leave` has ended, and to abandon on the second. Runs until
/// dropped: `select!` it against the lifecycles' own end.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub async fn stop_on_signals(
    lifecycles: &[Lifecycle],
    leave: impl Future<Output = ()>,
) -> io::Result<std::convert::Infallible> {
    let mut signals = Signals::install()?;
    let signal = signals.recv().await;
    tracing::info!(signal, "stop asked for, draining");
    let hurry = tokio::select! {
        () = leave => false,
        _ = signals.recv() => true,
    };
    lifecycles.iter().for_each(Lifecycle::stop);
    if hurry {
        lifecycles.iter().for_each(Lifecycle::abandon);
    }
    loop {
        let signal = signals.recv().await;
        tracing::warn!(signal, "second stop signal, abandoning work in flight");
        lifecycles.iter().for_each(Lifecycle::abandon);
    }
}
