//! Creates a task, and gives it to an agent at once where one can take it.

use std::collections::BTreeMap;

use chrono::Duration;
use domain::ports::storage::{Created, TaskChange};
use domain::task::{Bill, Delegation, Needs, Patience, Strategy, TaskState};
use domain::{AgentId, Principal, Priority, Scope, StoreError, Task, TaskId, TenantId, Verb};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::agents::TRIES;
use crate::error::{Check, fits};
use crate::{Control, ControlError, require};

/// How many tasks may be above one.
const MAX_DEPTH: u32 = 8;
/// The longest time until a deadline: 30 days.
const MAX_DEADLINE: u32 = 30 * 86_400;
/// Longest region, and longest name and value of a label: those that an agent may have.
const MAX_LABEL: usize = 128;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// What sort of work it is.
    pub kind: String,
    /// For a person.
    pub title: String,
    /// What the agent is given.
    pub input: Value,
    /// What it asks of an agent.
    pub needs: Needs,
    /// How urgent it is.
    pub priority: Priority,
    /// How an agent is chosen.
    pub strategy: Strategy,
    /// Who decides which one.
    pub delegation: Delegation,
    /// The agent that is named: its id or its name.
    pub agent: Option<String>,
    /// Tokens that it probably takes.
    pub expected_tokens: u64,
    /// The most that it may cost.
    pub budget_usd: Option<f64>,
    /// When it is over, in seconds from now.
    pub deadline_seconds: Option<u32>,
    /// How long an agent may think about it.
    pub accept_seconds: Option<u32>,
    /// How long an agent that has accepted it may be silent.
    pub silence_seconds: Option<u32>,
    /// How often it may be tried.
    pub max_attempts: Option<u32>,
    /// The task that it is a part of.
    pub parent_id: Option<TaskId>,
    /// Another tenant of the organization, whose agents are to do it; the caller's own when absent.
    pub tenant: Option<TenantId>,
    /// A second request with the same key is the first one.
    pub idempotency_key: Option<String>,
    /// W3C trace context of the caller.
    pub trace: BTreeMap<String, String>,
}

impl Control {
    /// Creates a task. Answers it as it was stored, and whether it was there before under this idempotency key.
    ///
    /// # Errors
    /// Without `tasks:write`; fields that are not as expected; when the key was used for another task; when the border of
    /// the other tenant is closed.
    pub async fn create_task(
        &self,
        caller: &Principal,
        new: NewTask,
    ) -> Result<(TaskChange, bool), ControlError> {
        require(caller, Scope::TasksWrite)?;
        self.check_task(&new)?;
        let caller = &self.over(caller, new.tenant, Verb::Assign).await?;
        let fingerprint = fingerprint(&new);
        let key = new.idempotency_key.as_ref();
        let key = key.map(|key| format!("{}:{key}", caller.key_id));
        if let Some(key) = &key
            && let Some(known) = self
                .storage
                .tasks
                .by_idempotency_key(caller.tenant_id, key)
                .await?
        {
            return existing(known, &fingerprint);
        }
        let named = self.named(caller, new.agent.as_deref(), new.delegation).await?;
        let depth = self.depth(caller, new.parent_id).await?;
        let task = Task {
            depth,
            ..self.task(caller, new, key, fingerprint, named)
        };
        self.store_task(task).await
    }

