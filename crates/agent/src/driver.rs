//! Drives the connection: makes it, keeps it alive, makes it anew when it breaks, and goes on where it was.

mod words;

use std::time::Duration;

use frames::wire::{self, Limits};
use frames::{Id, Inbox, Message, Rpc};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::backoff::Backoff;
use crate::connect::{Address, Socket, Unconnected, text};
use crate::options::Options;
use crate::session::{Ask, Said, Session, frame};
use crate::standing::{Standing, Watcher};
use words::Unheard;

/// Numbered messages are acknowledged so often at least, so that the mesh need not keep them.
const ACKNOWLEDGE_EVERY: u64 = 64;
/// So many refusals in a row are no accident of a replica that has just been started and does not know the key yet.
const REFUSALS: u32 = 5;

/// The connection, with everything that belongs to it.
pub(crate) struct Driver {
    pub(crate) addresses: Vec<Address>,
    pub(crate) options: Options,
    pub(crate) asks: mpsc::UnboundedReceiver<Ask>,
    /// What the mesh says by itself. Unbounded: the mesh bounds what waits for an agent, and the reader only passes it on.
    pub(crate) said: mpsc::UnboundedSender<(String, Value)>,
    /// How often there was a connection.
    pub(crate) attached: watch::Sender<u64>,
    /// To end in order.
    pub(crate) close: CancellationToken,
    pub(crate) session: Session,
    pub(crate) watcher: Watcher,
}

/// Why a connection is over.
enum Over {
    Broken(String),
    Closed,
}

impl Driver {
    /// Runs until it is told to close, or the mesh does not want this agent; why.
    pub(crate) async fn run(mut self) -> Error {
        let mut backoff = Backoff::new(self.options.reconnect_first, self.options.reconnect_most);
        let (mut refusals, mut tries) = (0, 0);
        loop {
            let close = self.close.clone();
            let opened = close.run_until_cancelled(self.open(tries)).await;
            let (why, wait) = match opened {
                None => return Error::Ended,
                Some(Ok(socket)) => {
                    (refusals, _) = (0, backoff.reset());
                    if tries > 0 {
                        self.watcher.tell(Standing::Back);
                    }
                    match self.talk(socket).await {
                        Over::Closed => return Error::Ended,
                        Over::Broken(why) => (why, backoff.next()),
                    }
                }
                Some(Err(Unconnected::Refused { status, detail })) => {
                    refusals += 1;
                    let was_there = *self.attached.borrow() > 0;
                    if !was_there || refusals >= REFUSALS {
                        return Error::Handshake { status, detail };
                    }
                    (format!("refused with {status} {detail}"), backoff.next())
                }
                Some(Err(Unconnected::Later(why, after))) => {
                    (why, backoff.next().max(after.unwrap_or_default()))
                }
            };
            tracing::info!(why, ?wait, "there is no connection to the mesh");
            self.watcher.tell(Standing::Away { why, next: wait });
            tries += 1;
            if close
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .is_none()
            {
                return Error::Ended;
            }
        }
    }

    /// A connection with its first words said; each try goes to the next of the addresses.
    async fn open(&mut self, tries: usize) -> Result<Socket, Unconnected> {
        let address = &self.addresses[tries % self.addresses.len()];
        let mut socket = address.connect().await?;
        let words = words::begin(address, &self.options, &mut self.session, &mut socket);
        let again = match timeout(self.options.connect_timeout, words).await {
            Ok(Ok(again)) => again,
            Ok(Err(Unheard::Refused(detail))) => return Err(Unconnected::Refused { status: 0, detail }),
            Ok(Err(Unheard::Broken(why))) => return Err(Unconnected::Later(why, None)),
            Err(_) => {
                return Err(Unconnected::Later(
                    "the first words got no answer".to_owned(),
                    None,
                ));
            }
        };
        for frame in again {
            let sent = timeout(self.options.silence, socket.send(text(&frame))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return Err(Unconnected::Later("broke at once".to_owned(), None));
            }
        }
        self.attached.send_modify(|times| *times += 1);
        Ok(socket)
    }

