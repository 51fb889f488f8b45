//! The tools that claimed jobs call, kept for a moment: one claim after the other names the same few.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use control::Control;
use domain::{Job, JobKind, TenantId};
use proto::v1;
use tokio::sync::watch;
use tonic::Status;

use super::super::parse::{status, to_json};

/// Tools that are kept at most. Their schemas are some kilobytes each.
const MOST: usize = 1_000;

type Key = (TenantId, String);

/// Tools as they were read last.
pub struct CalledTools {
    kept: Mutex<HashMap<Key, Kept>>,
    /// Rises with every change of the catalogue.
    changes: watch::Receiver<u64>,
    /// How old one may be where nothing was heard of a change: the database may be cut off.
    age: Duration,
}

struct Kept {
    tool: v1::CalledTool,
    read: Instant,
    /// What `changes` said before it was read.
    seen: u64,
}

impl CalledTools {
    /// None yet. Each is read again after `age`, and after any change of the catalogue.
    #[must_use]
    pub fn new(control: &Control, age: Duration) -> Self {
        Self {
            kept: Mutex::default(),
            changes: control.storage.changes.moved(),
            age,
        }
    }

    /// The tools that these jobs call with their providers, each once. One that is gone, or cannot be read now, is left
    /// out.
    pub(super) async fn of(&self, control: &Control, jobs: &[&Job]) -> Vec<v1::CalledTool> {
        let calls = jobs.iter().filter(|job| job.kind == JobKind::ToolCall);
        let names =
            calls.filter_map(|job| Some((job.tenant_id, job.payload.get("tool")?.as_str()?.to_owned())));
        let keys: HashSet<Key> = names.collect();
        let mut tools = Vec::with_capacity(keys.len());
        for key in keys {
            match self.kept(&key) {
                Some(tool) => tools.push(tool),
                None => tools.extend(self.read(control, key).await),
            }
        }
        tools
    }

    fn kept(&self, key: &Key) -> Option<v1::CalledTool> {
        let seen = *self.changes.borrow();
        let tools = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = tools.get(key)?;
        (kept.seen == seen && kept.read.elapsed() < self.age).then(|| kept.tool.clone())
    }

    async fn read(&self, control: &Control, key: Key) -> Result<v1::CalledTool, Status> {
        let (seen, read) = (*self.changes.borrow(), Instant::now());
        let (tenant, name) = &key;
        let (tool, provider) = control.tool_with_provider(*tenant, name).await.map_err(status)?;
        let tool = v1::CalledTool {
            tenant_id: tenant.to_string(),
            name: name.clone(),
            tool_json: to_json(&tool)?,
            provider_json: to_json(&provider)?,
        };
        let mut tools = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if tools.len() >= MOST {
            tools.clear();
        }
        let kept = Kept {
            tool: tool.clone(),
            read,
            seen,
        };
        tools.insert(key, kept);
        Ok(tool)
    }
}
