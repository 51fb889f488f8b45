//! The message body, version 1: the fields of `QueueMessage` and `"version": 1`, as JSON.

use std::collections::BTreeMap;

use domain::ports::{QueueError, QueueMessage};
use serde::{Deserialize, Serialize};

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// The media type of a body.
pub(crate) const CONTENT_TYPE: &str = "application/json";

#[derive(Serialize)]
struct Written<'a> {
    version: u64,
    #[serde(flatten)]
    message: &'a QueueMessage,
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// The body of `message`; its trace context is not in it.
pub(crate) fn encode(message: &QueueMessage) -> Result<Vec<u8>, QueueError> {
    serde_json::to_vec(&Written {
        version: VERSION,
        message,
    })
    .map_err(|error| QueueError::Refused(format!("the message cannot be written: {error}")))
}

/// The message in `body`, or why there is none.
pub(crate) fn decode(body: &[u8], trace: BTreeMap<String, String>) -> Result<QueueMessage, String> {
    let not_ours = |error| format!("the body is no message: {error}");
    let Versioned { version } = serde_json::from_slice(body).map_err(not_ours)?;
    if version != VERSION {
        return Err(format!(
            "the body has version {version}, this program reads version {VERSION}"
        ));
    }
    let message: QueueMessage = serde_json::from_slice(body).map_err(not_ours)?;
    Ok(QueueMessage { trace, ..message })
}

#[cfg(test)]
mod tests {
    use domain::{JobId, JobKind, Priority, TenantId};

    use super::*;

    fn message() -> QueueMessage {
        QueueMessage {
            job_id: JobId::generate(),
            tenant_id: TenantId::generate(),
            kind: JobKind::ToolCall,
            attempt: 3,
            priority: Priority::High,
            trace: BTreeMap::from([("traceparent".into(), "00-1-2-01".into())]),
        }
    }

    #[test]
    fn a_message_survives_the_journey() {
        let sent = message();
        assert_eq!(decode(&encode(&sent).unwrap(), sent.trace.clone()), Ok(sent));
    }

    #[test]
    fn the_body_is_json_with_a_version_and_without_the_trace() {
        let body: serde_json::Value = serde_json::from_slice(&encode(&message()).unwrap()).unwrap();
        assert_eq!(body["version"], 1);
        assert_eq!(body["kind"], "tool_call");
        assert!(body.get("trace").is_none());
    }

    #[test]
    fn a_body_of_another_version_is_refused_with_that_version() {
        let mut body: serde_json::Value = serde_json::from_slice(&encode(&message()).unwrap()).unwrap();
        body["version"] = 2.into();
        let error = decode(&serde_json::to_vec(&body).unwrap(), BTreeMap::new()).unwrap_err();
        assert!(error.contains("version 2"), "{error}");
    }

    #[test]
    fn bytes_that_are_no_json_are_refused() {
        assert!(decode(b"\xff\x00 not json", BTreeMap::new()).is_err());
    }
}
