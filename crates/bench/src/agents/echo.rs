//! A request over `/ws` and its answer, beside a bare axum WebSocket that sends back what it gets.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::Options;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::servers::{self, Kind};
use crate::stats::{interval, median};

/// Connections, each with one request under way: few enough that none is slowed by its limit of messages.
const CONNECTIONS: usize = 64;

pub(super) async fn run(options: &Options) -> Result<Value> {
    let (rounds, seconds) = if options.quick { (1, 0.5) } else { (7, 4.0) };
    let time = Duration::from_secs_f64(seconds);
    let echo = servers::start(Kind::Echo, "").await?;
    let mesh = Mesh::start_with(&built(&options.devmesh)?, Signals::Off, Data::fresh()?, UNLIMITED).await?;
    let key = mesh.agent("echo").await?;
    let (mut bare, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(rate(&format!("{}/ws", echo.url), None, time).await?);
        ours.push(rate(&mesh.mcp.replace("/mcp", "/ws"), Some(&key), time).await?);
    }
    ratios.extend(ours.iter().zip(&bare).map(|(ours, bare)| ours / bare));
    let (low, high) = interval(&ratios);
    Ok(json!({
        "connections": CONNECTIONS, "rounds": rounds, "seconds_each": seconds,
        "bare": median(&bare), "mesh": median(&ours), "ratio": median(&ratios), "low": low, "high": high,
    }))
}

/// Without the limit of what one connection may send: it would be what is measured.
const UNLIMITED: &[(&str, &str)] = &[
    ("DEVMESH_MCP_SERVER__WEBSOCKET__RATE", "100000/s"),
    ("DEVMESH_MCP_SERVER__WEBSOCKET__BURST", "1000000"),
];

/// Requests that are answered a second.
async fn rate(url: &str, key: Option<&str>, time: Duration) -> Result<f64> {
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let socket = open(url, key).await?;
        clients.spawn(ask(socket, time));
    }
    let began = Instant::now();
    let mut answered = 0;
    while let Some(count) = clients.join_next().await {
        answered += count??;
    }
    Ok(f64::from(answered) / began.elapsed().as_secs_f64())
}

/// A connection with its first words said.
pub(super) async fn open(url: &str, key: Option<&str>) -> Result<WebSocketStream<TcpStream>> {
    let mut request = url.replacen("http", "ws", 1).into_client_request()?;
    let address = request.uri().authority().context("no address")?.to_string();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "mcp.v1".parse()?);
    if let Some(key) = key {
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {key}").parse()?);
    }
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    if key.is_some() {
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "bench", "version": "1" } });
        let words = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        socket.send(Message::text(words.to_string())).await?;
        answer(&mut socket, 0).await?;
    }
    Ok(socket)
}

async fn ask(mut socket: WebSocketStream<TcpStream>, time: Duration) -> Result<u32> {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < time {
        count += 1;
        socket
            .send(Message::text(format!(
                r#"{{"jsonrpc":"2.0","id":{count},"method":"ping"}}"#
            )))
            .await?;
        answer(&mut socket, count).await?;
    }
    Ok(count)
}

/// The next message must be of this request.
async fn answer(socket: &mut WebSocketStream<TcpStream>, id: u32) -> Result<()> {
    loop {
        if let Message::Text(text) = socket.next().await.context("closed")?? {
            let answer: Value = serde_json::from_str(&text)?;
            ensure!(answer["id"] == id && answer.get("error").is_none(), "{text}");
            return Ok(());
        }
    }
}
