//! What an agent says of a task that it was given.

use domain::ports::storage::TaskChange;
use domain::task::{Bill, Progress, Refusal, TaskError, TaskEvent, Usage, Word};
use domain::{AgentId, Principal, Scope, Task, TaskId};
use serde_json::Value;

use super::change::refused;
use crate::error::{Check, fits};
use crate::{Control, ControlError, require};

/// The most that an agent may say in words.
const MAX_WORDS: usize = 4_000;

/// The most tokens that one attempt may say it took: more is a mistake.
pub const MAX_TOKENS: u64 = 1_000_000_000;

/// What an agent says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It will do it.
    Accept,
    /// It will not, for this reason.
    Reject(Option<String>),
    /// It is so far.
    Progress(Progress),
    /// It has done it: here is what came of it.
    Complete(Value),
    /// It could not; whether another try may help.
    Fail(TaskError, bool),
}

/// What an agent says, and how many tokens its work on the task has taken so far, if it knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What it says.
    pub answer: Answer,
    /// Tokens since it accepted.
    pub usage: Option<Usage>,
}

impl From<Answer> for Said {
    fn from(answer: Answer) -> Self {
        Self { answer, usage: None }
    }
}

impl Control {
    /// Takes in what an agent says of the assignment with the number `fence`. What is said of an assignment that is over
    /// is refused with the reason, and stands in the task's history.
    ///
    /// # Errors
    /// Without `agents:connect`; when there is no such task or agent; when the agent is another key's; when the answer is
    /// too late, too large or out of turn.
    pub async fn answer_task(
        &self,
        caller: &Principal,
        id: TaskId,
        (agent, fence): (AgentId, u64),
        said: impl Into<Said>,
    ) -> Result<TaskChange, ControlError> {
        require(caller, Scope::AgentsConnect)?;
        let Said { answer, usage } = said.into();
        self.check_answer(&answer)?;
        check_usage(usage)?;
        let task = self.storage.tasks.get(caller.tenant_id, id).await?;
        let word = Word {
            agent_id: agent,
            name: self.speaker(caller, &task, agent).await?,
            fence,
        };
        let bill = self.bill(caller, agent, usage).await?;
        let said = self
            .change_from(task, |task| {
                if let Some(bill) = &bill
                    && task.is_current(&word)
                    && task.state.is_held()
                {
                    task.bill(bill.clone());
                }
                self.say(task, &word, answer.clone()).map_err(refused)
            })
            .await;
        if let Err(ControlError::Conflict { .. }) = &said {
            self.note_late(caller, id, &word, &answer).await?;
        }
        said
    }

    /// What these tokens cost at this agent. A model without a price costs nothing.
    async fn bill(
        &self,
        caller: &Principal,
        agent: AgentId,
        usage: Option<Usage>,
    ) -> Result<Option<Bill>, ControlError> {
        let Some(usage) = usage else { return Ok(None) };
        let model = self.storage.agents.get(caller.tenant_id, agent).await?.model;
        let price = self.rules.prices.get(&model);
        Ok(Some(Bill {
            usd: price.map_or(0.0, |price| price.of(usage)),
            model,
            usage,
        }))
    }

    fn say(&self, task: &mut Task, word: &Word, answer: Answer) -> Result<Vec<TaskEvent>, Refusal> {
        let now = self.now();
        match answer {
            Answer::Accept => task.accept(word, now),
            Answer::Reject(why) => task.reject(word, why, now),
            Answer::Progress(progress) => task.progress(word, progress, now),
            Answer::Complete(result) => task.complete(word, result, now),
            Answer::Fail(error, again) => task.fail(word, error, again, now),
        }
    }

    /// The name of the agent, for which the caller must speak. The task knows its current one.
    async fn speaker(&self, caller: &Principal, task: &Task, agent: AgentId) -> Result<String, ControlError> {
        match &task.assignee {
            Some(holder) if holder.id == agent && holder.owner == caller.name => Ok(holder.name.clone()),
            _ => Ok(self.own_agent(caller, agent).await?.name),
        }
    }

    /// Notes in the history that an answer was refused because the assignment is over.
    async fn note_late(
        &self,
        caller: &Principal,
        id: TaskId,
        word: &Word,
        answer: &Answer,
    ) -> Result<(), ControlError> {
        self.change_task(caller.tenant_id, id, |task| {
            let mut tried = task.clone();
            let refusal = match self.say(&mut tried, word, answer.clone()) {
                Err(refusal @ (Refusal::Reassigned { .. } | Refusal::Finished(_))) => refusal,
                _ => return Ok(Vec::new()),
            };
            let event = task.note_late(word, refusal, self.now());
            Ok(event.into_iter().collect())
        })
        .await?;
        Ok(())
    }

    fn check_answer(&self, answer: &Answer) -> Result<(), ControlError> {
        let mut check = Check::default();
        let brief = |text: &str| fits(text, MAX_WORDS);
        let words = format!("at most {MAX_WORDS} characters");
        match answer {
            Answer::Accept => {}
            Answer::Reject(why) => check.that(why.as_deref().is_none_or(brief), "reason", words),
            Answer::Progress(progress) => {
                check.that((0.0..=100.0).contains(&progress.percent), "percent", "0 to 100");
                check.that(progress.message.as_deref().is_none_or(brief), "message", words);
            }
            Answer::Complete(result) => {
                let most = self.rules.max_result;
                let size = result.to_string().len();
                check.that(size <= most, "result", format!("at most {most} bytes of JSON"));
            }
            Answer::Fail(error, _) => {
                check.that(
                    !error.kind.is_empty() && fits(&error.kind, 64),
                    "error.kind",
                    "1 to 64 characters",
                );
                check.that(brief(&error.message), "error.message", words);
            }
        }
        check.finish()
    }
}

fn check_usage(usage: Option<Usage>) -> Result<(), ControlError> {
    let mut check = Check::default();
    if let Some(usage) = usage {
        let expected = format!("0 to {MAX_TOKENS}");
        check.that(usage.input_tokens <= MAX_TOKENS, "usage.input_tokens", &expected);
        check.that(usage.output_tokens <= MAX_TOKENS, "usage.output_tokens", expected);
    }
    check.finish()
}
