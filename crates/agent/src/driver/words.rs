//! The first words on a connection: who this is, and where it was.

use frames::wire::{self, Frame, Limits};
use frames::{Content, Id, Message, Rpc};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

use super::first;
use crate::Refused;
use crate::connect::{Address, Socket, text};
use crate::options::Options;
use crate::session::{Session, frame};

const RESUME: &str = "io.devmesh/resume";
const CONNECTION: &str = "io.devmesh/connection";

/// Why the first words came to nothing.
pub(super) enum Unheard {
    Broken(String),
    Refused(String),
}

/// Says them; what is to be sent again after them.
pub(super) async fn begin(
    address: &Address,
    options: &Options,
    session: &mut Session,
    socket: &mut Socket,
) -> Result<Vec<Frame>, Unheard> {
    let mut words = Words {
        options,
        session,
        socket,
    };
    if address.key_in_first_message {
        let params = json!({ "key": address.key });
        words
            .ask("authenticate", params)
            .await?
            .1
            .map_err(|error| Unheard::Refused(error.message))?;
    }
    match words.session.token.clone() {
        Some(token) => words.resume(&token).await,
        None => words.initialize().await,
    }
}

struct Words<'a> {
    options: &'a Options,
    session: &'a mut Session,
    socket: &'a mut Socket,
}

impl Words<'_> {
    async fn resume(&mut self, token: &str) -> Result<Vec<Frame>, Unheard> {
        let params = json!({ "token": token, "last": self.session.inbox.last() });
        let (sequence, answer) = self.ask("resume", params).await?;
        match answer {
            Ok(result) => {
                self.session.inbox.arrived(sequence);
                Ok(self.session.resumed(result["received"].as_u64()))
            }
            Err(error) if Refused::from(error.clone()).is_passing() => Err(Unheard::Broken(error.message)),
            Err(error) => {
                tracing::info!(
                    why = error.message,
                    "the session cannot be resumed, another one begins"
                );
                self.session.token = None;
                self.initialize().await
            }
        }
    }

    async fn initialize(&mut self) -> Result<Vec<Frame>, Unheard> {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "experimental": { RESUME: {} } },
            "clientInfo": { "name": self.options.name, "version": env!("CARGO_PKG_VERSION") },
        });
        let (sequence, answer) = self.ask("initialize", params).await?;
        let result = answer.map_err(|error| Unheard::Refused(error.message))?;
        let token = result["_meta"][CONNECTION]["resumeToken"]
            .as_str()
            .map(str::to_owned);
        let begun = Message::Notification {
            method: "notifications/initialized".to_owned(),
            params: None,
        };
        self.send(&frame(&begun, 0)).await?;
        Ok(self.session.begun(token, first(sequence)))
    }

    /// A request without a number, and its answer with its own.
    async fn ask(&mut self, method: &str, params: Value) -> Result<(u64, Result<Value, Rpc>), Unheard> {
        let id = Id::Number(self.session.name());
        let request = Message::Request {
            id: id.clone(),
            method: method.to_owned(),
            params: Some(params),
        };
        self.send(&frame(&request, 0)).await?;
        loop {
            let (sequence, message) = self.hear().await?;
            match message {
                Message::Response { id: of, result } if of == id => return Ok((sequence, Ok(result))),
                Message::Error { id: of, error } if of.as_ref() == Some(&id) || of.is_none() => {
                    return Ok((sequence, Err(error)));
                }
                // Nothing else has been asked or can be told yet.
                _ => {}
            }
        }
    }

    async fn send(&mut self, frame: &Frame) -> Result<(), Unheard> {
        let sent = self.socket.send(text(frame)).await;
        sent.map_err(|error| Unheard::Broken(error.to_string()))
    }

    async fn hear(&mut self) -> Result<(u64, Message), Unheard> {
        let limits = Limits {
            message: self.options.max_message,
            ..Limits::default()
        };
        loop {
            let text = match self.socket.next().await {
                Some(Ok(tungstenite::Message::Text(text))) => text,
                Some(Ok(tungstenite::Message::Close(Some(close)))) if u16::from(close.code) == 1008 => {
                    return Err(Unheard::Refused(close.reason.to_string()));
                }
                Some(Ok(tungstenite::Message::Close(_))) | None => {
                    return Err(Unheard::Broken("closed at once".to_owned()));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(Unheard::Broken(error.to_string())),
            };
            let received =
                wire::read_text(&text, &limits).map_err(|fault| Unheard::Broken(fault.to_string()))?;
            if let Ok(Content::One(message)) = received.content {
                return Ok((received.sequence, message));
            }
        }
    }
}
