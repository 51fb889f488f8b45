//! An agent that speaks the WebSocket protocol, in text.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use e2e::PATIENCE;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;

/// A connection.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    next: u64,
    /// The number of the last message that was heard.
    pub last: u64,
    /// Notifications that came while an answer was waited for.
    told: VecDeque<Value>,
}

impl Socket {
    /// A connection to the replica whose MCP endpoint this is, with its first words said.
    pub async fn open(mcp_url: &str, key: &str) -> Result<Self> {
        let mut socket = Self::connect(mcp_url, key).await?;
        socket.begin(json!({})).await?;
        Ok(socket)
    }

    /// A connection on which nothing was said yet.
    pub async fn connect(mcp_url: &str, key: &str) -> Result<Self> {
        let url = mcp_url.replacen("http", "ws", 1).replace("/mcp", "/ws");
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {key}").parse()?);
        headers.insert("sec-websocket-protocol", "mcp.v1".parse()?);
        let address = request.uri().authority().context("no address")?.to_string();
        let (stream, _) =
            tokio_tungstenite::client_async(request, TcpStream::connect(address).await?).await?;
        Ok(Self {
            stream,
            next: 0,
            last: 0,
            told: VecDeque::new(),
        })
    }

    /// Says the first words; their answer.
    pub async fn begin(&mut self, capabilities: Value) -> Result<Value> {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": { "name": "e2e", "version": "1" },
        });
        let answer = self.ask("initialize", params).await?;
        let begun = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.stream.send(Message::text(begun.to_string())).await?;
        Ok(answer)
    }

    /// The result of a request; an error when it is refused, with the refusal.
    pub async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        self.next += 1;
        let request = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        self.stream.send(Message::text(request.to_string())).await?;
        loop {
            let heard = self.hear().await?;
            if heard["id"] == self.next {
                ensure!(heard.get("error").is_none(), "{heard}");
                return Ok(heard["result"].clone());
            }
            self.told.push_back(heard);
        }
    }

    /// The answers to so many requests of which none waited for another's, refusals among them.
    pub async fn ask_at_once(&mut self, method: &str, params: &Value, times: usize) -> Result<Vec<Value>> {
        let first = self.next + 1;
        for _ in 0..times {
            self.next += 1;
            let request = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
            self.stream.feed(Message::text(request.to_string())).await?;
        }
        self.stream.flush().await?;
        let mut answers = Vec::new();
        while answers.len() < times {
            let heard = self.hear().await?;
            match heard["id"].as_u64() {
                Some(id) if id >= first => answers.push(heard),
                _ => self.told.push_back(heard),
            }
        }
        Ok(answers)
    }

    /// The params of the next notification of this method.
    pub async fn told(&mut self, method: &str) -> Result<Value> {
        loop {
            if let Some(place) = self.told.iter().position(|told| told["method"] == method) {
                let told = self.told.remove(place).context("it was there")?;
                return Ok(told["params"].clone());
            }
            let heard = self.hear().await?;
            self.told.push_back(heard);
        }
    }

    /// Breaks it without a word.
    pub async fn cut(&mut self) -> Result<()> {
        Ok(self.stream.get_mut().shutdown().await?)
    }

    async fn hear(&mut self) -> Result<Value> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match frame
                .context("nothing was heard")?
                .context("the connection is gone")??
            {
                Message::Text(text) => {
                    let heard: Value = serde_json::from_str(&text)?;
                    self.last = heard["seq"].as_u64().unwrap_or(self.last);
                    return Ok(heard);
                }
                Message::Close(reason) => bail!("closed: {reason:?}"),
                _ => {}
            }
        }
    }
}