    /// The task is stored as given to its agent. Where that one was taken meanwhile another is chosen; where that goes on,
    /// it is stored as pending, for the sweeper.
    async fn store_task(&self, task: Task) -> Result<(TaskChange, bool), ControlError> {
        let fingerprint = task.fingerprint.clone();
        for tried in 0..=TRIES {
            let mut task = task.clone();
            let created = task.created();
            let mut change = if tried < TRIES {
                let mut scene = self.scene(task.tenant_id).await?;
                self.choose(&mut scene, &task)
            } else {
                TaskChange {
                    task,
                    events: Vec::new(),
                    decision: None,
                    assigns: false,
                }
            };
            change.events.insert(0, created);
            match self.storage.tasks.create(change.task.tenant_id, &change).await {
                Ok(Created::New) => return Ok((change, false)),
                Ok(Created::Existing(known)) => return existing(*known, &fingerprint),
                Err(StoreError::Conflict {
                    field: "assignee", ..
                }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Stale)
    }

    fn task(
        &self,
        caller: &Principal,
        new: NewTask,
        idempotency_key: Option<String>,
        fingerprint: String,
        named: Option<AgentId>,
    ) -> Task {
        let now = self.now();
        let deadline = new.deadline_seconds.unwrap_or(self.rules.deadline_seconds);
        Task {
            id: TaskId(self.ids.fresh()),
            tenant_id: caller.tenant_id,
            kind: new.kind,
            title: new.title,
            input: new.input,
            needs: new.needs,
            priority: new.priority,
            strategy: new.strategy,
            delegation: new.delegation,
            named,
            expected_tokens: new.expected_tokens,
            budget_usd: new.budget_usd,
            spent_usd: 0.0,
            billed: Bill::default(),
            state: TaskState::Pending,
            assignee: None,
            fence: 0,
            attempt: 0,
            refused_by: Vec::new(),
            avoid: Vec::new(),
            patience: Patience {
                accept_seconds: new.accept_seconds.unwrap_or(self.rules.accept_seconds),
                silence_seconds: new.silence_seconds.unwrap_or(self.rules.silence_seconds),
                max_attempts: new.max_attempts.unwrap_or(self.rules.max_attempts),
            },
            deadline: now + Duration::seconds(i64::from(deadline)),
            deadline_named: new.deadline_seconds.is_some(),
            due_at: Some(now),
            waiting_for: None,
            progress: None,
            result: None,
            error: None,
            parent_id: new.parent_id,
            depth: 0,
            created_by: Some(caller.key_id),
            creator: caller.name.clone(),
            idempotency_key,
            fingerprint,
            trace: new.trace,
            created_at: now,
            assigned_at: None,
            accepted_at: None,
            finished_at: None,
            updated_at: now,
            events: 0,
            late_answers: 0,
            version: 1,
        }
    }

    /// The agent that is meant by an id or a name.
    pub(super) async fn named(
        &self,
        caller: &Principal,
        agent: Option<&str>,
        how: Delegation,
    ) -> Result<Option<AgentId>, ControlError> {
        let needed = matches!(how, Delegation::Manual | Delegation::Failover);
        let Some(agent) = agent else {
            return if needed {
                Err(ControlError::invalid("agent", "the id or the name of an agent"))
            } else {
                Ok(None)
            };
        };
        let agents = &self.storage.agents;
        let found = match agent.parse() {
            Ok(id) => agents.get(caller.tenant_id, id).await,
            Err(_) => agents.by_name(caller.tenant_id, agent).await,
        };
        match found {
            Ok(agent) => Ok(Some(agent.id)),
            Err(StoreError::NotFound) => {
                Err(ControlError::invalid("agent", "the id or the name of an agent"))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn depth(&self, caller: &Principal, parent: Option<TaskId>) -> Result<u32, ControlError> {
        let Some(id) = parent else { return Ok(0) };
        let parent = match self.storage.tasks.get(caller.tenant_id, id).await {
            Err(StoreError::NotFound) => {
                return Err(ControlError::invalid("parent_id", "the id of a task"));
            }
            found => found?,
        };
        if parent.state.is_final() {
            return Err(ControlError::Conflict {
                field: "parent_id",
                message: format!("that task is finished: it is {}", parent.state.as_str()),
            });
        }
        if parent.depth + 1 >= MAX_DEPTH {
            return Err(ControlError::invalid(
                "parent_id",
                format!("a task with fewer than {} above it", MAX_DEPTH - 1),
            ));
        }
        Ok(parent.depth + 1)
    }

    fn check_task(&self, new: &NewTask) -> Result<(), ControlError> {
        let mut check = Check::default();
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
        };
        check.that(
            (1..=64).contains(&new.kind.len()) && new.kind.bytes().all(plain),
            "type",
            "1 to 64 of a-z, 0-9, `-`, `_` and `.`",
        );
        check.that(fits(&new.title, 500), "title", "at most 500 characters");
        let size = new.input.to_string().len();
        let most = self.rules.max_input;
        check.that(size <= most, "input", format!("at most {most} bytes of JSON"));
        check.that(
            new.needs.capabilities.len() <= 32,
            "needs.capabilities",
            "at most 32",
        );
        check.that(new.needs.wishes.len() <= 32, "needs.wishes", "at most 32");
        let budget = new.budget_usd.is_none_or(|usd| usd.is_finite() && usd >= 0.0);
        check.that(budget, "budget_usd", "0 or more");
        let short = |text: &String| fits(text, MAX_LABEL);
        let labels = &new.needs.labels;
        check.that(
            labels.len() <= 32 && labels.iter().all(|(name, value)| short(name) && short(value)),
            "needs.labels",
            format!("at most 32, names and values of at most {MAX_LABEL} characters"),
        );
        check.that(
            new.needs.region.as_ref().is_none_or(short),
            "needs.region",
            format!("at most {MAX_LABEL} characters"),
        );
        for (field, seconds, most) in [
            ("deadline_seconds", new.deadline_seconds, MAX_DEADLINE),
            ("accept_seconds", new.accept_seconds, 86_400),
            ("silence_seconds", new.silence_seconds, MAX_DEADLINE),
        ] {
            let fits = seconds.is_none_or(|seconds| (1..=most).contains(&seconds));
            check.that(fits, field, format!("1 to {most}"));
        }
        let tries = new.max_attempts.is_none_or(|tries| (1..=100).contains(&tries));
        check.that(tries, "max_attempts", "1 to 100");
        check.finish()
    }
}

fn existing(known: Task, fingerprint: &str) -> Result<(TaskChange, bool), ControlError> {
    if known.fingerprint != fingerprint {
        return Err(ControlError::invalid(
            "Idempotency-Key",
            "a key that was not used for another task",
        ));
    }
    let change = TaskChange {
        task: known,
        events: Vec::new(),
        decision: None,
        assigns: false,
    };
    Ok((change, true))
}

/// What tells a repeated request from another one: all that was asked for, but the key and the trace.
fn fingerprint(new: &NewTask) -> String {
    let asked = (
        (
            &new.kind,
            &new.title,
            &new.input,
            &new.needs,
            new.priority,
            new.strategy,
        ),
        (
            new.delegation,
            &new.agent,
            new.expected_tokens,
            new.budget_usd,
            new.parent_id,
        ),
        (
            new.deadline_seconds,
            new.accept_seconds,
            new.silence_seconds,
            new.max_attempts,
        ),
    );
    // Maps of plain values are always writable as JSON.
    hex::encode(Sha256::digest(serde_json::to_vec(&asked).unwrap_or_default()))
}
