//! Messages to a client in their order: numbered, kept for one that may come back, and handed over when it does.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::ports::cache::CacheError;
use frames::wire::Ready;
use frames::{Class, Form};

use super::{AGENT_TYPES, Order, Session, lock};
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
        let mut order = self.order.lock().await;
        let Some(socket) = self.socket() else { return };
        let is_numbered =
            class == Class::MustDeliver && self.log.get().is_none() && socket.form() == Form::Binary;
        order.sent += u64::from(is_numbered);
        let sequence = if is_numbered { order.sent } else { 0 };
        socket.push(class, Outgoing::Message(sequence, ready));
    }

    /// Of a client that can. What the cache does not keep is sent all the same, without a number.
    async fn keep_and_send(&self, log: &Log, ready: Ready) {
        let mut order = self.order.lock().await;
        let number = match order.is_torn {
            false => self.keep(log, &mut order, &ready).await,
            true => None,
        };
        let Some(socket) = self.socket() else {
            if self.elsewhere.load(Ordering::Relaxed) {
                log.more().await;
            }
            return;
        };
        match number {
            Some(number) if number == order.sent + 1 => {
                order.sent = number;
                socket.push(Class::MustDeliver, Outgoing::Message(number, ready));
            }
            // Another replica wrote in between, for a request that still runs there.
            Some(number) if number > order.sent => self.send_what_waits(log, &socket, &mut order).await,
            _ => socket.push(Class::MustDeliver, Outgoing::Message(0, ready)),
        }
    }

    /// The number under which it is kept. None where the cache does not answer or has lost those before it: whoever came back
    /// would pass over a message, so from now on nobody can.
    async fn keep(&self, log: &Log, order: &mut Order, ready: &Ready) -> Option<u64> {
        let error = match log.append(ready).await {
            Ok(number) if number > order.kept => {
                order.kept = number;
                return Some(number);
            }
            Ok(_) => CacheError("it has lost the messages before this one".to_owned()),
            Err(error) => error,
        };
        order.is_torn = true;
        if let Some(socket) = self.socket() {
            socket.metrics.errors.with(["not_kept"]).increment(1);
        }
        let (connection_id, tenant_id) = (&*self.id, self.principal.tenant_id);
        tracing::warn!(connection_id, %tenant_id, %error, "connection {connection_id} cannot be resumed any more: the cache has not kept a message");
        forget(log).await;
        None
    }

    async fn send_what_waits(&self, log: &Log, socket: &Socket, order: &mut Order) {
        match log.after(order.sent).await {
            Ok(messages) => order.send(socket, messages),
            Err(error) => {
                tracing::warn!(%error, "what waits for a client cannot be read: the cache does not answer")
            }
        }
    }

    /// Sends what another replica has added.
    pub(in crate::ws) async fn catch_up(&self) {
        let mut order = self.order.lock().await;
        if let (Some(log), Some(socket)) = (self.log.get(), self.socket()) {
            self.send_what_waits(log, &socket, &mut order).await;
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
        let mut order = self.order.lock().await;
        let last = last.max(self.acknowledged.load(Ordering::Relaxed));
        let waiting = match self.log.get() {
            Some(log) if !order.is_torn => log.after(last).await?,
            _ => Vec::new(),
        };
        if let Some(to) = order.missing(last, &waiting) {
            return Ok(Err((last + 1, to)));
        }
        if let Some(before) = lock(&self.socket).replace(Arc::clone(socket)) {
            before.end(End::TAKEN_OVER);
        }
        socket.count_as(self.agent_type());
        self.attached.fetch_add(1, Ordering::Relaxed);
        order.sent = last;
        let count = waiting.len();
        socket.push(Class::MustDeliver, Outgoing::Message(0, first(count)));
        order.send(socket, waiting);
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

    /// Writes down that a replica has it; or that nobody can come back to it.
    pub(in crate::ws) async fn save(&self, received: Option<u64>) {
        let (Some(log), Some(client)) = (self.log.get(), self.client.get()) else {
            return;
        };
        if self.order.lock().await.is_torn {
            return forget(log).await;
        }
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

/// Nobody can come back to it.
async fn forget(log: &Log) {
    if let Err(error) = log.forget().await {
        tracing::debug!(%error, "a connection that cannot be resumed stays in the cache until it expires");
    }
}

impl Order {
    fn send(&mut self, socket: &Socket, messages: Vec<(u64, Ready)>) {
        for (number, ready) in messages {
            self.sent = number;
            self.kept = self.kept.max(number);
            socket.push(Class::MustDeliver, Outgoing::Message(number, ready));
        }
    }

    /// The last of the messages behind `last` that are kept no longer; none when all are among those that wait.
    fn missing(&self, last: u64, waiting: &[(u64, Ready)]) -> Option<u64> {
        let known = self.kept.max(last);
        match (waiting.first(), waiting.last()) {
            _ if self.is_torn => Some(known + 1),
            (Some((oldest, _)), _) if *oldest > last + 1 => Some(oldest - 1),
            (_, Some((newest, _))) if *newest >= known => None,
            (_, None) if last == known => None,
            _ => Some(known),
        }
    }
}
