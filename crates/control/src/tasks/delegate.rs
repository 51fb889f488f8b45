//! A person decides anew who is to do a task.

use domain::ports::storage::TaskChange;
use domain::task::Delegation;
use domain::{Principal, Scope, TaskId};

use super::change::refused;
use crate::{Control, ControlError, require};

/// Who is to do it.
#[derive(Debug, Clone)]
pub struct NewDelegation {
    /// Who decides.
    pub delegation: Delegation,
    /// The agent that is named: its id or its name.
    pub agent: Option<String>,
}

impl Control {
    /// Takes a task from whoever has it and gives it anew. Answers both moves.
    ///
    /// # Errors
    /// Without `tasks:write`; when there is no such task or agent; when the task is finished.
    pub async fn delegate_task(
        &self,
        caller: &Principal,
        id: TaskId,
        new: NewDelegation,
    ) -> Result<Vec<TaskChange>, ControlError> {
        require(caller, Scope::TasksWrite)?;
        let tenant = caller.tenant_id;
        let named = self.named(caller, new.agent.as_deref(), new.delegation).await?;
        let name = match named {
            Some(id) => Some(self.storage.agents.get(tenant, id).await?.name),
            None => None,
        };
        let taken = self
            .change_task(tenant, id, |task| {
                let to = named.zip(name.as_deref());
                task.delegate(&caller.name, new.delegation, to, self.now())
                    .map_err(refused)
            })
            .await?;
        let placed = self.place(&taken.task).await?;
        Ok([taken].into_iter().chain(placed).collect())
    }
}
