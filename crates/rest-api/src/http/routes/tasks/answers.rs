//! What an agent says of a task. Each names the agent and the number of the assignment: what is said of one that is over is
//! refused with the reason (409).

use axum::Json;
use axum::extract::State;
use control::tasks::{Answer, Said};
use domain::task::{Progress, TaskError, Usage};
use domain::{AgentId, TaskId};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::TaskView;
use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, Path};

/// Tokens that a model took.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageRequest {
    /// What it read.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub input_tokens: u64,
    /// What it wrote.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub output_tokens: u64,
}

impl From<UsageRequest> for Usage {
    fn from(usage: UsageRequest) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
        }
    }
}

/// An answer, with which assignment it is about.
macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident $verb:literal $operation:literal $request:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    } |$said:ident| $answer:expr;)+) => {$(
        /// What the agent says.
        #[derive(Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $request {
            /// The agent.
            #[schema(value_type = uuid::Uuid)]
            pub agent_id: AgentId,
            /// The number of the assignment, as the task says it.
            pub fence: u64,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $request {
            /// Which assignment, and what is said of it.
            #[must_use]
            pub fn read(self) -> ((AgentId, u64), Said) {
                let $said = self;
                (($said.agent_id, $said.fence), $answer.into())
            }
        }

        $(#[$doc])*
        #[utoipa::path(post, path = $verb, operation_id = $operation, tag = "tasks",
            params(("id" = uuid::Uuid, Path, description = "The task")), request_body = $request,
            responses((status = 200, description = "The task", body = TaskView), Problems))]
        pub async fn $name(
            State(http): State<Http>,
            Caller(caller): Caller,
            Path(id): Path<TaskId>,
            JsonBody(body): JsonBody<$request>,
        ) -> Result<Json<TaskView>, Problem> {
            let (assignment, answer) = body.read();
            Ok(Json(http.mesh.answer(&caller, id, assignment, answer).await?.into()))
        }
    )+};
}

answers! {
    /// The agent takes the task. Saying it again changes nothing.
    accept "/api/v1/tasks/{id}/accept" "accept_task" AcceptRequest {} |_said| Answer::Accept;

    /// The agent will not do it: another one is looked for, unless a person named just this one.
    reject "/api/v1/tasks/{id}/reject" "reject_task" RejectRequest {
        /// Why not.
        #[serde(default)]
        #[schema(max_length = 4000)]
        reason: Option<String>,
    } |said| Answer::Reject(said.reason);

    /// The agent is at it, so far. An agent that works for long says so before `silence_seconds` are over.
    progress "/api/v1/tasks/{id}/progress" "progress_task" ProgressRequest {
        /// How far.
        #[schema(minimum = 0, maximum = 100)]
        percent: f64,
        /// For a person.
        #[serde(default)]
        #[schema(max_length = 4000)]
        message: Option<String>,
            /// Tokens that the work has taken since it was accepted. A task that has cost more than its budget is over.
        #[serde(default)]
        usage: Option<UsageRequest>,
    } |said| Said {
        answer: Answer::Progress(Progress { percent: said.percent, message: said.message }),
        usage: said.usage.map(Into::into),
    };

    /// The agent has done it. Saying it again changes nothing.
    complete "/api/v1/tasks/{id}/complete" "complete_task" CompleteRequest {
        /// What came of it.
        #[serde(default)]
        #[schema(value_type = Value)]
        result: Value,
        /// Tokens that the work has taken since it was accepted.
        #[serde(default)]
        usage: Option<UsageRequest>,
    } |said| Said { answer: Answer::Complete(said.result), usage: said.usage.map(Into::into) };

    /// The agent could not do it.
    fail "/api/v1/tasks/{id}/fail" "fail_task" FailRequest {
        /// A word for programs.
        #[schema(min_length = 1, max_length = 64)]
        kind: String,
        /// For a person.
        #[serde(default)]
        #[schema(max_length = 4000)]
        message: String,
        /// Whether another try may help.
        #[serde(default)]
        retry: bool,
        /// Tokens that the work has taken since it was accepted.
        #[serde(default)]
        usage: Option<UsageRequest>,
    } |said| Said {
        answer: Answer::Fail(TaskError { kind: said.kind, message: said.message }, said.retry),
        usage: said.usage.map(Into::into),
    };
}
