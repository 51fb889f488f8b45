//! How connections end: each way with its close code, its words, and its name in metrics and logs.

use std::borrow::Cow;

use frames::Fault;

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// The close code (RFC 6455, section 7.4).
    pub(crate) code: u16,
    /// What the client is told, at most 123 bytes.
    pub(crate) reason: Cow<'static, str>,
    /// The word of the closing line; where something went wrong, of `mcp_websocket_errors_total` too.
    pub(crate) outcome: &'static str,
    /// Whether something went wrong.
    pub(crate) is_error: bool,
}

impl End {
    /// The client closed it, or went away.
    pub(crate) const CLIENT: Self = Self::well(1000, "", "closed");
    /// The client vanished without a word.
    pub(crate) const LOST: Self = Self::badly(1006, "", "lost");
    /// What came breaks the WebSocket protocol itself.
    pub(crate) const BROKEN: Self =
        Self::badly(1002, "a frame that RFC 6455 does not allow", "invalid_frame");
    /// A text that is none.
    pub(crate) const NO_TEXT: Self = Self::badly(1007, "a text that is not UTF-8", "invalid_payload");
    /// A message far beyond the limit, which was not read.
    pub(crate) const FAR_TOO_LARGE: Self = Self::badly(1009, "message is too large", "message_too_large");
    /// This replica stops.
    pub(crate) const STOPPING: Self = Self::well(1001, "this replica stops: connect again", "stopping");
    /// No message for long.
    pub(crate) const IDLE: Self = Self::well(1001, "no message came for too long", "idle");
    /// No pong for long.
    pub(crate) const NO_PONG: Self = Self::badly(1001, "no pong came in time", "pong_timeout");
    /// No key came.
    pub(crate) const UNAUTHENTICATED_TOO_LONG: Self = Self::badly(
        1008,
        "no valid `authenticate` came in time",
        "authentication_timeout",
    );
    /// The key is none.
    pub(crate) const UNAUTHENTICATED: Self =
        Self::badly(1008, "this needs a valid API key", "authentication_failed");
    /// Something else came before the key.
    pub(crate) const AUTHENTICATE_FIRST: Self = Self::badly(
        1008,
        "the first message has to be `authenticate`",
        "authentication_failed",
    );
    /// The key was revoked, or expired.
    pub(crate) const KEY_GONE: Self = Self::well(1008, "the key is no longer valid", "key_gone");
    /// It sent too many messages and did not listen.
    pub(crate) const TOO_FAST: Self =
        Self::badly(1008, "too many messages, in spite of refusals", "rate_limited");
    /// It does not read what it is sent.
    pub(crate) const TOO_SLOW: Self = Self::badly(
        1013,
        "messages are not read fast enough: connect again",
        "slow_consumer",
    );
    /// The tenant has too many.
    pub(crate) const TENANT_FULL: Self = Self::badly(
        1013,
        "this tenant has too many connections here",
        "too_many_connections",
    );

    /// The client came back on another connection.
    pub(crate) const TAKEN_OVER: Self = Self::well(4001, "resumed by another connection", "taken_over");

    /// Whether a client may come back after it: not where it went by itself, or is not wanted.
    pub(crate) fn can_be_mended(&self) -> bool {
        matches!(self.code, 1001 | 1006 | 1013 | 4001)
    }

    const fn well(code: u16, reason: &'static str, outcome: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
            outcome,
            is_error: false,
        }
    }

    const fn badly(code: u16, reason: &'static str, outcome: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
            outcome,
            is_error: true,
        }
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self {
            code: fault.close_code(),
            reason: Cow::Owned(fault.to_string()),
            outcome: fault.as_str(),
            is_error: true,
        }
    }
}
