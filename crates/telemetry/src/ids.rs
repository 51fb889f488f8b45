//! Request ids: the caller's, if it is clean, or a new one.

use uuid::Uuid;

/// Header and gRPC metadata key of the request id.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// Longest id that is taken from a caller.
const LONGEST: usize = 128;

/// The id of one request: the caller's `X-Request-ID` or made here. In the extensions of every request that passed
/// [`http::layer`](crate::http::layer) or [`grpc::server`](crate::grpc::server).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// Takes the caller's id, if it is 1 to 128 of `A-Z a-z 0-9 . _ -`, else makes one: ids go into logs and headers.
    #[must_use]
    pub fn taken_or_made(given: Option<&str>) -> Self {
        match given.filter(|id| is_clean(id)) {
            Some(id) => RequestId(id.to_owned()),
            None => RequestId(Uuid::now_v7().to_string()),
        }
    }
}

fn is_clean(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_id_is_taken_and_any_other_is_replaced() {
        assert_eq!(RequestId::taken_or_made(Some("a.B_9-z")).0, "a.B_9-z");
        let longest = "x".repeat(128);
        assert_eq!(RequestId::taken_or_made(Some(&longest)).0, longest);
        for bad in ["", "a b", "a\nb", "é", "<script>", &"x".repeat(129)] {
            let made = RequestId::taken_or_made(Some(bad)).0;
            assert!(made != bad && is_clean(&made), "{bad:?} gave {made:?}");
        }
    }
}
