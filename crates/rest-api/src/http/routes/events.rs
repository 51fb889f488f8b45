//! What happens, as it happens: server-sent events, or a page of them.

mod stream;
mod streams;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control::follow::Told;
use domain::event::Interest;
use domain::{AgentId, Event, MessageId, TaskId};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::Query;

pub use streams::Streams;

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedEvent {
    /// Its place in the tenant's log, from 1, without gaps.
    pub number: u64,
    /// When.
    pub at: chrono::DateTime<chrono::Utc>,
    /// What, `noun.verb`: for example `task.completed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The agent that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub agent_id: Option<AgentId>,
    /// The task that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub task_id: Option<TaskId>,
    /// The message that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub message_id: Option<MessageId>,
    /// The agent's labels, or those that the task asks for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// More, in a few words; inputs, results and bodies are not in it.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}

impl From<Event> for LoggedEvent {
    fn from(event: Event) -> Self {
        Self {
            number: event.number,
            at: event.at,
            kind: event.kind,
            agent_id: event.agent_id,
            task_id: event.task_id,
            message_id: event.message_id,
            labels: event.labels,
            data: event.data,
        }
    }
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only of these kinds, with commas between them: `task.completed`, or `task.*` for all of a noun.
    #[param(max_length = 2048)]
    types: Option<String>,
    /// Only about this task.
    #[param(value_type = Option<uuid::Uuid>)]
    task_id: Option<TaskId>,
    /// Only about this agent.
    #[param(value_type = Option<uuid::Uuid>)]
    agent_id: Option<AgentId>,
    /// Only with this label, `NAME=VALUE`.
    #[param(max_length = 257)]
    label: Option<String>,
    /// What happened after this number: 0 for all that is kept. A stream begins now without it, a page with all.
    after: Option<u64>,
    /// How many a page has at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Which events, as the methods of the mesh are asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InterestRequest {
    types: Vec<String>,
    task_id: Option<TaskId>,
    agent_id: Option<AgentId>,
    labels: BTreeMap<String, String>,
}

impl InterestRequest {
    /// As the verb wants it.
    #[must_use]
    pub fn read(self) -> Interest {
        Interest {
            kinds: self.types,
            task: self.task_id,
            agent: self.agent_id,
            labels: self.labels,
        }
    }
}

impl EventQuery {
    fn interest(&self) -> Result<Interest, Problem> {
        let bad = |field, expected| Problem::field(StatusCode::BAD_REQUEST, field, expected);
        let kinds = self.types.iter().flat_map(|types| types.split(','));
        let mut labels = BTreeMap::new();
        if let Some(label) = &self.label {
            let (name, value) = label
                .split_once('=')
                .ok_or_else(|| bad("label", "`NAME=VALUE`"))?;
            labels.insert(name.to_owned(), value.to_owned());
        }
        Ok(Interest {
            kinds: kinds.map(str::to_owned).collect(),
            task: self.task_id,
            agent: self.agent_id,
            labels,
        })
    }

    fn after(&self) -> Result<Option<u64>, Problem> {
        self.after.map_or(Ok(None), |after| match i64::try_from(after) {
            Ok(_) => Ok(Some(after)),
            Err(_) => Err(Problem::field(
                StatusCode::BAD_REQUEST,
                "after",
                "the number of an event: at most 9223372036854775807",
            )),
        })
    }

    fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(50);
        if (1..=domain::PageRequest::MAX).contains(&limit) {
            Ok(limit as usize)
        } else {
            Err(Problem::field(StatusCode::BAD_REQUEST, "limit", "1 to 200"))
        }
    }
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventsPage {
    /// What happened, in order.
    pub items: Vec<LoggedEvent>,
    /// The `after` of the next page.
    pub next: u64,
    /// The number of the newest event.
    pub last: u64,
    /// Events up to this number are not kept any more.
    pub pruned: u64,
}

/// What happens. With `Accept: text/event-stream` it comes as it happens, as server-sent events, each with its number as its
/// id; a reader that comes back says with `Last-Event-ID` where it left off, and misses nothing: what is not kept any more it
/// is told as an event `gap`. Otherwise a page of what is kept.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "follow_events", tag = "events",
    params(EventQuery, ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last event that the reader has")),
    responses((status = 200, description = "A page of events, or the stream of them", body = EventsPage), Problems))]
pub async fn follow(
    State(http): State<Http>,
    Caller(caller): Caller,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> Result<Response, Problem> {
    let interest = query.interest()?;
    let (limit, after) = (query.limit()?, query.after()?);
    let seen = last_event_id(&headers)?;
    let accepts = headers.get_all(header::ACCEPT).iter();
    let wants_stream = accepts
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains("text/event-stream"));
    if wants_stream {
        let after = seen.or(after);
        return stream::open(&http, &caller, interest, after).await;
    }
    let mut follower = http
        .control
        .follow(&caller, interest, Some(after.unwrap_or(0)))
        .await?;
    let page = follower.page(limit).await?;
    let event = |told| match told {
        Told::Event(event) => Some(LoggedEvent::from(*event)),
        Told::Gap(..) => None,
    };
    let page = EventsPage {
        items: page.told.into_iter().filter_map(event).collect(),
        next: page.next,
        last: page.bounds.last,
        pruned: page.bounds.pruned,
    };
    Ok(Json(page).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let number = id.to_str().ok().and_then(|id| id.trim().parse().ok());
    let number = number.filter(|number| i64::try_from(*number).is_ok());
    let bad = || Problem::field(StatusCode::BAD_REQUEST, "Last-Event-ID", "the number of an event");
    number.map(Some).ok_or_else(bad)
}
