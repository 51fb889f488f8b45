//! The settings of the WebSocket door.

use domain::limit::{MAX_BURST, Rate};
use runtime::config::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How agents are connected over WebSocket. Hosts and origins are those of `http`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketConfig {
    /// Most connections of this replica. Default 20000, twice what a replica is meant for. Further ones are answered 503.
    /// Fewer than `listen.max_connections`: the rest is for requests, probes and scrapes.
    pub max_connections: usize,
    /// Most connections of one tenant at one replica. Default 10000, so that no tenant takes every place.
    pub max_per_tenant: usize,
    /// How long a client without a key in its handshake may take to send one (`authenticate`). Default 5s.
    pub authenticate_within: Duration,
    /// Largest message, as it comes. Default 1MiB.
    pub max_message: ByteSize,
    /// Largest compressed message when it is unpacked. Default 10MiB.
    pub max_inflated: ByteSize,
    /// Most messages of a batch. Default 100.
    pub max_batch: usize,
    /// Binary messages from this size on are sent compressed. Default 1KiB: below it little is saved.
    pub compress_from: ByteSize,
    /// How often each client is pinged. Default 30s, below the idle limit of proxies.
    pub ping_interval: Duration,
    /// A client that answered no ping for so long is gone. Default 60s: two pings.
    pub pong_timeout: Duration,
    /// A client that sends no message for so long is disconnected, however well it answers pings. Default 1h: agents that
    /// live say so more often.
    pub idle: Duration,
    /// How many messages one connection may send: `10/s`, `600/m`. Default 200/s: what an agent sends is work for
    /// somebody.
    #[schemars(with = "String")]
    pub rate: Rate,
    /// How many messages of one connection may come at once. Default 400.
    pub burst: u32,
    /// Most requests of one connection that run at once. Default 64; further ones are refused.
    pub max_in_flight: usize,
    /// Most messages that wait for a client that reads slowly. Default 1024: then progress and events are dropped, and
    /// after them the client.
    pub send_queue: usize,
    /// Most bytes of them. Default 8MiB.
    pub send_queue_bytes: ByteSize,
    /// How long a client that asked for it may take to come back (`resume`) for what it missed. Default 5m, as for
    /// sessions: messages wait in the cache meanwhile.
    pub resume: Duration,
    /// Most messages that are kept for it. Default 256.
    pub resume_messages: usize,
    /// How long clients of a replica that stops are asked to wait before they connect again. Default 1s, and up to as much
    /// again by chance, so that they do not all come at once.
    pub reconnect_after: Duration,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_per_tenant: 10_000,
            authenticate_within: Duration::from_secs(5),
            max_message: ByteSize::mib(1),
            max_inflated: ByteSize::mib(10),
            max_batch: 100,
            compress_from: ByteSize::kib(1),
            ping_interval: Duration::from_secs(30),
            pong_timeout: Duration::from_secs(60),
            idle: Duration::from_hours(1),
            rate: Rate::per(200.0),
            burst: 400,
            max_in_flight: 64,
            send_queue: 1_024,
            send_queue_bytes: ByteSize::mib(8),
            resume: Duration::from_mins(5),
            resume_messages: 256,
            reconnect_after: Duration::from_secs(1),
        }
    }
}

impl WebSocketConfig {
    pub(super) fn limits(&self) -> frames::Limits {
        frames::Limits {
            message: bytes(self.max_message),
            inflated: bytes(self.max_inflated),
            batch: self.max_batch,
        }
    }

    pub(super) fn burst(&self) -> u32 {
        self.burst.clamp(1, MAX_BURST)
    }
}

/// A size as memory is counted.
pub(super) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.get()).unwrap_or(usize::MAX)
}
