//! Which replica answers a stream. It is part of the ids of the stream's events, so that the replica to which a client
//! comes back knows for whose answer it waits: one that was killed will never give it.

use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use serde_json::json;

/// Longest request id that an event id carries. Clients count, or take UUIDs.
const MAX_REQUEST_ID: usize = 64;

/// The request that a stream answers, and the replica that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) replica: String,
    request: RequestId,
}

impl Origin {
    /// The origin of the stream that `replica` opens for `message`; none for what is no request.
    pub(super) fn of(replica: &str, message: &ClientJsonRpcMessage) -> Option<Self> {
        let ClientJsonRpcMessage::Request(request) = message else {
            return None;
        };
        let text = serde_json::to_vec(&request.id).ok()?;
        (text.len() <= MAX_REQUEST_ID).then(|| Self {
            replica: replica.to_owned(),
            request: request.id.clone(),
        })
    }

    /// The name of a stream with its origin.
    pub(super) fn marked(&self, stream: &str) -> String {
        let request = serde_json::to_vec(&self.request).unwrap_or_default();
        format!("{stream}.{}.{}", self.replica, hex::encode(request))
    }

    /// Takes the origin off the name of a stream; what is none is left where it is.
    pub(super) fn split(marked: &str) -> (&str, Option<Self>) {
        let parse = |marks: &str| {
            let (replica, request) = marks.split_once('.')?;
            let is_name = !replica.is_empty() && replica.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let request = serde_json::from_slice(&hex::decode(request).ok()?).ok()?;
            is_name.then(|| Self {
                replica: replica.to_owned(),
                request,
            })
        };
        let origin = marked
            .split_once('.')
            .and_then(|(stream, marks)| Some((stream, parse(marks)?)));
        match origin {
            Some((stream, origin)) => (stream, Some(origin)),
            None => (marked, None),
        }
    }

    /// What ends the stream when its replica is gone.
    pub(super) fn lost(&self) -> ServerJsonRpcMessage {
        let message = "the replica that ran this request is gone, and its answer with it: a write may have taken effect \
                       or not";
        let error = ErrorData::new(
            ErrorCode::INTERNAL_ERROR,
            message,
            Some(json!({ "outcome": "unknown" })),
        );
        ServerJsonRpcMessage::error(error, Some(self.request.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::RequestId;

    #[test]
    fn a_name_tells_its_origin_again_and_anything_else_is_a_plain_name() {
        for request in [RequestId::Number(7), RequestId::String("a.b_c".into())] {
            let origin = Origin {
                replica: "0a1b".to_owned(),
                request,
            };
            let marked = origin.marked("5f2c-9a");
            assert_eq!(Origin::split(&marked), ("5f2c-9a", Some(origin)));
        }
        for plain in ["5f2c-9a", "5f2c.0a1b", "5f2c.0a1b.zz", "5f2c..37", "5f2c.a/b.37"] {
            assert_eq!(Origin::split(plain), (plain, None));
        }
    }
}
