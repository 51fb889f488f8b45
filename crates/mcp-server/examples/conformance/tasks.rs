//! Tools that run as tasks (extension `io.modelcontextprotocol/tasks`).

use std::time::Duration;

use connectors::{Ask, ClientChannel, Question};
use mcp_server::engine::{Answer, Refusal, ToolCall};
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult, InputRequest};
use rmcp::task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions};
use serde_json::{Value, json};

use crate::calls::text;
use crate::questions::elicit;
use crate::rounds::ask_name;

/// The tools of this file.
pub const NAMES: [&str; 7] = [
    "greet",
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
    "multi_input",
    "test_tool_with_task",
];

type Ended = Result<CallToolResult, TaskExit>;

pub async fn call(tasks: &TaskManager, call: ToolCall<'_>) -> Result<Answer, Refusal> {
    let argument = |name: &str| {
        call.arguments
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let takes_tasks = call.dialogue.takes_tasks();
    Ok(match call.name {
        "greet" => Answer::of(text(format!("Hello, {}!", argument("name")))),
        "slow_compute" => {
            let seconds = call
                .arguments
                .get("seconds")
                .and_then(Value::as_f64)
                .unwrap_or(1.0);
            let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            let done = text(format!("{}: done", argument("label")));
            if takes_tasks {
                task(tasks, move |context| compute(context, seconds, done))
            } else {
                tokio::time::sleep(seconds).await;
                Answer::of(done)
            }
        }
        "failing_job" if takes_tasks => task(tasks, |_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(CallToolResult::error(vec![ContentBlock::text(
                "failing_job always fails",
            )]))
        }),
        "protocol_error_job" if takes_tasks => task(tasks, |_| async {
            Err(TaskExit::Error(ErrorData::internal_error(
                "protocol_error_job always breaks",
                None,
            )))
        }),
        "protocol_error_job" => {
            return Err(ErrorData::internal_error("protocol_error_job always breaks", None).into());
        }
        "confirm_delete" => {
            ask_all(
                tasks,
                &call,
                &[("confirm", &format!("Delete {}?", argument("filename")), "boolean")],
            )
            .await?
        }
        "multi_input" => {
            ask_all(
                tasks,
                &call,
                &[("input-a", "Value A", "string"), ("input-b", "Value B", "string")],
            )
            .await?
        }
        "test_tool_with_task" if takes_tasks => {
            let name = ask_name(call.dialogue, "user_name", "What is your name?").await?;
            task(tasks, |_| async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(text(format!("Hello, {name}, from a task")))
            })
        }
        _ => return Err(needs_tasks().into()),
    })
}

/// Asks all of it at once: in a task where the client takes tasks, else by rounds.
async fn ask_all(
    tasks: &TaskManager,
    call: &ToolCall<'_>,
    what: &[(&str, &str, &str)],
) -> Result<Answer, Refusal> {
    let questions: Vec<Question> = what
        .iter()
        .map(|(key, message, kind)| {
            let field = key.trim_start_matches("input-");
            let ask = elicit(message, json!({ field: { "type": kind } }), &[field]);
            Question {
                key: (*key).to_owned(),
                ask,
            }
        })
        .collect();
    if !call.dialogue.takes_tasks() {
        let answers = call.dialogue.ask(questions).await?;
        return Ok(Answer::of(text(Value::from(answers).to_string())));
    }
    Ok(task(tasks, |context| async move {
        let asked = questions
            .into_iter()
            .map(|question| ask_in_task(&context, question));
        let answers = futures::future::try_join_all(asked).await?;
        Ok(text(Value::from(answers).to_string()))
    }))
}

async fn ask_in_task(context: &TaskContext, question: Question) -> Result<Value, TaskExit> {
    let Ask::Elicit(params) = question.ask else {
        return Err(TaskExit::Cancelled);
    };
    let request: InputRequest =
        serde_json::from_value(json!({ "method": "elicitation/create", "params": params }))
            .map_err(|error| TaskExit::Error(ErrorData::internal_error(error.to_string(), None)))?;
    context.request_input(question.key, request).await
}

async fn compute(context: TaskContext, time: Duration, done: CallToolResult) -> Ended {
    tokio::select! {
        () = context.cancelled() => Err(TaskExit::Cancelled),
        () = tokio::time::sleep(time) => Ok(done),
    }
}

fn task<F>(tasks: &TaskManager, work: impl FnOnce(TaskContext) -> F) -> Answer
where
    F: Future<Output = Ended> + Send + 'static,
{
    Answer::of(CreateTaskResult::new(
        tasks.spawn(TaskOptions::default(), |context| Box::pin(work(context))),
    ))
}

fn needs_tasks() -> ErrorData {
    ErrorData::missing_required_client_capability(ClientCapabilities::builder().enable_tasks().build())
}
