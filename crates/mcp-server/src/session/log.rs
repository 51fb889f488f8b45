//! What a session's streams carried, kept in the cache for a client that comes back with `Last-Event-ID`.
//!
//! One list for each stream; an event's id is `<stream>_<number>`, the stream's name with its [`Origin`]. The lists belong to the session, so nobody can read
//! another session's events, whatever id they present. Messages are stored as the text that was sent, and replayed as
//! such: typed again they might come out differently.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::Cache;
use futures::stream;
use rmcp::model::{
    CustomNotification, CustomRequest, CustomResult, JsonRpcNotification, JsonRpcRequest, JsonRpcResponse,
    JsonRpcVersion2_0, RequestId, ServerJsonRpcMessage, ServerNotification, ServerRequest, ServerResult,
};
use rmcp::transport::streamable_http_server::session::{
    EventId, EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::elsewhere::{SAID, Said, What, is_said_everywhere};
use super::origin::Origin;
use super::{SessionConfig, presence};

/// How often a replayed stream looks for events that another replica has added.
const POLL: Duration = Duration::from_millis(250);

/// The streams of one session. Clones are the same log.
#[derive(Clone)]
pub(super) struct EventLog {
    cache: Arc<dyn Cache>,
    prefix: String,
    /// rmcp's name of the stream that belongs to no request.
    common: String,
    keep: Duration,
    max: usize,
    presence: Duration,
    session: String,
    replica: Arc<str>,
    added: Arc<Notify>,
    closed: CancellationToken,
}

impl EventLog {
    pub(super) fn new(
        cache: Arc<dyn Cache>,
        session: &str,
        config: &SessionConfig,
        replica: &Arc<str>,
    ) -> Self {
        Self {
            cache,
            prefix: format!("mcp:events:{session}"),
            common: format!("{session}:common"),
            keep: config.replay.get(),
            max: config.replay_events,
            presence: config.presence.get(),
            session: session.to_owned(),
            replica: Arc::clone(replica),
            added: Arc::default(),
            closed: CancellationToken::new(),
        }
    }

    /// Ends the streams that are being replayed.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// Cancelled when the session ends here.
    pub(super) fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// Tells the other replicas of a notice: the client may hold its stream there.
    async fn tell(&self, id: &str, message: &ServerJsonRpcMessage) -> Result<(), EventStoreError> {
        let said = Said {
            from: self.replica.to_string(),
            session: self.session.clone(),
            what: What::ToClient(id.to_owned(), serde_json::to_value(message)?),
        };
        Ok(self.cache.publish(SAID, &serde_json::to_vec(&said)?).await?)
    }

    fn stream<'a>(&self, name: &'a str) -> &'a str {
        if name == self.common { "common" } else { name }
    }

    fn key(&self, stream: &str) -> String {
        format!("{}:{stream}", self.prefix)
    }
}

/// Where a replayed stream stands.
struct Replay {
    key: String,
    /// As the client knows it: with its origin.
    stream: String,
    origin: Option<Origin>,
    last: u64,
    idle: Duration,
    /// Since when the replica that answers is not there.
    missing: Option<Instant>,
    ended: bool,
}

impl Replay {
    /// Reads `<stream>_<number>`; `0` alone is the head of the stream that belongs to no request.
    fn parse(id: &str) -> Option<(&str, u64)> {
        if id == "0" {
            return Some(("common", 0));
        }
        let (stream, number) = id.rsplit_once('_')?;
        let well_formed = stream
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
        Some((stream, number.parse().ok()?)).filter(|_| well_formed)
    }

    fn is_common(&self) -> bool {
        self.stream == "common"
    }
}

#[async_trait]
impl EventStore for EventLog {
    /// Never fails: without the cache the event is sent all the same, it just cannot be replayed.
    async fn store_event(&self, stream: &str, event: &ServerSseMessage) -> Result<EventId, EventStoreError> {
        let stream = self.stream(stream);
        // A priming event carries nothing; its id says "from the beginning".
        let Some(message) = &event.message else {
            return Ok(format!("{stream}_0"));
        };
        let bytes = serde_json::to_vec(message.as_ref())?;
        let number = match self
            .cache
            .append(&self.key(stream), &bytes, self.max, self.keep)
            .await
        {
            Ok(number) => number,
            Err(error) => {
                tracing::warn!(%error, "event cannot be replayed: the cache does not answer");
                0
            }
        };
        self.added.notify_waiters();
        let id = format!("{stream}_{number}");
        if stream == "common"
            && !is_said_everywhere(message)
            && let Err(error) = self.tell(&id, message).await
        {
            tracing::warn!(%error, "other replicas do not hear of a notice");
        }
        Ok(id)
    }

    /// What came after `last_event_id`, and then what is still to come: until the request's answer was delivered, or
    /// nothing came for as long as events are kept.
    async fn replay_events_after(&self, last_event_id: &str) -> Result<EventStream, EventStoreError> {
        let Some((marked, last)) = Replay::parse(last_event_id) else {
            return Err("not an event id".into());
        };
        let (stream, origin) = Origin::split(marked);
        let replay = Replay {
            key: self.key(stream),
            stream: marked.to_owned(),
            origin,
            last,
            idle: Duration::ZERO,
            missing: None,
            ended: self.answered_by(stream, last).await?,
        };
        let log = self.clone();
        let batches = stream::unfold(replay, move |replay| {
            let log = log.clone();
            async move { log.next(replay).await }
        });
        let events = futures::StreamExt::flat_map(batches, stream::iter);
        Ok(Box::pin(sync_wrapper::SyncStream::new(
            futures::StreamExt::boxed(events),
        )))
    }
}

