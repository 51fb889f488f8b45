//! stdout: one JSON-RPC message a line, and nothing else.

use std::io::Write;

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Writes lines that do not mix.
pub(super) struct Lines<W> {
    out: Mutex<W>,
    gone: CancellationToken,
}

impl<W: AsyncWrite + Unpin> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out: Mutex::new(out),
            gone: CancellationToken::new(),
        }
    }

    /// Writes a message as it is; one that spans lines is put on one.
    pub(super) async fn message(&self, text: &str) {
        let text = text.trim();
        let one_line = if text.contains(['\n', '\r']) {
            serde_json::from_str::<Value>(text).map(|value| value.to_string())
        } else {
            Ok(text.to_owned())
        };
        match one_line {
            Ok(line) => self.line(line).await,
            Err(_) => remark("the mesh sent a message that is no JSON; dropped"),
        }
    }

    /// Answers a request that the mesh did not answer.
    pub(super) async fn error(&self, id: &Value, code: i32, message: &str) {
        let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } });
        self.line(error.to_string()).await;
    }

    /// Resolves once nobody reads any more.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    async fn line(&self, mut line: String) {
        line.push('\n');
        let mut out = self.out.lock().await;
        let written = match out.write_all(line.as_bytes()).await {
            Ok(()) => out.flush().await,
            failed => failed,
        };
        if written.is_err() {
            self.gone.cancel();
        }
    }
}

/// A remark on stderr, where MCP clients look for the logs of a stdio server.
pub(super) fn remark(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "devmesh mcp: {text}");
}
