//! Which protocol is spoken: agreed on by the subprotocol of the handshake, before a byte of it is sent.

use thiserror::Error;

/// The subprotocol of version 1.
pub const SUBPROTOCOL: &str = "mcp.v1";

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `mcp.v1`.
    V1,
}

/// No version that both know.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unspoken {
    /// The client names none.
    #[error("no subprotocol was offered: send Sec-WebSocket-Protocol: mcp.v1")]
    None,
    /// It names others.
    #[error("none of the subprotocols that were offered is spoken here: only mcp.v1 is")]
    Others,
}

impl Version {
    /// The version among those that a client offers, best first.
    ///
    /// # Errors
    /// When there is none.
    pub fn negotiate<'a>(offered: impl IntoIterator<Item = &'a str>) -> Result<Self, Unspoken> {
        let mut offered = offered
            .into_iter()
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .peekable();
        if offered.peek().is_none() {
            return Err(Unspoken::None);
        }
        offered.find_map(Self::named).ok_or(Unspoken::Others)
    }

    fn named(subprotocol: &str) -> Option<Self> {
        (subprotocol == SUBPROTOCOL).then_some(Self::V1)
    }

    /// Its name, also the value of the label `protocol_version`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_both_know_is_taken_and_others_are_refused_with_the_name_of_ours() {
        assert_eq!(Version::negotiate(["mcp.v2", " mcp.v1"]), Ok(Version::V1));
        assert_eq!(Version::negotiate([]), Err(Unspoken::None));
        assert_eq!(Version::negotiate([" "]), Err(Unspoken::None));
        assert_eq!(
            Version::negotiate(["MCP.V1", "graphql-ws"]),
            Err(Unspoken::Others)
        );
        assert!(Unspoken::Others.to_string().contains(SUBPROTOCOL));
    }
}
