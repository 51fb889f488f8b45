//! One connection, from its handshake to its closing line.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use domain::{Presented, Principal};
use frames::wire::{Ready, read_binary, read_text};
use frames::{Class, Form, Message, Received, Version};
use futures::StreamExt;
use futures::stream::SplitStream;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::config::bytes;
use super::end::End;
use super::open::Seat;
use super::rate::Bucket;
use super::session::Session;
use super::socket::{Outgoing, Socket};
use super::writer;
use crate::engine::{Backend, Engine};
use crate::transport::authenticate::identify;
use crate::transport::keys_in_use::Held;
use crate::transport::limits::Place;

/// What the handshake found out.
pub(super) struct Admitted {
    pub(super) version: Version,
    pub(super) place: Place,
    pub(super) key: Option<(Principal, Held, Seat)>,
    pub(super) request_id: Option<String>,
}

/// A connection that is being served.
pub(super) struct Talk<B: Backend> {
    pub(super) shared: Arc<Shared<B>>,
    pub(super) engine: Engine<B>,
    pub(super) socket: Arc<Socket>,
    /// Whose it is, from authentication on.
    pub(super) known: Option<Known>,
    pub(super) bucket: Bucket,
    pub(super) request_id: Option<String>,
    began: Instant,
    heard: Instant,
    _place: Place,
}

/// The client of a connection that has shown its key.
pub(super) struct Known {
    pub(super) session: Arc<Session>,
    _seat: Seat,
}

/// What happens next.
enum Event {
    Frame(Frame),
    Broken(End),
    TooLong,
    KeyGone,
    Stopping,
    Ended,
}

impl<B: Backend> Talk<B> {
    pub(super) fn new(shared: Arc<Shared<B>>, admitted: Admitted) -> Self {
        let Admitted {
            version,
            place,
            key,
            request_id,
        } = admitted;
        let config = &shared.config;
        let now = Instant::now();
        let socket = Socket::new(version, Arc::clone(config), Arc::clone(&shared.metrics));
        let mut talk = Self {
            engine: shared.engine.for_session(),
            socket: Arc::new(socket),
            known: None,
            bucket: Bucket::new(config.rate, config.burst(), now),
            request_id,
            began: now,
            heard: now,
            _place: place,
            shared,
        };
        if let Some((principal, held, seat)) = key {
            talk.is_known(principal, held, seat);
        }
        talk
    }

    /// Serves it until it ends.
    pub(super) async fn run(mut self, socket: WebSocket) {
        let _stream = self.shared.telemetry.stream_opened(super::PATH);
        let (sink, stream) = socket.split();
        let shared_socket = Arc::clone(&self.socket);
        let writing = writer::write(&shared_socket, sink);
        let reading = self.read(stream);
        tokio::join!(reading, writing);
        Box::pin(self.leave()).await;
    }

    async fn read(&mut self, mut stream: SplitStream<WebSocket>) {
        let mut stopping = self.shared.life.soft_stop();
        loop {
            match self.next(&mut stream, &stopping).await {
                // Boxed, so that a connection over which nothing comes has no room for what a message takes.
                Event::Frame(frame) => Box::pin(self.take(frame)).await,
                Event::Broken(end) => self.socket.end(end),
                Event::TooLong if self.known.is_none() => self.socket.end(End::UNAUTHENTICATED_TOO_LONG),
                Event::TooLong => self.socket.end(End::IDLE),
                Event::KeyGone => self.socket.end(End::KEY_GONE),
                Event::Stopping => {
                    // Told once; what runs may end.
                    stopping = CancellationToken::new();
                    self.begin_to_stop();
                }
                Event::Ended => return,
            }
        }
    }

