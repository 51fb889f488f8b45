//! Messages between agents: each is kept for its receivers until they have acknowledged it, or until it is over.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use control::agents::Wanted;
use control::messages::{Inbox, NewMessage, To, Tracked, Who};
use domain::message::Delivery;
use domain::{AgentId, MessageId, TenantId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::agents::{AgentTypeName, DiscoverQuery};
use crate::http::answer::created;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, Path, Query, WaitQuery};
use crate::http::{Http, idempotency};

/// Who is to get a message: one agent (`agent_id` or `agent`), or those that are here and fit all of the rest.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToRequest {
    /// Another tenant of the organization, whose border must be open to messages; the sender's own when absent.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub tenant_id: Option<TenantId>,
    /// This agent, here or not.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub agent_id: Option<AgentId>,
    /// The agent of this name, here or not.
    #[schema(max_length = 64)]
    pub agent: Option<String>,
    /// Who can do this: `NAME`, or `NAME@1.2` for that version or a later one.
    #[schema(max_length = 128)]
    pub capability: Option<String>,
    /// Who is of this type.
    #[serde(rename = "type")]
    pub agent_type: Option<AgentTypeName>,
    /// Who runs here.
    #[schema(max_length = 128)]
    pub region: Option<String>,
    /// Who has this label, `NAME=VALUE`.
    #[schema(max_length = 257)]
    pub label: Option<String>,
    /// Of those that fit, only the one that has the least to do.
    pub one: bool,
}

impl ToRequest {
    fn read(self) -> Result<To, Problem> {
        let bad = |expected: &str| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "to", expected);
        let filtered = self.capability.is_some()
            || self.agent_type.is_some()
            || self.region.is_some()
            || self.label.is_some();
        let who = match (self.agent_id, self.agent, filtered) {
            (Some(id), None, false) => Who::Agent(id),
            (None, Some(name), false) => Who::Named(name),
            (None, None, true) => {
                let query = DiscoverQuery {
                    capability: self.capability,
                    agent_type: self.agent_type,
                    region: self.region,
                    label: self.label,
                    tenant_id: None,
                };
                let wanted: Wanted = query.read()?;
                if self.one {
                    Who::One(wanted)
                } else {
                    Who::Group(wanted)
                }
            }
            _ => {
                return Err(bad(
                    "either `agent_id`, or `agent`, or what a group has in common",
                ));
            }
        };
        Ok(To {
            tenant: self.tenant_id,
            who,
        })
    }
}

/// What is to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageRequest {
    /// The agent that sends it, one of the caller's own; without it the key is the sender, which needs `agents:write`.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub agent_id: Option<AgentId>,
    /// Who is to get it.
    pub to: ToRequest,
    /// What it is about, in a line.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub subject: String,
    /// What it says; at most `messages.max_body`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub body: serde_json::Map<String, Value>,
    /// The message that it answers.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub reply_to: Option<MessageId>,
    /// How long it is kept for its receivers; `messages.expires` when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604_800)]
    pub expires_seconds: Option<u32>,
}

impl MessageRequest {
    /// As the verb wants it.
    ///
    /// # Errors
    /// When it is not clear who is to get it.
    pub fn read(self, idempotency_key: Option<String>) -> Result<NewMessage, Problem> {
        Ok(NewMessage {
            from: self.agent_id,
            to: self.to.read()?,
            subject: self.subject,
            body: Value::Object(self.body),
            reply_to: self.reply_to,
            expires_seconds: self.expires_seconds,
            idempotency_key,
        })
    }
}

/// Who sent a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct SenderView {
    /// Its tenant.
    #[schema(value_type = uuid::Uuid)]
    pub tenant_id: TenantId,
    /// The agent; absent when a person or a service sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub agent_id: Option<AgentId>,
    /// The agent's name, or the key's.
    pub name: String,
    /// The agent's type; `key` where no agent sent it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Where a message stands at one of its receivers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiverView {
    /// The receiver.
    #[schema(value_type = uuid::Uuid)]
    pub agent_id: AgentId,
    /// Its name.
    pub agent: String,
    /// `waiting`, `delivered` (handed to it), `acknowledged` (it has it) or `expired`.
    pub state: String,
    /// Since when.
    pub since: chrono::DateTime<chrono::Utc>,
}

