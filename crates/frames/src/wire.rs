//! Messages on the wire: one text frame, or one binary frame with a header, for each message or batch.

use bytes::{BufMut, Bytes, BytesMut};

use crate::fault::Fault;
use crate::gzip;
use crate::header::{Flags, HEADER_LEN, Header, Kind};
use crate::message::{self, Content, METHOD_NOT_FOUND, Message, Refusal, Rpc};
use crate::method;

/// What messages begin with as we write them; the number goes right behind it.
const BEGINNING: &[u8] = b"{\"jsonrpc\":\"2.0\"";

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON in a text frame; its number is the member `seq`.
    Text,
    /// A header and JSON, compressed or not, in a binary frame.
    Binary,
}

/// What is taken of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a message as it comes.
    pub message: usize,
    /// Most bytes of a payload that was unpacked.
    pub inflated: usize,
    /// Most messages of a batch.
    pub batch: usize,
}

impl Default for Limits {
    /// 1 MiB, 10 MiB and 100: the protocol's own.
    fn default() -> Self {
        Self {
            message: 1 << 20,
            inflated: 10 << 20,
            batch: 100,
        }
    }
}

/// A frame that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The sender's number; 0 for none.
    pub sequence: u64,
    /// Its type: in text, what the message is.
    pub kind: Kind,
    /// Whether it was compressed.
    pub compressed: bool,
    /// The messages, or what is answered because it is none.
    pub content: Result<Content, Refusal>,
}

/// Reads a text frame.
///
/// # Errors
/// [`Fault::TooLarge`].
pub fn read_text(text: &str, limits: &Limits) -> Result<Received, Fault> {
    fits(text.len(), limits)?;
    let is_batch = text.bytes().find(|byte| !byte.is_ascii_whitespace()) == Some(b'[');
    let read = if is_batch {
        message::batch(text, limits.batch).map(|(sequence, messages)| (sequence, Content::Batch(messages)))
    } else {
        message::one(text, None).map(|(sequence, message)| (sequence, Content::One(message)))
    };
    let kind = match &read {
        Ok((_, Content::One(message))) => message.kind(),
        _ if is_batch => Kind::Batch,
        _ => Kind::Request,
    };
    let (sequence, content) = match read {
        Ok((sequence, content)) => (sequence, Ok(content)),
        Err(refusal) => (0, Err(refusal)),
    };
    Ok(Received {
        sequence,
        kind,
        compressed: false,
        content,
    })
}

/// Reads a binary frame.
///
/// # Errors
/// When what sends it does not speak the protocol: the connection closes.
pub fn read_binary(frame: &[u8], limits: &Limits) -> Result<Received, Fault> {
    fits(frame.len().saturating_sub(HEADER_LEN), limits)?;
    let (header, payload) = Header::read(frame)?;
    let content = match header.kind {
        Kind::Ping => Ok(Content::Ping(Bytes::copy_from_slice(payload))),
        Kind::Pong => Ok(Content::Pong(Bytes::copy_from_slice(payload))),
        _ if header.flags.compressed => content(&header, &gzip::unpack(payload, limits.inflated)?, limits)?,
        _ => content(&header, payload, limits)?,
    };
    Ok(Received {
        sequence: header.sequence,
        kind: header.kind,
        compressed: header.flags.compressed,
        content,
    })
}

fn fits(size: usize, limits: &Limits) -> Result<(), Fault> {
    let most = limits.message;
    if size > most {
        return Err(Fault::TooLarge { size, most });
    }
    Ok(())
}

fn content(header: &Header, plain: &[u8], limits: &Limits) -> Result<Result<Content, Refusal>, Fault> {
    let text = std::str::from_utf8(plain).map_err(|_| Fault::Utf8)?;
    if header.kind == Kind::Batch {
        let read = message::batch(text, limits.batch);
        return Ok(read.and_then(|(own, messages)| {
            same_number(header, own).map_err(|why| message::refused(None, why))?;
            Ok(Content::Batch(messages))
        }));
    }
    Ok(single(header, text).map(Content::One))
}

fn single(header: &Header, text: &str) -> Result<Message, Refusal> {
    let named = method::name(header.method);
    if header.method != method::NAMED && named.is_none() {
        let id = match message::one(text, None) {
            Ok((_, message)) => message.id().cloned(),
            Err(refusal) => refusal.id,
        };
        return Err(Refusal {
            is_answered: header.kind == Kind::Request,
            id,
            error: Rpc::new(
                METHOD_NOT_FOUND,
                format!("method number {}: expected 0 to 9", header.method),
            ),
        });
    }
    let (own, message) = message::one(text, named)?;
    same_number(header, own).map_err(|why| message::refused(Some(&message), why))?;
    let kind = message.kind();
    let is_stated = kind == header.kind || (kind == Kind::Progress && header.kind == Kind::Notification);
    if !is_stated {
        let why = format!(
            "the header says {}, the payload is a {}",
            header.kind.as_str(),
            kind.as_str()
        );
        return Err(message::refused(Some(&message), why));
    }
    Ok(message)
}

