//! A client of the WebSocket door that hides nothing.

use std::time::Duration;

use frames::message::{Content, Message};
use frames::wire::{Ready, Writer, read_binary};
use frames::{Form, Id, Limits, Received};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as Frame};
use tokio_tungstenite::tungstenite::{Error, http};

use super::Edge;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// In which form it speaks.
    pub form: Form,
    next: i64,
    sequence: u64,
}

/// What came.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Text(Value),
    Binary(Box<Received>),
    Pong(Vec<u8>),
    Close(u16, String),
    /// The connection was cut.
    Gone,
}

impl Heard {
    /// The message, in whatever form it came.
    pub fn message(self) -> Value {
        match self {
            Self::Text(message) => message,
            Self::Binary(received) => value(received.content.unwrap()),
            other => panic!("{other:?} is no message"),
        }
    }
}

fn value(content: Content) -> Value {
    let one = |message: Message| serde_json::from_slice::<Value>(&message.json()).unwrap();
    match content {
        Content::One(message) => one(message),
        Content::Batch(messages) => messages
            .into_iter()
            .map(|message| one(message.unwrap()))
            .collect(),
        other => panic!("{other:?} is no message"),
    }
}

impl Socket {
    /// Knocks; the status and the body of a refusal.
    pub async fn knock(url: &str, headers: &[(&str, &str)]) -> Result<Self, (u16, String)> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let address = request.uri().authority().unwrap().to_string();
        let tcp = TcpStream::connect(address).await.unwrap();
        match tokio_tungstenite::client_async(request, tcp).await {
            Ok((stream, _)) => Ok(Self {
                stream,
                form: Form::Text,
                next: 0,
                sequence: 0,
            }),
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err((
                    answer.status().as_u16(),
                    String::from_utf8_lossy(body).into_owned(),
                ))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A connection with a key that has said nothing yet.
    pub async fn connect(edge: &Edge, key: &str) -> Self {
        let bearer = format!("Bearer {key}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("sec-websocket-protocol", "mcp.v1"),
        ];
        Self::knock(&edge.ws_url(), &headers).await.unwrap()
    }

    /// A connection that is ready to be used.
    pub async fn open(edge: &Edge, key: &str) -> Self {
        Self::open_in(edge, key, Form::Text).await
    }

    pub async fn open_in(edge: &Edge, key: &str, form: Form) -> Self {
        let mut socket = Self::connect(edge, key).await;
        socket.form = form;
        let answer = socket.initialize(json!({})).await;
        assert!(answer.get("result").is_some(), "{answer}");
        socket
    }

    /// Says who it is, with these capabilities.
    pub async fn initialize(&mut self, capabilities: Value) -> Value {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": { "name": "test", "version": "1" },
        });
        let answer = self.ask("initialize", params).await;
        self.tell("notifications/initialized", None).await;
        answer
    }

    /// Asks, and waits for the answer; what comes in between is passed over.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer_to(id).await
    }

    /// Asks without waiting.
    pub async fn begin(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let message = Message::Request {
            id: Id::Number(self.next),
            method: method.to_owned(),
            params: Some(params),
        };
        self.send(&message).await;
        self.next
    }

    pub async fn answer_to(&mut self, id: i64) -> Value {
        loop {
            let message = self.hear().await.message();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    pub async fn tell(&mut self, method: &str, params: Option<Value>) {
        let method = method.to_owned();
        self.send(&Message::Notification { method, params }).await;
    }

    async fn send(&mut self, message: &Message) {
        let writer = Writer {
            form: self.form,
            compress_from: 512,
        };
        self.sequence += 1;
        let sequence = if self.form == Form::Binary {
            self.sequence
        } else {
            0
        };
        let sent = writer.write(&Ready::from(message), sequence);
        match sent.frame {
            frames::wire::Frame::Text(text) => self.send_text(std::str::from_utf8(&text).unwrap()).await,
            frames::wire::Frame::Binary(bytes) => self.send_binary(&bytes).await,
        }
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Frame::text(text)).await.unwrap();
    }

    pub async fn send_binary(&mut self, bytes: &[u8]) {
        self.stream.send(Frame::binary(bytes.to_vec())).await.unwrap();
    }

    /// Sends whatever becomes of it: the other end may have closed.
    pub async fn try_send_text(&mut self, text: &str) -> bool {
        self.stream.send(Frame::text(text)).await.is_ok()
    }

    pub async fn close(&mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let _ = self.stream.close(Some(frame)).await;
    }

    /// What comes back to a close, pings and messages aside.
    pub async fn closing(&mut self) -> Heard {
        loop {
            if let end @ (Heard::Close(..) | Heard::Gone) = self.hear().await {
                return end;
            }
        }
    }

    /// The next that comes, pings aside.
    pub async fn hear(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.next())
            .await
            .expect("something comes")
    }

    /// Whether nothing comes for a while.
    pub async fn is_silent(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.next()).await.is_err()
    }

    async fn next(&mut self) -> Heard {
        loop {
            return match self.stream.next().await {
                Some(Ok(Frame::Text(text))) => Heard::Text(serde_json::from_str(&text).unwrap()),
                Some(Ok(Frame::Binary(bytes))) => {
                    Heard::Binary(Box::new(read_binary(&bytes, &Limits::default()).unwrap()))
                }
                Some(Ok(Frame::Pong(bytes))) => Heard::Pong(bytes.to_vec()),
                Some(Ok(Frame::Close(Some(frame)))) => {
                    Heard::Close(frame.code.into(), frame.reason.to_string())
                }
                Some(Ok(Frame::Ping(_) | Frame::Frame(_))) => continue,
                Some(Ok(Frame::Close(None)) | Err(_)) | None => Heard::Gone,
            };
        }
    }

    /// Reads until the connection closes; how it did.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.hear().await {
                Heard::Close(code, reason) => return (code, reason),
                Heard::Gone => panic!("cut without a word"),
                _ => {}
            }
        }
    }
}