impl From<Delivery> for ReceiverView {
    fn from(delivery: Delivery) -> Self {
        Self {
            agent_id: delivery.agent_id,
            agent: delivery.agent,
            state: delivery.state.as_str().to_owned(),
            since: delivery.moved_at,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    /// Identifier: a receiver drops what it has seen by it.
    #[schema(value_type = uuid::Uuid)]
    pub id: MessageId,
    /// Who sent it.
    pub from: SenderView,
    /// What it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What it says.
    #[schema(value_type = Object)]
    pub body: Value,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub reply_to: Option<MessageId>,
    /// When it was sent.
    pub sent_at: chrono::DateTime<chrono::Utc>,
    /// Until when it is kept for its receivers.
    pub expires_at: chrono::DateTime<chrono::Utc>,
    /// Its receivers; what is handed to one of them names only that one.
    pub receivers: Vec<ReceiverView>,
}

impl From<Tracked> for MessageView {
    fn from(Tracked { message, deliveries }: Tracked) -> Self {
        Self {
            id: message.id,
            from: SenderView {
                tenant_id: message.from.tenant_id,
                agent_id: message.from.agent_id,
                name: message.from.name,
                kind: message.from.kind,
            },
            subject: message.subject,
            body: message.body,
            reply_to: message.reply_to,
            sent_at: message.sent_at,
            expires_at: message.expires_at,
            receivers: deliveries.into_iter().map(Into::into).collect(),
        }
    }
}

/// What waits for an agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboxView {
    /// The messages that it has not acknowledged, oldest first, at most 32.
    pub messages: Vec<MessageView>,
}

impl From<Inbox> for InboxView {
    fn from(inbox: Inbox) -> Self {
        let view = |(message, delivery)| {
            let deliveries = vec![delivery];
            Tracked { message, deliveries }.into()
        };
        Self {
            messages: inbox.into_iter().map(view).collect(),
        }
    }
}

/// Sends a message: to one agent, to a group, to whoever can do something. It is kept for each receiver until that has
/// acknowledged it. With `Idempotency-Key`, repeating the request names the same message.
#[utoipa::path(post, path = "/api/v1/messages", operation_id = "send_message", tag = "messages",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request harmless",
        min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")),
    request_body = MessageRequest,
    responses((status = 201, description = "The message", body = MessageView), Problems))]
pub async fn send(
    State(http): State<Http>,
    Caller(caller): Caller,
    headers: http::HeaderMap,
    JsonBody(body): JsonBody<MessageRequest>,
) -> Result<Response, Problem> {
    let new = body.read(idempotency::key(&headers)?)?;
    let sent = http.mesh.send(&caller, new).await?;
    let location = format!("/api/v1/messages/{}", sent.tracked.message.id);
    Ok(created(&location, MessageView::from(sent.tracked), !sent.is_new))
}

/// A message, and where it stands. Its sender and its receivers see it, and who has `agents:write`.
#[utoipa::path(get, path = "/api/v1/messages/{id}", operation_id = "get_message", tag = "messages",
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, description = "The message", body = MessageView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<MessageId>,
) -> Result<Json<MessageView>, Problem> {
    Ok(Json(http.mesh.control.get_message(&caller, id).await?.into()))
}

/// Who has a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// The receiver.
    #[schema(value_type = uuid::Uuid)]
    pub agent_id: AgentId,
}

/// The agent has the message: it is not handed to it again. Saying so again is harmless.
#[utoipa::path(post, path = "/api/v1/messages/{id}/ack", operation_id = "acknowledge_message", tag = "messages",
    params(("id" = uuid::Uuid, Path, description = "The message")), request_body = AcknowledgeRequest,
    responses((status = 200, description = "The message", body = MessageView), Problems))]
pub async fn acknowledge(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<MessageId>,
    JsonBody(body): JsonBody<AcknowledgeRequest>,
) -> Result<Json<MessageView>, Problem> {
    let tracked = http.mesh.acknowledge(&caller, body.agent_id, id).await?;
    Ok(Json(tracked.into()))
}

/// What waits for the agent; waits for a message when asked to. It is handed out again until it is acknowledged.
#[utoipa::path(get, path = "/api/v1/agents/{id}/messages", operation_id = "agent_messages", tag = "messages",
    params(("id" = uuid::Uuid, Path, description = "The agent"), WaitQuery),
    responses((status = 200, description = "Its messages", body = InboxView), Problems))]
pub async fn inbox(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AgentId>,
    Query(query): Query<WaitQuery>,
) -> Result<Json<InboxView>, Problem> {
    let wait = query.wait()?;
    Ok(Json(http.mesh.inbox(&caller, id, wait).await?.into()))
}
