//! What a person is told once the mesh is ready.

use std::time::Duration;

use super::data_dir::DataDir;
use super::logs::Logs;
use super::running::Running;
use crate::terminal::{BOLD, DIM, GOOD, Terminal, paint};

/// Prints where everything is, how to call a tool, how to point an MCP client here, and how to stop. On stderr: stdout
/// may carry the logs. The key itself is never printed.
pub(super) fn show(terminal: &Terminal, data: &DataDir, running: &Running, logs: &Logs, took: Duration) {
    let Running {
        mcp_url,
        api_url,
        worker_url,
        ..
    } = running;
    let api = api_url.as_str().trim_end_matches('/');
    let file = |name: &str, elsewhere: &str| {
        let path = data.join(name);
        match path.exists() {
            true => path.display().to_string(),
            false => elsewhere.to_owned(),
        }
    };
    let key = file("bootstrap.key", "(moved away; use your own)");
    let admin = file("admin.key", "(the token that you set)");
    let log = logs.path().map_or_else(
        || "this process's output".to_owned(),
        |path| path.display().to_string(),
    );
    let program =
        std::env::current_exe().map_or_else(|_| "devmesh".to_owned(), |path| path.display().to_string());
    let dir = data.path().display();
    let head = paint(GOOD, format_args!("devmesh is up ({} ms)", took.as_millis()));
    terminal.note(format_args!(
        "{head}\n
  MCP endpoint  {mcp}\n  HTTP API      {api}  (description: {api}/openapi.json)
  worker        {worker}  (health and metrics, as on the other two: /health/ready, /metrics)
  admin key     {key}\n  log           {log}\n  for operators {admin}  (log levels, profiles: /admin, /debug/pprof)",
        mcp = paint(BOLD, mcp_url),
        worker = worker_url.as_str().trim_end_matches('/'),
    ));
    terminal.note(format_args!(
        "
Call a tool:
  {program} --data {dir} tools call mesh_whoami
  curl -s {api}/api/v1/tools -H \"Authorization: Bearer $(cat {key})\"

Point an MCP client here, with a key of its own ({program} --data {dir} keys create my-agent):
  {{\"mcpServers\": {{\"devmesh\": {{\"type\": \"http\", \"url\": \"{mcp_url}\",
    \"headers\": {{\"Authorization\": \"Bearer KEY\"}}}}}}}}
or over stdio:
  {{\"mcpServers\": {{\"devmesh\": {{\"command\": \"{program}\", \"args\": [\"--data\", \"{dir}\", \"mcp\"]}}}}}}

{}",
        paint(DIM, format_args!("Stop with ctrl-C, or kill {}.", running.pid)),
    ));
}
