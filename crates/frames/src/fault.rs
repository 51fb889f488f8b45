//! Faults after which a connection cannot go on, each with its close code and its reason.

use thiserror::Error;

/// What is wrong with a frame. The connection closes: whoever sends this does not speak the protocol, or wants to harm.
/// The text is the reason of the close frame, which holds at most 123 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// Shorter than a header.
    #[error("frame of {0} bytes: the header alone has 24")]
    Short(usize),
    /// The first four bytes are something else.
    #[error("magic 0x{0:08x}: expected 0x4d435057 (MCPW)")]
    Magic(u32),
    /// A version that this end does not speak.
    #[error("version {0}: only version 1 is spoken here")]
    Version(u8),
    /// No such type.
    #[error("type {0}: expected 0 to 7")]
    Kind(u8),
    /// A flag without a meaning.
    #[error("flags 0x{0:04x}: only 1 (compressed) and 4 (batch) are known")]
    Flags(u16),
    /// Encryption is the transport's: TLS.
    #[error("flag 2 (encrypted) is refused: use wss://")]
    Encrypted,
    /// The reserved field is not zero.
    #[error("reserved field 0x{0:04x}: expected 0")]
    Reserved(u16),
    /// The payload is shorter or longer than the header says.
    #[error("payload of {actual} bytes: the header says {stated}")]
    Size {
        /// What the header says.
        stated: u32,
        /// What there is.
        actual: usize,
    },
    /// More than a message may have.
    #[error("message of {size} bytes: at most {most} are taken")]
    TooLarge {
        /// Its bytes.
        size: usize,
        /// Most bytes of one.
        most: usize,
    },
    /// A compressed payload becomes too large. It was not unpacked further.
    #[error("compressed payload unpacks to more than {0} bytes")]
    Inflated(usize),
    /// The payload is not one whole gzip member.
    #[error("compressed payload is not one whole gzip member")]
    Gzip,
    /// A payload that has to be text is not.
    #[error("payload is not UTF-8")]
    Utf8,
    /// A ping or a pong has at most 125 bytes, plain.
    #[error("ping and pong take at most 125 bytes, no flags and no method")]
    Heartbeat,
    /// The batch flag goes with the batch type, and with no other.
    #[error("flag 4 (batch) goes with type 6, and type 6 with flag 4")]
    BatchFlag,
}

impl Fault {
    /// The WebSocket close code (RFC 6455, section 7.4.1).
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::Encrypted => 1003,
            Self::Gzip | Self::Utf8 => 1007,
            Self::TooLarge { .. } | Self::Inflated(_) => 1009,
            _ => 1002,
        }
    }

    /// Its name among the values of a label: a closed set.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "message_too_large",
            Self::Inflated(_) => "inflated_too_large",
            Self::Gzip | Self::Utf8 => "invalid_payload",
            Self::Encrypted => "encrypted",
            Self::Version(_) => "version",
            _ => "invalid_frame",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_fits_into_a_close_frame() {
        let most = usize::MAX;
        for fault in [
            Fault::Short(23),
            Fault::Magic(u32::MAX),
            Fault::Version(255),
            Fault::Kind(255),
            Fault::Flags(u16::MAX),
            Fault::Encrypted,
            Fault::Reserved(u16::MAX),
            Fault::Size {
                stated: u32::MAX,
                actual: most,
            },
            Fault::TooLarge { size: most, most },
            Fault::Inflated(most),
            Fault::Gzip,
            Fault::Utf8,
            Fault::Heartbeat,
            Fault::BatchFlag,
        ] {
            assert!(fault.to_string().len() <= 123, "{fault}");
            assert!((1002..=1009).contains(&fault.close_code()));
            assert!(!fault.as_str().is_empty());
        }
    }
}
