//! What sessions leave behind that nobody ever closed: opens many, lets them expire, and compares the memory of the
//! replica that held them with what it was before. Used by `scripts/tests.d/full/sessions.sh`.
//!
//! Usage: `sessions [SESSIONS [ROUNDS [SECONDS]]]`. Prints a line for each round; fails when the replica holds more than
//! 10 % and more than 10 MB more than before so many seconds after the last session expired, or a key is left in Redis.
#![expect(clippy::print_stdout, reason = "it is a program for people and scripts")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use e2e::{Mesh, Service, Setup};
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use test_support::{Redis, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Requests at once.
const CONNECTIONS: usize = 16;
/// Sessions that are opened once before memory is looked at, so that what is made once is there.
const WARM_UP: usize = 1_000;
/// How long Redis may take to remove what has expired.
const PATIENCE: Duration = Duration::from_secs(60);
/// What may be left: a tenth, or this many bytes.
const SLACK: u64 = 10_000_000;

/// A mesh whose first replica is watched.
struct Watched {
    redis: Arc<Redis>,
    mesh: Mesh,
    url: String,
    key: String,
    pid: u32,
    /// When memory is compared, from the end of the last session on. Sessions live a third of it; the default is half
    /// an hour.
    after: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (sessions, rounds, after) = (number(100_000)?, number(3)?, number(60)?);
    let watched = Watched::start(Duration::from_secs(u64::try_from(after)?)).await?;
    println!("fresh: {}", watched.memory().await?);
    watched.open(WARM_UP.min(sessions)).await?;
    watched.expired().await?;
    let before = watched.memory().await?;
    println!("before: {before}");
    for round in 1..=rounds {
        let began = Instant::now();
        watched.open(sessions).await?;
        let (took, full) = (began.elapsed().as_secs(), watched.memory().await?);
        watched.expired().await?;
        let now = watched.memory().await?;
        println!("round {round}: {sessions} sessions in {took} s, then {full}; when they had expired {now}");
        ensure!(
            now.resident <= before.resident + SLACK.max(before.resident / 10),
            "memory was not given back"
        );
    }
    Ok(())
}

impl Watched {
    async fn start(after: Duration) -> Result<Self> {
        let redis = Arc::new(Redis::start().await?);
        let idle = format!("{}ms", (after / 3).as_millis());
        let mesh = Setup::cluster()
            .with_cache(redis.url())
            .set(Service::McpServer, "sessions.idle", &idle)
            .set(Service::McpServer, "sessions.replay", &idle)
            .set(Service::McpServer, "sessions.resident", "2s")
            .start()
            .await?;
        let (key, _) = mesh.agent_key().await?;
        let url = mesh.mcp_urls().swap_remove(0);
        let pid = mesh.process(Service::McpServer)?.process.pid();
        Ok(Self {
            redis,
            mesh,
            url,
            key,
            pid,
            after,
        })
    }

    /// Opens sessions and forgets them.
    async fn open(&self, sessions: usize) -> Result<()> {
        let clients = (0..CONNECTIONS).map(|number| {
            let share = sessions / CONNECTIONS + usize::from(number < sessions % CONNECTIONS);
            open_share(&self.url, &self.key, share)
        });
        try_join_all(clients).await.map(drop)
    }

    /// Waits until nothing of the sessions is left in Redis, and then as long as memory may take.
    async fn expired(&self) -> Result<()> {
        let empty = || async {
            let left = keys(&self.redis).await?;
            ensure!(left == 0, "{left} keys are left in Redis");
            anyhow::Ok(())
        };
        eventually(self.after + PATIENCE, empty).await?;
        tokio::time::sleep(self.after).await;
        Ok(())
    }

    async fn memory(&self) -> Result<Memory> {
        let pages = self.mesh.pages().await?;
        let page = pages.into_iter().find(|page| page.service == "mcp-server");
        let page = page.context("no replica answers")?.page;
        Ok(Memory {
            resident: resident(self.pid)?,
            allocated: page.sum("allocator_allocated_bytes", &[]),
        })
    }
}

/// What the replica holds, in bytes.
#[derive(Clone, Copy)]
struct Memory {
    resident: u64,
    allocated: f64,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (resident, allocated) = (self.resident as f64 / 1e6, self.allocated / 1e6);
        write!(
            formatter,
            "{resident:.1} MB resident, {allocated:.1} MB allocated"
        )
    }
}

async fn open_share(url: &str, key: &str, sessions: usize) -> Result<()> {
    let url: http::Uri = url.parse()?;
    let socket = TcpStream::connect(url.authority().context("no address")?.as_str()).await?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(socket)).await?;
    let requests = async {
        for _ in 0..sessions {
            initialize(&mut sender, &url, key).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        done = requests => done,
        ended = connection => ended.context("the connection ended"),
    }
}

async fn initialize(sender: &mut SendRequest<Full<Bytes>>, url: &http::Uri, key: &str) -> Result<()> {
    let about = json!({"name": "sessions", "version": "1"});
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).to_string();
    let request = http::Request::post(url.path())
        .header("host", url.authority().context("no address")?.as_str())
        .header("authorization", format!("Bearer {key}"))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let (status, has_session) = (answer.status(), answer.headers().contains_key("mcp-session-id"));
    answer.into_body().collect().await?;
    ensure!(status.is_success() && has_session, "initialize: {status}");
    Ok(())
}

async fn keys(redis: &Redis) -> Result<u64> {
    // The one key that stays names the replica of rest-api that reads Redis's figures.
    const COUNT: &[u8] = b"EVAL \"local found = 0; for _, key in ipairs(redis.call('KEYS', '*')) do \
        if not string.find(key, 'figures:reader', 1, true) then found = found + 1 end end; return found\" 0\r\n";
    let mut socket = TcpStream::connect(("127.0.0.1", redis.port())).await?;
    socket.write_all(COUNT).await?;
    let mut answer = [0; 32];
    let length = socket.read(&mut answer).await?;
    let text = std::str::from_utf8(&answer[..length])?;
    Ok(text.trim().trim_start_matches(':').parse()?)
}

/// Resident bytes of a process.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1_024)
}
