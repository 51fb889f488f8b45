//! Tools: what an agent sees, and how a call of one becomes an upstream request.

mod schema;

use serde::{Deserialize, Serialize};

use crate::id::{ProviderId, TenantId, ToolId};
use crate::job::Effect;

pub use schema::Schema;

/// The longest tool name; clients of every vendor accept it.
pub const MAX_NAME: usize = 64;

/// Names of the mesh's own tools, which stand for all others where those are too many to list. An operation that would
/// have one of them gets another name.
pub const RESERVED: [&str; 3] = ["call_tool", "describe_tool", "search_tools"];

/// Hints about a tool's behaviour (MCP 2025-11-25, "Tool annotations").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: bool,
    /// It may destroy or overwrite what is there.
    pub destructive: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond the mesh.
    pub open_world: bool,
}

impl Annotations {
    /// What a call of such a tool may do, which decides whether a cut-off job can be repeated.
    #[must_use]
    pub fn effect(self) -> Effect {
        match (self.read_only, self.idempotent) {
            (true, _) => Effect::Read,
            (false, true) => Effect::Idempotent,
            (false, false) => Effect::Write,
        }
    }
}

/// One tool of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Identifier; stays the same over refreshes as long as the name does.
    pub id: ToolId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The provider that runs it.
    pub provider_id: ProviderId,
    /// Unique in the tenant, `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// Title for people.
    pub title: Option<String>,
    /// What it does, trimmed to what an agent needs.
    pub description: String,
    /// Groups of the description (OpenAPI tags).
    pub tags: Vec<String>,
    /// JSON Schema 2020-12 of the arguments, `type: object`.
    pub input_schema: Schema,
    /// JSON Schema 2020-12 of `structuredContent`, `type: object`, where the description gives one.
    pub output_schema: Option<Schema>,
    /// Hints.
    pub annotations: Annotations,
    /// How a call becomes an upstream request.
    pub binding: Binding,
}

/// How a call becomes an upstream request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Binding {
    /// An HTTP request.
    Http(HttpBinding),
}

/// The HTTP request of an OpenAPI operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpBinding {
    /// Upper-case method.
    pub method: String,
    /// Path template below the provider's base URL, for example `/repos/{owner}/{repo}`.
    pub path: String,
    /// A server of the operation's own, instead of the provider's base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Whether `structuredContent` is `{"result": ANSWER}` instead of the answer itself, because the described
    /// answer need not be an object and MCP wants one. Only meaningful where the tool has an output schema.
    #[serde(default)]
    pub wraps_result: bool,
}

/// One parameter: which argument goes where, and how it is written (OpenAPI 3.1, section 4.8.12.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// The argument's name in the tool's input schema.
    pub argument: String,
    /// The parameter's name upstream.
    pub name: String,
    /// Where it goes.
    pub location: Location,
    /// How arrays and objects are written.
    pub style: Style,
    /// Whether each item of an array or object stands by itself.
    pub explode: bool,
    /// Whether reserved characters stay as they are (query only).
    #[serde(default)]
    pub allow_reserved: bool,
    /// Whether the value is sent as JSON text (`content: application/json`).
    #[serde(default)]
    pub json: bool,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
}

/// How arrays and objects are written (OpenAPI 3.1, "Style Values").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the specification's own")]
pub enum Style {
    Matrix,
    Label,
    Simple,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Which arguments make up the body.
    pub source: BodySource,
    /// How it is written.
    pub encoding: BodyEncoding,
    /// The media type to send, for example `application/json`.
    pub media_type: String,
    /// Whether a call without it is refused.
    pub required: bool,
    /// How single properties are written, where form and multipart bodies say so. A property without a part is
    /// a plain field; arrays are repeated, objects are JSON text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// How one property of a form or multipart body is written (OpenAPI 3.1, "Encoding Object").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The property's name upstream.
    pub name: String,
    /// Whether it is a file: the argument is base64 (an array of it for several files), its bytes are sent.
    #[serde(default)]
    pub binary: bool,
    /// Media type of the part (multipart only), for example `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How arrays and objects are written.
    pub style: Style,
    /// Whether each item of an array or object stands by itself.
    pub explode: bool,
}

/// Which arguments make up the body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BodySource {
    /// One argument is the whole body.
    Argument {
        /// Its name in the input schema.
        argument: String,
    },
    /// Each property of an object body is an argument of its own.
    Properties {
        /// Pairs of argument name and property name.
        properties: Vec<(String, String)>,
    },
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyEncoding {
    /// JSON text.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`; binary parts come as base64.
    Multipart,
    /// Plain text.
    Text,
    /// Bytes; the argument is base64.
    Binary,
}
