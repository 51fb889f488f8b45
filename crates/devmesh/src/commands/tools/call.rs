//! `devmesh tools call`.

mod arguments;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::api::{Api, wait_for_job};
use crate::arguments::Global;
use crate::commands::required;
use crate::failure::Failure;
use crate::mcp::{Endpoint, call_tool};
use crate::terminal::{Terminal, text};

pub(super) const EXAMPLES: &str = "\
Examples:
  devmesh tools call mesh_whoami
  devmesh tools call mesh_list_jobs --arg limit=3 --arg state=failed
  devmesh tools call github_issues_create --args '{\"owner\":\"o\",\"repo\":\"r\",\"title\":\"t\"}'
  devmesh tools call github_issues_create --args @issue.json --async --wait

The call goes over MCP to mcp-server, as an agent's does; with --async it runs as a job. The exit code
is 1 when the tool answers with an error.";

/// Call a tool, as an agent does.
#[derive(Debug, Args)]
pub(super) struct Call {
    /// The tool.
    name: String,
    /// An argument; repeat it. The value is read as the tool's schema wants it.
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = arguments::pair)]
    arg: Vec<(String, String)>,
    /// All arguments as a JSON object, or @FILE with one.
    #[arg(long, value_name = "JSON", conflicts_with = "arg")]
    args: Option<String>,
    /// Run it as a job and print the job.
    #[arg(long = "async")]
    as_job: bool,
    /// Wait for the job and print its result.
    #[arg(long, requires = "as_job")]
    wait: bool,
}

impl Call {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let arguments = self.arguments(global).await?;
        if self.as_job {
            return self
                .as_job(&Api::new(&global.connection)?, terminal, arguments)
                .await;
        }
        let endpoint = Endpoint::new(&global.connection)?;
        let progress = terminal.progress(&self.name);
        let result = call_tool(&endpoint, &self.name, arguments, &progress).await?;
        drop(progress);
        let failed = result.get("isError").and_then(Value::as_bool).unwrap_or(false);
        show(terminal, &result, "structuredContent", failed)
    }

    async fn arguments(&self, global: &Global) -> Result<Map<String, Value>, Failure> {
        if let Some(text) = &self.args {
            return arguments::whole(text);
        }
        if self.arg.is_empty() {
            return Ok(Map::new());
        }
        // Without the schema (the key may not see it, say) values are read as JSON where they are JSON.
        let tool = Api::new(&global.connection)?
            .get(&["tools", &self.name], &[])
            .await;
        let schema = match tool {
            Ok(mut tool) => tool.get_mut("input_schema").map(Value::take).unwrap_or_default(),
            Err(Failure::Problem { .. } | Failure::Unreachable(_)) => Value::Null,
            Err(other) => return Err(other),
        };
        arguments::typed(&self.arg, &schema)
    }

    async fn as_job(
        &self,
        api: &Api,
        terminal: &Terminal,
        arguments: Map<String, Value>,
    ) -> Result<(), Failure> {
        let query = [("mode", "async".to_owned())];
        let job = api
            .post(
                &["tools", &self.name, "calls"],
                &query,
                &json!({ "arguments": arguments }),
            )
            .await?;
        let id = required(&job, "id")?;
        if !self.wait {
            return if terminal.is_json() {
                terminal.json(&job)
            } else {
                terminal.note(format_args!("`devmesh jobs show {id} --wait` waits for it"));
                terminal.print(id)
            };
        }
        let job = wait_for_job(api, id, &terminal.progress(&self.name)).await?;
        match job.get("result") {
            Some(result) if text(&job, "state") == "done" => {
                let failed = result.get("error").is_some_and(|error| !error.is_null());
                show(terminal, result, "structured", failed)
            }
            _ => {
                let error = job.get("error").unwrap_or(&Value::Null);
                Err(Failure::Failed(format!(
                    "job {id} is {}: {} ({})",
                    text(&job, "state"),
                    text(error, "message"),
                    text(error, "kind")
                )))
            }
        }
    }
}

/// The answer: its texts, or the structured content where it has one; as a whole with `--output json`.
fn show(terminal: &Terminal, result: &Value, structured: &str, failed: bool) -> Result<(), Failure> {
    match result.get(structured).filter(|value| !value.is_null()) {
        _ if terminal.is_json() => terminal.json(result)?,
        Some(structured) => terminal.json(structured)?,
        None => {
            for piece in result
                .get("content")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                terminal.print(described(piece))?;
            }
        }
    }
    if failed {
        Err(Failure::Failed("the tool answered with an error".to_owned()))
    } else {
        Ok(())
    }
}

/// A text as it is; anything else by what it is.
fn described(piece: &Value) -> String {
    match piece.get("type").and_then(Value::as_str) {
        Some("text") => text(piece, "text"),
        Some("resource") => match piece.pointer("/resource/text").and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => format!(
                "[resource {}]",
                piece
                    .pointer("/resource/uri")
                    .and_then(Value::as_str)
                    .unwrap_or("?")
            ),
        },
        Some(kind @ ("image" | "audio")) => format!(
            "[{kind} {}; --output json has its bytes]",
            text(piece, "mimeType")
        ),
        _ => piece.to_string(),
    }
}
