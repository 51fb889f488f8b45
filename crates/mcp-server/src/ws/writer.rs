//! The sending half of a WebSocket: what waits is sent, in order; pings in between; the close frame at the end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use frames::Kind;
use frames::wire::{Frame, Sent, Writer};
use futures::stream::SplitSink;
use futures::{Sink, SinkExt};
use tokio::time::Instant;

use super::end::End;
use super::socket::{Outgoing, Socket};

/// How long what still waits and the close frame may take to go out.
const LAST_WORDS: Duration = Duration::from_secs(1);

type Sender = SplitSink<WebSocket, Message>;

/// Sends until the socket has to end, then says why.
pub(super) async fn write(socket: &Socket, mut sink: Sender) {
    let every = socket.config.ping_interval.get();
    let mut pings = tokio::time::interval_at(Instant::now() + every, every);
    loop {
        match socket
            .ended
            .run_until_cancelled(send_waiting(socket, &mut sink))
            .await
        {
            Some(Ok(())) => {}
            Some(Err(_)) => socket.end(End::LOST),
            None => {}
        }
        tokio::select! {
            biased;
            () = socket.ended.cancelled() => break,
            () = socket.wake.notified() => {}
            _ = pings.tick() => ping(socket, &mut sink).await,
        }
    }
    let last = async {
        if socket.why() != End::TOO_SLOW {
            send_waiting(socket, &mut sink).await?;
        }
        close(socket, &mut sink).await
    };
    let _ = tokio::time::timeout(LAST_WORDS, last).await;
}

/// Sends all that waits, and flushes once.
async fn send_waiting(socket: &Socket, sink: &mut Sender) -> Result<(), axum::Error> {
    let writer = socket.writer();
    let mut any = false;
    while let Some(outgoing) = socket.next() {
        any = true;
        let message = match outgoing {
            Outgoing::Message(sequence, ready) => {
                let sent = writer.write(&ready, sequence);
                count(socket, ready.kind, &sent);
                message(sent.frame)
            }
            Outgoing::Pong(bytes) => Message::Binary(Writer::heartbeat(Kind::Pong, &bytes)),
        };
        feed(sink, message).await?;
    }
    if any { sink.flush().await } else { Ok(()) }
}

/// What is fed is in the socket's buffer at once, so that giving up in between loses no part of a frame.
async fn feed(sink: &mut Sender, message: Message) -> Result<(), axum::Error> {
    std::future::poll_fn(|context| Sink::poll_ready(std::pin::Pin::new(sink), context)).await?;
    Sink::start_send(std::pin::Pin::new(sink), message)
}

async fn ping(socket: &Socket, sink: &mut Sender) {
    let Some(bytes) = socket.ping(Instant::now()) else {
        return socket.end(End::NO_PONG);
    };
    let sent = sink.send(Message::Ping(Bytes::copy_from_slice(&bytes)));
    if let Some(Err(_)) = socket.ended.run_until_cancelled(sent).await {
        socket.end(End::LOST);
    }
}

async fn close(socket: &Socket, sink: &mut Sender) -> Result<(), axum::Error> {
    let End { code, reason, .. } = socket.why();
    // The WebSocket itself answers a client that closes: that has to go out, and nothing else may. 1006 is what an end without
    // a close frame is called; it is never sent (RFC 6455, section 7.4.1).
    if socket.why() != End::CLIENT && code != 1006 {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from(reason.as_ref()),
        };
        sink.send(Message::Close(Some(frame))).await?;
    }
    sink.close().await
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Text(bytes) => match Utf8Bytes::try_from(bytes) {
            Ok(text) => Message::Text(text),
            // JSON is UTF-8; if ours is not, the client shall see it.
            Err(_) => Message::Text(Utf8Bytes::from_static("")),
        },
    }
}

fn count(socket: &Socket, kind: Kind, sent: &Sent) {
    let (metrics, size) = (&socket.metrics, sent.frame.bytes().len());
    let compressed = if sent.packed.is_some() { "true" } else { "false" };
    metrics
        .sent
        .with([kind.as_str(), compressed, socket.version.as_str()])
        .increment(1);
    metrics
        .size
        .with(["out", kind.as_str(), compressed])
        .record(size as f64);
    if let Some((plain, packed)) = sent.packed {
        metrics.ratio.record(1.0 - packed as f64 / plain as f64);
    }
    socket.traffic.sent.fetch_add(1, Ordering::Relaxed);
    socket
        .traffic
        .sent_bytes
        .fetch_add(size as u64, Ordering::Relaxed);
}
