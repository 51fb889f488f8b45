//! A tool call's outcome: what an agent is answered, and how a failure is classified.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One piece of an answer, in MCP's own wire shape (MCP 2025-11-25, "Tool result").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// An image.
    Image {
        /// Base64.
        data: String,
        /// For example `image/png`.
        #[serde(rename = "mimeType")]
        mime_type: String,
    },
    /// Sound.
    Audio {
        /// Base64.
        data: String,
        /// For example `audio/wav`.
        #[serde(rename = "mimeType")]
        mime_type: String,
    },
    /// An embedded resource.
    Resource {
        /// The resource.
        resource: EmbeddedResource,
    },
    /// A pointer to a resource.
    ResourceLink {
        /// Where it is.
        uri: String,
        /// Its name.
        name: String,
    },
}

/// A resource inside an answer: text or bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddedResource {
    /// Its address.
    pub uri: String,
    /// Its media type.
    #[serde(rename = "mimeType", default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The text, when it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Base64, when it is bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
}

/// What a tool call answers. It is what an agent gets, and what a job stores as its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// The pieces.
    pub content: Vec<Content>,
    /// The same as JSON, when the answer is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// Why it is an error, if it is one that the model may mend or report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<CallErrorKind>,
    /// The upstream's HTTP status, when one was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// Bytes sent upstream (body).
    #[serde(default)]
    pub request_bytes: u64,
    /// Bytes received from upstream (body, before it is cut).
    #[serde(default)]
    pub response_bytes: u64,
}

impl CallOutcome {
    /// An answer of one text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            content: vec![Content::Text { text: text.into() }],
            structured: None,
            error: None,
            upstream_status: None,
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    /// A failure, told in words that a model can act on.
    #[must_use]
    pub fn failed(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self {
            error: Some(kind),
            ..Self::text(message)
        }
    }
}

/// The closed set of failures of a call: the `error_type` label, and each one's status code for metrics and audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallErrorKind {
    /// The arguments do not fit the tool's schema.
    InvalidArguments,
    /// No valid key.
    Unauthenticated,
    /// The key lacks the scope.
    Forbidden,
    /// No such tool for this caller.
    UnknownTool,
    /// A rate limit is used up.
    RateLimited,
    /// The upstream answered 4xx.
    UpstreamRejected,
    /// The upstream answered 5xx.
    UpstreamFailed,
    /// The upstream could not be reached, or cut the connection.
    UpstreamUnreachable,
    /// The upstream answered something that cannot be read.
    UpstreamInvalid,
    /// The guard refused the address.
    AddressRefused,
    /// No place was free in time, or the breaker is open.
    Unavailable,
    /// The call took too long.
    Timeout,
    /// The caller cancelled it.
    Cancelled,
    /// A bug of ours.
    Internal,
}

impl CallErrorKind {
    /// The text form, for example `invalid_arguments`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::UnknownTool => "unknown_tool",
            Self::RateLimited => "rate_limited",
            Self::UpstreamRejected => "upstream_rejected",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::AddressRefused => "address_refused",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// The status code that metrics and audit records show for it. An upstream's own 4xx is a working call: 200.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidArguments => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::UnknownTool => 404,
            Self::RateLimited => 429,
            Self::UpstreamRejected => 200,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::UpstreamFailed
            | Self::UpstreamUnreachable
            | Self::UpstreamInvalid
            | Self::AddressRefused => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }
}
