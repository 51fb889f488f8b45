//! The calls of a run.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::effects::HELD;
use crate::{Api, Mcp, Mesh, Service, Shop};

/// Where the mesh is at the moment; processes that were started again may be elsewhere.
#[derive(Clone)]
pub(super) struct Addresses {
    mcp: Vec<String>,
    api: Api,
    key: String,
}

/// What the caller of one call knows.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) marker: String,
    pub(super) is_write: bool,
    pub(super) seen: Seen,
}

/// How a call was answered.
#[derive(Clone)]
pub(super) enum Seen {
    Answered,
    Refused,
    Lost,
    /// The id of an accepted job.
    Accepted(Value),
}

/// Calls so far, shared by the tasks that make them.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Addresses {
    pub(super) fn of(mesh: &Mesh, key: &str) -> Result<Self> {
        Ok(Self {
            mcp: mesh.mcp_urls(),
            api: mesh.api(key)?,
            key: key.to_owned(),
        })
    }

    /// A client of one replica.
    fn mcp(&self, number: usize) -> Result<Mcp> {
        let url = self.mcp.get(number % self.mcp.len().max(1));
        Ok(Mcp::stateless(url.context("no mcp-server")?, &self.key))
    }
}

impl Calls {
    /// Makes the call `number`: in turn a read and a write over MCP, and a write and a read as jobs.
    pub(super) async fn make(&self, number: usize, to: &Addresses) {
        let marker = format!("call-{number}");
        let (is_write, seen) = match number % 4 {
            0 => (false, sync(to, number / 4, &marker, false).await),
            1 => (true, sync(to, number / 4, &marker, true).await),
            2 => (true, job(to, &marker, true).await),
            _ => (false, job(to, &marker, false).await),
        };
        self.note(marker, is_write, seen);
    }

    /// Sends a write through this process that the upstream holds open.
    pub(super) async fn make_held(&self, number: usize, to: &Addresses, service: Service, replica: usize) {
        let marker = held(number);
        let seen = match service {
            Service::McpServer => sync(to, replica - 1, &marker, true).await,
            _ => job(to, &marker, true).await,
        };
        self.note(marker, true, seen);
    }

    fn note(&self, marker: String, is_write: bool, seen: Seen) {
        let call = Call {
            marker,
            is_write,
            seen,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The marker of the write that is held open at a kill.
pub(super) fn held(number: usize) -> String {
    format!("{HELD}{number}")
}

async fn sync(to: &Addresses, replica: usize, marker: &str, is_write: bool) -> Seen {
    let Ok(client) = to.mcp(replica) else {
        return Seen::Lost;
    };
    let (tool, arguments) = asked(marker, is_write);
    let params = json!({"name": tool, "arguments": arguments});
    let headers = [("x-request-id", marker)];
    match client.request_with("tools/call", params, &headers).await {
        Err(_) => Seen::Lost,
        Ok(reply) => match reply.result() {
            Ok(result) if result["isError"] != true => Seen::Answered,
            _ => Seen::Refused,
        },
    }
}

async fn job(to: &Addresses, marker: &str, is_write: bool) -> Seen {
    let (tool, arguments) = asked(marker, is_write);
    let path = format!("/tools/{tool}/calls?mode=async");
    let request = to.api.request(http::Method::POST, &path);
    match request.json(&json!({"arguments": arguments})).send().await {
        Err(_) => Seen::Lost,
        Ok(answer) if answer.status.is_success() => match answer.json() {
            Ok(job) => Seen::Accepted(job),
            Err(_) => Seen::Lost,
        },
        Ok(_) => Seen::Refused,
    }
}

fn asked(marker: &str, is_write: bool) -> (&'static str, Value) {
    match is_write {
        true => (Shop::ADD_ITEM, json!({"name": marker})),
        false => (Shop::GET_ITEM, json!({"id": 5})),
    }
}
