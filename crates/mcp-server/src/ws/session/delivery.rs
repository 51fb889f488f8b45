//! Messages to a client in their order: numbered, kept for one that may come back, and handed over when it does.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::ports::cache::CacheError;
use frames::wire::Ready;
use frames::{Class, Form};

use super::{AGENT_TYPES, Session, lock};
use crate::ws::end::End;
use crate::ws::resume::Log;
use crate::ws::socket::{NO_AGENT, Outgoing, Socket};

impl Session {
    /// Sends a message to the client.
    pub(in crate::ws) async fn deliver(&self, class: Class, ready: Ready) {
        match self.log.get() {
            Some(log) if class == Class::MustDeliver => self.keep_and_send(log, ready).await,
            _ => self.send(class, ready).await,
        }
    }

    /// Of a client that cannot come back.
    async fn send(&self, class: Class, ready: Ready) {
        // In the order of the numbers: both are done under one lock.
        let mut sent = self.order.lock().await;
        let Some(socket) = self.socket() else { return };
        let is_numbered =
            class == Class::MustDeliver && self.log.get().is_none() && socket.form() == Form::Binary;
        *sent += u64::from(is_numbered);
        let sequence = if is_numbered { *sent } else { 0 };
        socket.push(class, Outgoing::Message(sequence, ready));
    }

    /// Of a client that can. Without the cache it is sent all the same, without a number: it just cannot be sent again.
    async fn keep_and_send(&self, log: &Log, ready: Ready) {
        let mut sent = self.order.lock().await;
        let number = log.append(&ready).await;
        let Some(socket) = self.socket() else {
            if self.elsewhere.load(Ordering::Relaxed) {
                log.more().await;
            }
            return;
        };
        match number {
            Ok(number) if number == *sent + 1 => {
                *sent = number;
                socket.push(Class::MustDeliver, Outgoing::Message(number, ready));
            }
            // Another replica wrote in between, for a request that still runs there.
            Ok(number) if number > *sent => self.send_what_waits(log, &socket, &mut sent).await,
            // The cache has lost the list and begun another one.
            Ok(_) => socket.push(Class::MustDeliver, Outgoing::Message(0, ready)),
            Err(error) => {
                socket.metrics.errors.with(["not_kept"]).increment(1);
                tracing::warn!(%error, "a message cannot be sent again: the cache does not answer");
                socket.push(Class::MustDeliver, Outgoing::Message(0, ready));
            }
        }
    }

    async fn send_what_waits(&self, log: &Log, socket: &Socket, sent: &mut u64) {
        match log.after(*sent).await {
            Ok(messages) => {
                for (number, ready) in messages {
                    *sent = number;
                    socket.push(Class::MustDeliver, Outgoing::Message(number, ready));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what waits for a client cannot be read: the cache does not answer")
            }
        }
    }

    /// Sends what another replica has added.
    pub(in crate::ws) async fn catch_up(&self) {
        let mut sent = self.order.lock().await;
        if let (Some(log), Some(socket)) = (self.log.get(), self.socket()) {
            self.send_what_waits(log, &socket, &mut sent).await;
        }
    }

    /// The client has everything up to this number.
    pub(in crate::ws) fn acknowledge(&self, sequence: u64) {
        self.acknowledged.fetch_max(sequence, Ordering::Relaxed);
    }

    /// Its client came: `first` is said, then everything behind `last`, then all that is new. How much was sent again; or
    /// the first and the last number that are kept no longer.
    pub(in crate::ws) async fn attach(
        &self,
        socket: &Arc<Socket>,
        last: u64,
        first: impl FnOnce(usize) -> Ready,
    ) -> Result<Result<usize, (u64, u64)>, CacheError> {
        let mut sent = self.order.lock().await;
        let last = last.max(self.acknowledged.load(Ordering::Relaxed));
        let waiting = match self.log.get() {
            Some(log) => log.after(last).await?,
            None => Vec::new(),
        };
        match waiting.first() {
            Some((oldest, _)) if *oldest > last + 1 => return Ok(Err((last + 1, oldest - 1))),
            _ => {}
        }
        if let Some(before) = lock(&self.socket).replace(Arc::clone(socket)) {
            before.end(End::TAKEN_OVER);
        }
        socket.count_as(self.agent_type());
        self.attached.fetch_add(1, Ordering::Relaxed);
        *sent = last;
        let count = waiting.len();
        socket.push(Class::MustDeliver, Outgoing::Message(0, first(count)));
        for (number, ready) in waiting {
            *sent = number;
            socket.push(Class::MustDeliver, Outgoing::Message(number, ready));
        }
        Ok(Ok(count))
    }

    /// Its first client, who has missed nothing.
    pub(in crate::ws) fn begin_with(&self, socket: &Arc<Socket>) {
        *lock(&self.socket) = Some(Arc::clone(socket));
    }

    /// Takes its socket from it, if that is still the one.
    pub(in crate::ws) fn detach_from(&self, socket: &Arc<Socket>) -> bool {
        let mut current = lock(&self.socket);
        let is_current = current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, socket));
        if is_current {
            *current = None;
        }
        is_current
    }

    /// Takes its socket from it.
    pub(in crate::ws) fn detach(&self) -> Option<Arc<Socket>> {
        lock(&self.socket).take()
    }

    pub(in crate::ws) fn is_elsewhere(&self) {
        self.elsewhere.store(true, Ordering::Relaxed);
    }

    pub(in crate::ws) fn went_elsewhere(&self) -> bool {
        self.elsewhere.load(Ordering::Relaxed)
    }

    /// Writes down what was received, so that any replica can go on.
    pub(in crate::ws) async fn let_go(&self) {
        self.save(Some(self.received())).await;
        if let Some(log) = self.log.get()
            && let Err(error) = log.touch().await
        {
            tracing::debug!(%error, "what waits for a client may expire: the cache does not answer");
        }
    }

    /// The last number that came from the client.
    pub(in crate::ws) fn received(&self) -> u64 {
        lock(&self.inbox).last()
    }

    pub(in crate::ws) fn is_attached(&self) -> bool {
        lock(&self.socket).is_some()
    }

    pub(in crate::ws) fn attachments(&self) -> u64 {
        self.attached.load(Ordering::Relaxed)
    }

    /// Writes down that a replica has it.
    pub(in crate::ws) async fn save(&self, received: Option<u64>) {
        let (Some(log), Some(client)) = (self.log.get(), self.client.get()) else {
            return;
        };
        let saved = log.save(
            self.principal.key_id,
            &client.initialize,
            self.agent_type(),
            received,
        );
        if let Err(error) = saved.await {
            tracing::warn!(%error, "other replicas do not know of a connection: the cache does not answer");
        }
    }

    pub(in crate::ws) fn known_as(&self, agent_type: &str) {
        let known = AGENT_TYPES.into_iter().find(|known| *known == agent_type);
        *lock(&self.agent_type) = known.unwrap_or(NO_AGENT);
    }
}
