//! The calls of a run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use http::Method;
use serde_json::{Value, json};
use test_support::eventually;

use super::effects::HELD;
use crate::{Api, Mcp, Mesh, Service, Shop};

/// How long a caller goes on asking for a job that was not acknowledged: longer than any outage of a run.
const PERSISTENCE: Duration = Duration::from_secs(120);

/// Where the mesh is at the moment, as its callers have it: who was killed stays there until it is back.
#[derive(Clone)]
pub(super) struct Addresses {
    mcp: Vec<String>,
    api: Api,
    key: String,
}

/// Addresses that move when processes are started again.
#[derive(Clone)]
pub(super) struct Known(Arc<Mutex<Addresses>>);

/// What a call asks for, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A read over MCP that waits for its answer.
    Read,
    /// A write over MCP that waits for its answer.
    Write,
    /// A read as a job, over HTTP.
    ReadJob,
    /// A write as a job, over HTTP.
    WriteJob,
    /// A write as a task, over MCP.
    WriteTask,
}

/// What the caller of one call knows.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) marker: String,
    pub(super) way: Way,
    pub(super) began: SystemTime,
    pub(super) ended: SystemTime,
    pub(super) seen: Seen,
}

/// How a call was answered.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    Answered,
    /// With an error, and its words.
    Refused(String),
    Lost,
    /// The id of an accepted job.
    Accepted(String),
}

/// Calls so far, shared by the tasks that make them.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Way {
    /// In turn.
    fn of(number: usize) -> Self {
        match number % 8 {
            0 | 4 => Self::Read,
            1 | 5 => Self::Write,
            2 | 6 => Self::WriteJob,
            3 => Self::ReadJob,
            _ => Self::WriteTask,
        }
    }

    /// Whether it changes something at the upstream.
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Read | Self::ReadJob)
    }

    /// Whether its answer is the result itself.
    pub fn is_sync(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }

    fn asked(self, marker: &str) -> (&'static str, Value) {
        match self.is_write() {
            true => (Shop::ADD_ITEM, json!({"name": marker})),
            false => (Shop::GET_ITEM, json!({"id": 5})),
        }
    }
}

impl Known {
    pub(super) fn of(mesh: &Mesh, key: &str) -> Result<Self> {
        Ok(Self(Arc::new(Mutex::new(Addresses::of(mesh, key)?))))
    }

    /// Looks where everything is now.
    pub(super) fn renew(&self, mesh: &Mesh) -> Result<()> {
        let key = lock(&self.0).key.clone();
        *lock(&self.0) = Addresses::of(mesh, &key)?;
        Ok(())
    }

    pub(super) fn now(&self) -> Addresses {
        lock(&self.0).clone()
    }
}

impl Addresses {
    fn of(mesh: &Mesh, key: &str) -> Result<Self> {
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

    /// A client of each replica.
    pub(super) fn all_mcp(&self) -> Vec<Mcp> {
        self.mcp
            .iter()
            .map(|url| Mcp::stateless(url, &self.key))
            .collect()
    }
}

impl Calls {
    /// Makes the call `number`.
    pub(super) async fn make(&self, number: usize, known: &Known) {
        self.make_so(Way::of(number), format!("call-{number}"), number / 8, known)
            .await;
    }

    /// Sends a write through this process that the upstream holds open.
    pub(super) async fn make_held(&self, number: usize, known: &Known, service: Service, replica: usize) {
        let way = match service {
            Service::McpServer => Way::Write,
            _ => Way::WriteJob,
        };
        self.make_so(way, held(number), replica - 1, known).await;
    }

    /// Makes one more call than was planned.
    pub(super) async fn make_further(&self, way: Way, why: &str, replica: usize, known: &Known) {
        let marker = format!("{why}-{}", lock(&self.0).len());
        self.make_so(way, marker, replica, known).await;
    }

    async fn make_so(&self, way: Way, marker: String, replica: usize, known: &Known) {
        let began = now();
        let seen = match way {
            Way::Read | Way::Write | Way::WriteTask => over_mcp(known, replica, &marker, way).await,
            Way::ReadJob | Way::WriteJob => over_http(known, &marker, way).await,
        };
        lock(&self.0).push(Call {
            marker,
            way,
            began,
            ended: now(),
            seen,
        });
    }

    /// What the caller of `marker` has been told so far.
    pub(super) fn told(&self, marker: &str) -> String {
        let calls = lock(&self.0);
        let call = calls.iter().find(|call| call.marker == marker);
        call.map_or("nothing".to_owned(), |call| format!("{:?}", call.seen))
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Call> {
        lock(&self.0).clone()
    }
}

/// The wall clock, which the mesh on this machine reads too.
#[expect(clippy::disallowed_methods, reason = "compared with the times of jobs")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// The marker of the write that is held open at a kill.
pub(super) fn held(number: usize) -> String {
    format!("{HELD}{number}")
}

async fn over_mcp(known: &Known, replica: usize, marker: &str, way: Way) -> Seen {
    let Ok(client) = known.now().mcp(replica) else {
        return Seen::Lost;
    };
    let (tool, arguments) = way.asked(marker);
    let meta = json!({"io.devmesh/async": way == Way::WriteTask});
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    let Ok(reply) = client
        .request_with("tools/call", params, &[("x-request-id", marker)])
        .await
    else {
        return Seen::Lost;
    };
    let message = &reply.message;
    match &message["result"] {
        Value::Null => Seen::Refused(text(&message["error"]["message"])),
        result if result["isError"] == true => Seen::Refused(text(&result["content"][0]["text"])),
        result if result["resultType"] == "task" => Seen::Accepted(text(&result["taskId"])),
        _ => Seen::Answered,
    }
}

/// Asks until it is acknowledged, as the `Idempotency-Key` allows.
async fn over_http(known: &Known, marker: &str, way: Way) -> Seen {
    let (tool, arguments) = way.asked(marker);
    let body = json!({"arguments": arguments});
    let ask = || async {
        let path = format!("/tools/{tool}/calls?mode=async");
        let request = known.now().api.request(Method::POST, &path);
        let answer = request
            .header("idempotency-key", marker)
            .json(&body)
            .send()
            .await?;
        match answer.status.as_u16() {
            502..=504 => Err(anyhow!("{}", answer.text())),
            202 => Ok(Seen::Accepted(text(&answer.json()?["id"]))),
            status => Ok(Seen::Refused(format!("{status} {}", answer.text()))),
        }
    };
    eventually(PERSISTENCE, ask).await.unwrap_or(Seen::Lost)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
