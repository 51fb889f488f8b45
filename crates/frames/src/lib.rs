//! The WebSocket protocol `mcp.v1`: what bytes mean, and the bookkeeping of both ends. `docs/websocket-protocol.md` is its
//! specification; the vectors beside it are read by the tests here.
//!
//! No I/O, no clock, nothing of the product: a server, a client and a fuzzer run the same code.
//! [`wire`] reads and writes messages in text and in binary ([`header`], [`gzip`]); [`message`] is JSON-RPC 2.0;
//! [`Inbox`] and [`Outbox`] count, so that nothing is lost or taken twice over a break; [`SendQueue`] says what a reader
//! that is too slow misses.

pub mod fault;
pub mod gzip;
pub mod header;
pub mod inbox;
pub mod message;
pub mod method;
pub mod outbox;
pub mod queue;
pub mod version;
pub mod wire;

pub use fault::Fault;
pub use header::{Flags, HEADER_LEN, Header, Kind};
pub use inbox::{Arrival, Inbox};
pub use message::{Content, Id, Message, Refusal, Rpc};
pub use outbox::Outbox;
pub use queue::{Class, Pushed, SendQueue};
pub use version::{SUBPROTOCOL, Version};
pub use wire::{Form, Limits, Received, Writer};