impl EventLog {
    /// Whether the answer that ends this stream has the number `last` or a lower one.
    async fn answered_by(&self, stream: &str, last: u64) -> Result<bool, EventStoreError> {
        if last == 0 || stream == "common" {
            return Ok(false);
        }
        let entries = self.cache.entries(&self.key(stream), 0).await?;
        let newest = entries.last().map(|(number, bytes)| (*number, parse(bytes)));
        Ok(matches!(newest, Some((number, Some(message))) if number <= last && is_answer(&message)))
    }

    /// The next events of a replayed stream; waits until there are some. None at its end.
    async fn next(&self, mut replay: Replay) -> Option<(Vec<ServerSseMessage>, Replay)> {
        while !replay.ended && !self.closed.is_cancelled() {
            let entries = self
                .cache
                .entries(&replay.key, replay.last)
                .await
                .unwrap_or_else(|error| {
                    tracing::warn!(%error, "events cannot be read: the cache does not answer");
                    Vec::new()
                });
            if !entries.is_empty() {
                return Some((replay.take(entries), replay));
            }
            if self.waits_in_vain(&mut replay).await {
                self.give_up(&mut replay).await;
                continue;
            }
            if !replay.is_common() {
                replay.idle += POLL;
                replay.ended = replay.idle >= self.keep;
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = self.added.notified() => {}
                () = self.closed.cancelled() => {}
            }
        }
        None
    }

    /// Whether the replica that answers this stream has not been there for a while.
    async fn waits_in_vain(&self, replay: &mut Replay) -> bool {
        let Some(origin) = &replay.origin else {
            return false;
        };
        if *origin.replica == *self.replica {
            return false;
        }
        let is_there = self.cache.get(&presence::key(&origin.replica)).await;
        match is_there {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => replay.missing = None,
        }
        let missing = matches!(is_there, Ok(None)).then(|| *replay.missing.get_or_insert_with(Instant::now));
        // Half as long again: it says that it is there some time after it has begun to answer.
        missing.is_some_and(|since| since.elapsed() >= self.presence / 2)
    }

    /// Ends the stream of a replica that is gone. The end is kept, so that whoever comes back is told the same.
    async fn give_up(&self, replay: &mut Replay) {
        let Some(origin) = replay.origin.take() else {
            return;
        };
        tracing::warn!(
            event = "session_stream_lost",
            session_id = self.session,
            replica = origin.replica,
            "the replica that answered a request of session {} is gone: its stream is ended",
            self.session
        );
        let message = serde_json::to_vec(&origin.lost()).unwrap_or_default();
        if let Err(error) = self
            .cache
            .append(&replay.key, &message, self.max, self.keep)
            .await
        {
            tracing::warn!(%error, "the end of a stream cannot be kept: the cache does not answer");
            replay.ended = true;
        }
    }
}

impl Replay {
    fn take(&mut self, entries: Vec<(u64, Vec<u8>)>) -> Vec<ServerSseMessage> {
        let mut events = Vec::with_capacity(entries.len());
        for (number, bytes) in entries {
            self.last = number;
            let Some(message) = parse(&bytes) else { continue };
            self.ended |= !self.is_common() && is_answer(&message);
            events.push(ServerSseMessage::new(
                format!("{}_{number}", self.stream),
                message,
            ));
        }
        self.idle = Duration::ZERO;
        events
    }
}

fn is_answer(message: &ServerJsonRpcMessage) -> bool {
    matches!(
        message,
        ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_)
    )
}

/// A stored message, as a value that is written again exactly as it was.
fn parse(bytes: &[u8]) -> Option<ServerJsonRpcMessage> {
    parse_value(serde_json::from_slice(bytes).ok()?)
}

/// As [`parse`], of what is JSON already.
pub(super) fn parse_value(mut message: Value) -> Option<ServerJsonRpcMessage> {
    let id = message
        .get("id")
        .cloned()
        .and_then(|id| serde_json::from_value::<RequestId>(id).ok());
    if let Some(result) = message.get_mut("result") {
        let result = ServerResult::CustomResult(CustomResult::new(result.take()));
        return Some(ServerJsonRpcMessage::Response(JsonRpcResponse {
            jsonrpc: JsonRpcVersion2_0,
            id: id?,
            result,
        }));
    }
    if message.get("error").is_some() {
        return serde_json::from_value(message)
            .ok()
            .map(ServerJsonRpcMessage::Error);
    }
    let method = message.get("method")?.as_str()?.to_owned();
    let params = message.get_mut("params").map(Value::take);
    Some(match id {
        Some(id) => ServerJsonRpcMessage::Request(JsonRpcRequest {
            jsonrpc: JsonRpcVersion2_0,
            id,
            request: ServerRequest::CustomRequest(CustomRequest::new(method, params)),
        }),
        None => ServerJsonRpcMessage::Notification(JsonRpcNotification {
            jsonrpc: JsonRpcVersion2_0,
            notification: ServerNotification::CustomNotification(CustomNotification::new(method, params)),
        }),
    })
}
