//! Load: as fast as some connections can, or at a fixed rate. Every answer's body is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::request::{Prepared, Target};

/// Calls per second of `connections` that each send the next request when the last is answered.
///
/// # Errors
/// When an answer is not what was expected.
pub async fn closed(target: &Target, connections: usize, time: Duration) -> Result<f64> {
    let (calls, seconds) = Held::open(target, connections).await?.run(time).await?;
    Ok(calls as f64 / seconds)
}

/// Connections that stay open between one run and the next.
pub struct Held {
    target: Arc<Target>,
    connections: Vec<Connection>,
}

impl Held {
    /// Opens so many.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn open(target: &Target, connections: usize) -> Result<Self> {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(connect(&target.address).await?);
        }
        Ok(Self {
            target: Arc::new(target.clone()),
            connections: open,
        })
    }

    /// Each sends the next request when the last is answered, for that time: how many were answered, in how many seconds.
    ///
    /// # Errors
    /// When an answer is not what was expected.
    pub async fn run(&mut self, time: Duration) -> Result<(u64, f64)> {
        let (open, mut workers) = (self.connections.len(), JoinSet::new());
        let began = Instant::now();
        for (number, mut connection) in self.connections.drain(..).enumerate() {
            let target = Arc::clone(&self.target);
            workers.spawn(async move {
                let mut count = 0_u64;
                while began.elapsed() < time {
                    // Each connection has requests of its own: two in flight in one session must not share an id.
                    let at = (number + open * usize::try_from(count)?) % target.requests.len();
                    send(&mut connection, &target.requests[at]).await?;
                    count += 1;
                }
                anyhow::Ok((count, connection))
            });
        }
        let mut calls = 0;
        while let Some(ended) = workers.join_next().await {
            let (count, connection) = ended??;
            calls += count;
            self.connections.push(connection);
        }
        Ok((calls, began.elapsed().as_secs_f64()))
    }
}

/// Latencies, sorted, at `rate` calls a second: from when a call was due to when its answer was there, so that a call
/// that waits behind a slow one counts as slow too.
///
/// # Errors
/// When an answer is not what was expected.
pub async fn open(target: &Target, connections: usize, rate: f64, time: Duration) -> Result<Vec<Duration>> {
    let target = Arc::new(target.clone());
    let calls = (rate * time.as_secs_f64()) as usize;
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    let began = Instant::now() + Duration::from_millis(50);
    for _ in 0..connections {
        let mut connection = connect(&target.address).await?;
        let (target, next) = (Arc::clone(&target), Arc::clone(&next));
        workers.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls {
                    return anyhow::Ok(latencies);
                }
                let due = began + Duration::from_secs_f64(number as f64 / rate);
                let mut from = due;
                if Instant::now() < due {
                    tokio::time::sleep_until(due.into()).await;
                    // The timer wakes up to a millisecond late; that is not the server's time. Waiting for a free
                    // connection is, however short.
                    from = Instant::now();
                }
                send(&mut connection, &target.requests[number % target.requests.len()]).await?;
                latencies.push(from.elapsed());
            }
        });
    }
    let mut all = Vec::new();
    while let Some(latencies) = workers.join_next().await {
        all.extend(latencies??);
    }
    all.sort_unstable();
    Ok(all)
}

/// One request by itself.
///
/// # Errors
/// When the answer is not what was expected.
pub async fn once(target: &Target) -> Result<()> {
    nth(target, 0).await
}

/// The request of this number by itself.
///
/// # Errors
/// When the answer is not what was expected.
pub async fn nth(target: &Target, number: usize) -> Result<()> {
    let mut connection = connect(&target.address).await?;
    send(&mut connection, &target.requests[number % target.requests.len()]).await
}

/// So many requests one after the other.
///
/// # Errors
/// When an answer is not what was expected.
pub async fn counted(target: &Target, calls: usize) -> Result<()> {
    let mut connection = connect(&target.address).await?;
    for number in 0..calls {
        send(&mut connection, &target.requests[number % target.requests.len()]).await?;
    }
    Ok(())
}

type Connection = SendRequest<Full<Bytes>>;

async fn connect(address: &str) -> Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    #[expect(clippy::disallowed_methods, reason = "it ends with the sender")]
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(connection: &mut Connection, prepared: &Prepared) -> Result<()> {
    let mut request = Request::new(Full::new(prepared.body.clone()));
    *request.method_mut() = prepared.method.clone();
    *request.uri_mut() = prepared.uri.clone();
    *request.headers_mut() = prepared.headers.clone();
    connection.ready().await?;
    let answer = connection.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let missing = prepared
        .expected
        .iter()
        .find(|part| memchr::memmem::find(&body, part.as_bytes()).is_none());
    let shown = || String::from_utf8_lossy(&body).into_owned();
    ensure!(status.is_success(), "{status}: {}", shown());
    match missing {
        Some(part) => Err(anyhow::anyhow!("{part} is not in {}", shown())).context("a wrong answer"),
        None => Ok(()),
    }
}
