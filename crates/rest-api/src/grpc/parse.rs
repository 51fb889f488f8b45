//! Between messages and the domain: every refusal names the field.

use std::str::FromStr;

use control::ControlError;
use domain::Job;
use serde::de::DeserializeOwned;
use tonic::Status;

/// An identifier.
pub(super) fn id<T: FromStr>(field: &'static str, text: &str) -> Result<T, Status> {
    text.parse()
        .map_err(|_| Status::invalid_argument(format!("{field}: expected a UUID")))
}

/// An identifier that may be missing.
pub(super) fn optional_id<T: FromStr>(field: &'static str, text: &str) -> Result<Option<T>, Status> {
    if text.is_empty() {
        Ok(None)
    } else {
        id(field, text).map(Some)
    }
}

/// A text that may be missing.
pub(super) fn optional(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A word of a closed set.
pub(super) fn word<T: DeserializeOwned>(field: &'static str, text: &str) -> Result<T, Status> {
    serde_json::from_value(text.into())
        .map_err(|_| Status::invalid_argument(format!("{field}: unknown word")))
}

/// A document.
pub(super) fn json<T: DeserializeOwned>(field: &'static str, bytes: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Status::invalid_argument(format!(
            "{field}: not as expected at line {line}, column {column}"
        ))
    })
}

/// A document on its way out.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<bytes::Bytes, Status> {
    serde_json::to_vec(value).map(Into::into).map_err(|error| {
        tracing::error!(%error, "a document could not be written");
        Status::internal("internal error")
    })
}

/// A job on its way out.
pub(super) fn job(job: &Job) -> Result<proto::v1::Job, Status> {
    Ok(proto::v1::Job {
        id: job.id.to_string(),
        tenant_id: job.tenant_id.to_string(),
        json: to_json(job)?,
    })
}

/// The status that fits an error; the cause of ours is logged and never leaves.
pub(super) fn status(error: ControlError) -> Status {
    let text = error.to_string();
    match error {
        ControlError::Forbidden(_) => Status::permission_denied(text),
        ControlError::NotFound | ControlError::Blocked(_) => Status::not_found(text),
        ControlError::Invalid(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|f| format!("{}: expected {}", f.field, f.expected))
                .collect();
            Status::invalid_argument(fields.join("; "))
        }
        ControlError::Conflict { .. } => Status::failed_precondition(text),
        ControlError::Stale => Status::aborted(text),
        ControlError::Unavailable(cause) => {
            tracing::warn!(error = %cause, "the database is not available");
            Status::unavailable(text)
        }
        ControlError::Internal(cause) => {
            tracing::error!(error = %cause, "a call failed for a reason of ours");
            Status::internal(text)
        }
    }
}
