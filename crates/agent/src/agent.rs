//! An agent, from its first word to its last.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::builder::{Builder, Handlers};
use crate::connect::Address;
use crate::driver::Driver;
use crate::heart::{Heart, Identity};
use crate::options::Options;
use crate::post::{Post, Reader};
use crate::session::{Ask, Session};
use crate::standing::Watcher;
use crate::trace::Tracing;
use crate::worker::{Inlets, Order, Worker, Workload};
use crate::{Error, Mesh};

/// Why an agent has ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to here: [`Stop`], or a signal.
    Stopped,
    /// The mesh asked it to finish (`devmesh agents drain`).
    Drained,
}

/// Stops an agent in order: no further task is begun, those that run have [`Options::drain`]. Clones stop the same agent.
#[derive(Debug, Clone)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Does it. Once more changes nothing.
    pub fn stop(&self) {
        self.0.cancel();
    }
}

/// An agent.
pub struct Agent {
    addresses: Vec<Address>,
    options: Options,
    handlers: Arc<Handlers>,
    tracing: Arc<dyn Tracing>,
    watcher: Watcher,
    mesh: Mesh,
    asks: mpsc::UnboundedReceiver<Ask>,
    reader: Option<Arc<dyn Reader>>,
    identity: watch::Sender<Option<Identity>>,
    stop: CancellationToken,
}

impl Agent {
    /// Begins to build one: where the mesh is (`ws://…` or `wss://…`), and a key that may be an agent.
    pub fn builder(url: &str, key: &str) -> Builder {
        Builder::new(url, key)
    }

    pub(crate) fn new(
        addresses: Vec<Address>,
        options: Options,
        handlers: Handlers,
        (reader, tracing, watcher): (Option<Arc<dyn Reader>>, Arc<dyn Tracing>, Watcher),
    ) -> Self {
        let (ask, asks) = mpsc::unbounded_channel();
        let (identity, known) = watch::channel(None);
        Self {
            mesh: Mesh::new(ask, options.max_in_flight, options.request_timeout, known),
            addresses,
            options,
            handlers: Arc::new(handlers),
            tracing,
            watcher,
            asks,
            reader,
            identity,
            stop: CancellationToken::new(),
        }
    }

    /// What it calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The mesh, to ask something of it while the agent runs.
    #[must_use]
    pub fn mesh(&self) -> Mesh {
        self.mesh.clone()
    }

    /// To end it.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        Stop(self.stop.clone())
    }

    /// Runs until it is stopped, the mesh asks it to finish, or the mesh does not want it.
    ///
    /// # Errors
    /// When the mesh refuses the connection or the registration, or another instance has taken this one's place.
    pub async fn run(self) -> Result<Ended, Error> {
        let drain = self.stop.child_token();
        let close = CancellationToken::new();
        let (say, said) = mpsc::unbounded_channel();
        let (order, orders) = mpsc::unbounded_channel();
        let (attached, is_attached) = watch::channel(0);
        let (identity, known) = (self.identity, self.mesh.identity());
        let workload = Workload::of(self.options.capacity);
        let parts = (Arc::new(self.options.clone()), self.handlers, self.tracing);
        let (letters, post) = post(&self.mesh, self.reader);
        let inlets = Inlets {
            said,
            orders,
            letters,
        };
        let worker = Worker::new(
            self.mesh.clone(),
            parts,
            known.clone(),
            workload.clone(),
            inlets,
            drain.clone(),
        );
        let heart = heart(
            &self.mesh,
            (&self.options, &self.watcher),
            (is_attached, identity, order),
            workload,
            &drain,
        );
        let driver = Driver {
            addresses: self.addresses,
            options: self.options.clone(),
            asks: self.asks,
            said: say,
            attached,
            close: close.clone(),
            session: Session::default(),
            watcher: self.watcher,
        };
        let work = async {
            let worked = worker.run();
            let ended = in_time(&self.options, &drain, worked).await;
            drop(post);
            leave(&self.mesh, &self.options, known).await;
            close.cancel();
            tracing::info!(in_time = ended, "the agent has ended");
            // The connection is closed in order, and that is the end.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            error = driver.run() => finished(&self.stop, &drain, error),
            error = heart.run() => finished(&self.stop, &drain, error),
            () = work => finished(&self.stop, &drain, Error::Ended),
        }
    }

    /// As [`Self::run`], and ends in order on SIGTERM and ctrl-C; a second signal ends it at once.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_until_signalled(self) -> Result<Ended, Error> {
        let stop = self.stopper();
        let running = self.run();
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => return ended,
            () = signal() => stop.stop(),
        }
        tokio::select! {
            ended = running => ended,
            () = signal() => Ok(Ended::Stopped),
        }
    }
}

/// Messages go to their reader in a task of their own, which ends with the set; without a reader they stay with the mesh.
fn post(mesh: &Mesh, reader: Option<Arc<dyn Reader>>) -> (Option<mpsc::UnboundedSender<Value>>, JoinSet<()>) {
    let mut running = JoinSet::new();
    let letters = reader.map(|reader| {
        let (letters, said) = mpsc::unbounded_channel();
        let mesh = mesh.clone();
        running.spawn(Post { mesh, reader, said }.run());
        letters
    });
    (letters, running)
}

fn heart(
    mesh: &Mesh,
    (options, watcher): (&Options, &Watcher),
    ends: (
        watch::Receiver<u64>,
        watch::Sender<Option<Identity>>,
        mpsc::UnboundedSender<Order>,
    ),
    workload: Workload,
    drain: &CancellationToken,
) -> Heart {
    let (attached, identity, orders) = ends;
    Heart {
        mesh: mesh.clone(),
        options: options.clone(),
        watcher: watcher.clone(),
        attached,
        identity,
        orders,
        workload,
        drain: drain.clone(),
    }
}

/// What an end means.
fn finished(stop: &CancellationToken, drain: &CancellationToken, error: Error) -> Result<Ended, Error> {
    match error {
        Error::Ended if stop.is_cancelled() => Ok(Ended::Stopped),
        Error::Ended if drain.is_cancelled() => Ok(Ended::Drained),
        error => Err(error),
    }
}

/// Whether `work` has ended by itself in the time that is left once the agent is to finish.
async fn in_time(options: &Options, drain: &CancellationToken, work: impl Future<Output = ()>) -> bool {
    let over = async {
        drain.cancelled().await;
        tokio::time::sleep(options.drain).await;
    };
    tokio::select! {
        () = work => true,
        () = over => false,
    }
}

/// Says good-bye: what the agent still holds goes to others at once.
async fn leave(mesh: &Mesh, options: &Options, known: watch::Receiver<Option<Identity>>) {
    let Some(identity) = known.borrow().clone() else {
        return;
    };
    let params = json!({ "agent_id": identity.id, "epoch": identity.epoch });
    let left = timeout(options.grace, mesh.once("agent.leave", params, true)).await;
    if !matches!(left, Ok(Ok(_))) {
        tracing::info!("the mesh was not reached for a good-bye: it will miss this agent by itself");
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot listen for signals: this process stops only when it is killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