    /// Sends and receives until it is over.
    async fn talk(&mut self, mut socket: Socket) -> Over {
        let start = Instant::now();
        let mut pulse = interval_at(start + self.options.ping, self.options.ping);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = start;
        loop {
            let step = tokio::select! {
                () = self.close.cancelled() => {
                    let goodbye = timeout(Duration::from_secs(1), socket.close(None));
                    let _ = goodbye.await;
                    return Over::Closed;
                }
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.ask(&mut socket, ask).await,
                    None => return Over::Closed,
                },
                came = socket.next() => {
                    heard = Instant::now();
                    self.hear(&mut socket, came).await
                }
                _ = pulse.tick() => self.pulse(&mut socket, heard).await,
            };
            if let Err(why) = step {
                return Over::Broken(why);
            }
        }
    }

    /// Whether the other end is there; and what it need not keep any more.
    async fn pulse(&mut self, socket: &mut Socket, heard: Instant) -> Result<(), String> {
        if heard.elapsed() >= self.options.silence {
            return Err(format!("nothing came for {:?}", self.options.silence));
        }
        self.session.forget_abandoned();
        self.acknowledge(socket).await?;
        self.send(socket, tungstenite::Message::Ping(tungstenite::Bytes::new()))
            .await
    }

    async fn ask(&mut self, socket: &mut Socket, ask: Ask) -> Result<(), String> {
        match self.session.begin(ask, self.options.max_sent) {
            Some(frame) => self.send(socket, text(&frame)).await,
            None => Ok(()),
        }
    }

    async fn acknowledge(&mut self, socket: &mut Socket) -> Result<(), String> {
        let Some(last) = self
            .session
            .acknowledge()
            .filter(|_| self.session.token.is_some())
        else {
            return Ok(());
        };
        let ack = Message::Notification {
            method: "ack".to_owned(),
            params: Some(json!({ "sequence": last })),
        };
        self.send(socket, text(&frame(&ack, 0))).await
    }

    async fn hear(
        &mut self,
        socket: &mut Socket,
        came: Option<Result<tungstenite::Message, tungstenite::Error>>,
    ) -> Result<(), String> {
        let text = match came {
            Some(Ok(tungstenite::Message::Text(text))) => text,
            Some(Ok(tungstenite::Message::Close(close))) => {
                let why = close.map(|close| format!("{} {}", u16::from(close.code), close.reason));
                return Err(why.unwrap_or_else(|| "closed without a reason".to_owned()));
            }
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("the other end is gone".to_owned()),
        };
        let received = wire::read_text(&text, &self.limits()).map_err(|fault| fault.to_string())?;
        for said in self.session.take(received) {
            self.pass_on(socket, said).await?;
        }
        match self.session.unacknowledged() >= ACKNOWLEDGE_EVERY {
            true => self.acknowledge(socket).await,
            false => Ok(()),
        }
    }

    async fn pass_on(&mut self, socket: &mut Socket, said: Said) -> Result<(), String> {
        match said {
            // What is asked here from now on is not begun: another replica is asked, and what runs is answered there.
            Said::Notification { method, .. } if method == "notifications/closing" => {
                Err("this replica stops".to_owned())
            }
            Said::Notification { method, params } => {
                // Nobody listens any more when the agent ends.
                let _ = self.said.send((method, params));
                Ok(())
            }
            Said::Question { id, method } => {
                let answer = answer(id, &method);
                self.send(socket, text(&frame(&answer, 0))).await
            }
        }
    }

    async fn send(&self, socket: &mut Socket, message: tungstenite::Message) -> Result<(), String> {
        match timeout(self.options.silence, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("what is sent is not taken".to_owned()),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            message: self.options.max_message,
            ..Limits::default()
        }
    }
}

/// What the mesh asks of an agent: whether it is there; nothing else.
fn answer(id: Id, method: &str) -> Message {
    if method == "ping" {
        return Message::Response {
            id,
            result: json!({}),
        };
    }
    Message::Error {
        id: Some(id),
        error: Rpc::new(
            frames::message::METHOD_NOT_FOUND,
            format!("this agent does not answer {method}"),
        ),
    }
}

/// A session's numbers at its beginning.
fn first(sequence: u64) -> Inbox {
    Inbox::after(sequence)
}