/// A payload that carries a number carries its header's.
fn same_number(header: &Header, own: u64) -> Result<(), &'static str> {
    if own == 0 || own == header.sequence {
        Ok(())
    } else {
        Err("seq: in a binary frame the header carries it")
    }
}

/// A message made ready to be sent, in whatever form and under whatever number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Its type.
    pub kind: Kind,
    /// Its method's number.
    pub method: u16,
    /// Its text, as [`Message::json`] writes it.
    pub json: Bytes,
}

/// A frame to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(Bytes),
    /// With a header.
    Binary(Bytes),
}

impl Frame {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// A frame, and what is to be counted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The frame.
    pub frame: Frame,
    /// Bytes of the payload, if it was compressed: before, and as it is sent.
    pub packed: Option<(usize, usize)>,
}

impl From<&Message> for Ready {
    fn from(message: &Message) -> Self {
        Self {
            kind: message.kind(),
            method: message.method_number(),
            json: message.json().into(),
        }
    }
}

impl Ready {
    /// Several messages in one frame; there has to be one at least.
    #[must_use]
    pub fn batch(messages: &[Message]) -> Self {
        let ready: Vec<_> = messages.iter().map(Self::from).collect();
        Self::joined(&ready)
    }

    /// As [`Ready::batch`], of messages that are ready.
    #[must_use]
    pub fn joined(messages: &[Self]) -> Self {
        let size = messages
            .iter()
            .map(|message| message.json.len() + 1)
            .sum::<usize>();
        let mut json = BytesMut::with_capacity(size + 1);
        json.put_u8(b'[');
        for (index, message) in messages.iter().enumerate() {
            if index > 0 {
                json.put_u8(b',');
            }
            json.put_slice(&message.json);
        }
        json.put_u8(b']');
        Self {
            kind: Kind::Batch,
            method: method::NAMED,
            json: json.freeze(),
        }
    }
}

/// Writes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// In which form.
    pub form: Form,
    /// Payloads of at least so many bytes are compressed, in the binary form.
    pub compress_from: usize,
}

impl Writer {
    /// The frame of a message under a number; 0 for none.
    #[must_use]
    pub fn write(&self, ready: &Ready, sequence: u64) -> Sent {
        match self.form {
            Form::Text => Sent {
                frame: Frame::Text(numbered(&ready.json, sequence)),
                packed: None,
            },
            Form::Binary => self.write_binary(ready, sequence),
        }
    }

    fn write_binary(&self, ready: &Ready, sequence: u64) -> Sent {
        let plain = ready.json.len();
        let packed = (plain >= self.compress_from)
            .then(|| gzip::pack(&ready.json))
            .flatten();
        let flags = Flags {
            compressed: packed.is_some(),
            batch: ready.kind == Kind::Batch,
        };
        let payload = packed.as_deref().unwrap_or(&ready.json);
        let sizes = flags.compressed.then_some((plain, payload.len()));
        let method = ready.method;
        Sent {
            frame: Frame::Binary(framed(ready.kind, flags, sequence, method, payload)),
            packed: sizes,
        }
    }

    /// A ping or pong of the binary form.
    #[must_use]
    pub fn heartbeat(kind: Kind, bytes: &[u8]) -> Bytes {
        framed(kind, Flags::default(), 0, method::NAMED, bytes)
    }
}

fn framed(kind: Kind, flags: Flags, sequence: u64, method: u16, payload: &[u8]) -> Bytes {
    let header = Header {
        kind,
        flags,
        sequence,
        method,
        // What is sent is bounded far below 4 GiB; the other end refuses what is not whole.
        size: u32::try_from(payload.len()).unwrap_or(u32::MAX),
    };
    let mut frame = BytesMut::with_capacity(HEADER_LEN + payload.len());
    frame.put_slice(&header.bytes());
    frame.put_slice(payload);
    frame.freeze()
}

/// The text with its number, which goes behind the first `jsonrpc` of it, or where there is none in front of all else.
fn numbered(json: &Bytes, sequence: u64) -> Bytes {
    if sequence == 0 {
        return json.clone();
    }
    let opening = usize::from(json.first() == Some(&b'['));
    let (head, number) = if json[opening..].starts_with(BEGINNING) {
        (opening + BEGINNING.len(), format!(",\"seq\":{sequence}"))
    } else {
        (opening + 1, format!("\"seq\":{sequence},"))
    };
    let mut text = BytesMut::with_capacity(json.len() + number.len());
    text.put_slice(&json[..head]);
    text.put_slice(number.as_bytes());
    text.put_slice(&json[head..]);
    text.freeze()
}