    async fn next(&self, stream: &mut SplitStream<WebSocket>, stopping: &CancellationToken) -> Event {
        let (deadline, gone) = match &self.known {
            None => (self.began + self.shared.config.authenticate_within.get(), None),
            Some(known) => (
                self.heard + self.shared.config.idle.get(),
                Some(known.session.held.gone()),
            ),
        };
        let key_gone = async {
            match gone {
                Some(gone) => gone.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.socket.ended.cancelled() => Event::Ended,
            () = key_gone => Event::KeyGone,
            () = stopping.cancelled() => Event::Stopping,
            frame = stream.next() => match frame {
                Some(Ok(frame)) => Event::Frame(frame),
                Some(Err(error)) => Event::Broken(of_error(error)),
                None => Event::Broken(End::LOST),
            },
            () = tokio::time::sleep_until(deadline) => Event::TooLong,
        }
    }

    async fn take(&mut self, frame: Frame) {
        let limits = self.shared.config.limits();
        let (size, form, read) = match &frame {
            Frame::Text(text) => (text.len(), Form::Text, read_text(text, &limits)),
            Frame::Binary(bytes) => (bytes.len(), Form::Binary, read_binary(bytes, &limits)),
            Frame::Pong(bytes) => return self.hear_pong(bytes).await,
            // Answered by the WebSocket itself.
            Frame::Ping(_) => return,
            Frame::Close(_) => return self.socket.end(End::CLIENT),
        };
        self.heard = Instant::now();
        self.socket.speaks(form);
        match read {
            Ok(received) => {
                self.count(&received, size);
                self.dispatch(received, size, form).await;
            }
            Err(fault) => self.socket.end(fault.into()),
        }
    }

    /// A client that is there keeps what waits for it.
    async fn hear_pong(&self, bytes: &[u8]) {
        self.socket.pong(bytes, Instant::now());
        let session = self.session();
        if let Some(log) = session.as_ref().and_then(|session| session.log.get())
            && let Err(error) = log.touch().await
        {
            tracing::debug!(%error, "what waits for a client may expire: the cache does not answer");
        }
    }

    fn count(&self, received: &Received, size: usize) {
        let (metrics, traffic) = (&self.shared.metrics, &self.socket.traffic);
        let kind = received.kind.as_str();
        let compressed = if received.compressed { "true" } else { "false" };
        metrics
            .received
            .with([kind, self.socket.version.as_str()])
            .increment(1);
        metrics.size.with(["in", kind, compressed]).record(size as f64);
        traffic.received.fetch_add(1, Ordering::Relaxed);
        traffic.received_bytes.fetch_add(size as u64, Ordering::Relaxed);
    }

    /// Whose connection it is, if the key is good and there is a seat.
    pub(super) async fn authenticate(&mut self, key: &str) -> Result<(), End> {
        let presented = Presented::parse(key);
        let identified = identify(&self.shared.gate, "message", presented).await;
        let (principal, held) = identified.map_err(|reason| {
            tracing::info!(
                event = "authentication_failed",
                reason = reason.as_str(),
                way = "message",
                endpoint = "authenticate",
                "connection without a valid key refused"
            );
            End::UNAUTHENTICATED
        })?;
        let most = self.shared.config.max_per_tenant;
        let seat = self
            .shared
            .connections
            .sit(principal.tenant_id, most)
            .ok_or(End::TENANT_FULL)?;
        self.is_known(principal, held, seat);
        Ok(())
    }

    fn is_known(&mut self, principal: Principal, held: Held, seat: Seat) {
        let id = uuid::Uuid::new_v4().simple().to_string().into();
        let session = Session::new(
            id,
            Arc::new(principal),
            held,
            0,
            bytes(self.shared.config.max_message),
        );
        session.begin_with(&self.socket);
        self.known = Some(Known {
            session: Arc::new(session),
            _seat: seat,
        });
    }

    /// Says that this replica stops, and ends the connection when nothing runs for it any more.
    fn begin_to_stop(&self) {
        let wait = self.reconnect_after();
        let message = Message::Notification {
            method: "notifications/closing".to_owned(),
            params: Some(
                json!({ "reason": End::STOPPING.reason, "reconnectAfterMs": wait.as_millis() as u64 }),
            ),
        };
        let ready = Ready::from(&message);
        self.socket.push(Class::MustDeliver, Outgoing::Message(0, ready));
        let (socket, session) = (Arc::clone(&self.socket), self.session());
        self.shared.life.spawn_task(async move {
            if let Some(session) = session {
                session.is_quiet().await;
            }
            socket.end(End::STOPPING);
        });
    }

    /// Spread by the connection's own name, so that not all of them come back at once.
    fn reconnect_after(&self) -> Duration {
        let least = self.shared.config.reconnect_after.get();
        let dice = self
            .session()
            .map_or(0, |session| session.id.bytes().map(u32::from).sum::<u32>() % 100);
        least + least * dice / 100
    }

    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.known.as_ref().map(|known| Arc::clone(&known.session))
    }

    /// Ends what belongs to it, and writes the closing line.
    async fn leave(&self) {
        let end = self.socket.why();
        if let Some(session) = self.session() {
            if session.log.get().is_some() && end.can_be_mended() {
                self.park(&session).await;
            } else {
                session.finish(end.clone());
                super::back::forget(&self.shared, &session).await;
            }
        }
        self.close(&end);
    }

    fn close(&self, end: &End) {
        let (metrics, traffic) = (&self.shared.metrics, &self.socket.traffic);
        metrics
            .connections
            .with([self.socket.version.as_str(), "closed"])
            .increment(1);
        if end.is_error {
            metrics.errors.with([end.outcome]).increment(1);
        }
        let session = self.session();
        let principal = session.as_ref().map(|session| &session.principal);
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let seconds = self.began.elapsed().as_secs_f64();
        tracing::info!(
            event = "websocket_closed",
            connection_id = session.as_ref().map_or("", |session| &session.id),
            correlation_id = self.request_id.as_deref().unwrap_or_default(),
            tenant_id = principal
                .map(|principal| principal.tenant_id.to_string())
                .unwrap_or_default(),
            user_id = principal.map_or("", |principal| principal.name.as_str()),
            agent_type = session
                .as_ref()
                .map_or(super::socket::NO_AGENT, |session| session.agent_type()),
            outcome = end.outcome,
            code = end.code,
            reason = &*end.reason,
            protocol_version = self.socket.version.as_str(),
            received = read(&traffic.received),
            received_bytes = read(&traffic.received_bytes),
            sent = read(&traffic.sent),
            sent_bytes = read(&traffic.sent_bytes),
            dropped = read(&traffic.dropped),
            duration = seconds,
            duration_ms = telemetry::events::milliseconds(seconds),
            "websocket connection closed"
        );
    }
}

/// How a connection ends over which nothing more can be read.
fn of_error(error: axum::Error) -> End {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => End::LOST,
        Some(Error::Protocol(_)) => End::BROKEN,
        Some(Error::Utf8(_)) => End::NO_TEXT,
        Some(Error::Capacity(_)) => End::FAR_TOO_LARGE,
        _ => End::LOST,
    }
}
