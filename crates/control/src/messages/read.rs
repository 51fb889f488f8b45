//! Messages as their receivers get them, and as their senders see them.

use std::time::Duration;

use domain::message::{Delivery, DeliveryState, Message};
use domain::ports::storage::Woken;
use domain::{AgentId, MessageId, Principal, Scope, StoreError, TenantId};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::Tracked;
use crate::jobs::MAX_WAIT;
use crate::{Control, ControlError};

/// How many messages an agent is handed before it has acknowledged the first of them.
const HANDED_OUT: u32 = 32;

/// What waits for an agent.
pub type Inbox = Vec<(Message, Delivery)>;

impl Control {
    /// A message, and where it stands. Its sender sees it, its receivers, and whoever may send agents away.
    ///
    /// # Errors
    /// When there is no such message, or it is none of the caller's business.
    pub async fn get_message(&self, caller: &Principal, id: MessageId) -> Result<Tracked, ControlError> {
        let message = self.storage.messages.get(caller.tenant_id, id).await?;
        let tracked = self.tracked(message).await?;
        if self.may_see(caller, &tracked).await? {
            Ok(tracked)
        } else {
            Err(ControlError::NotFound)
        }
    }

    async fn may_see(&self, caller: &Principal, tracked: &Tracked) -> Result<bool, ControlError> {
        if caller.may(Scope::AgentsWrite) {
            return Ok(true);
        }
        let own = caller.tenant_id;
        let from = &tracked.message.from;
        let sender = from.agent_id.filter(|_| from.tenant_id == own);
        let receivers = tracked.deliveries.iter();
        let receivers = receivers.filter(|delivery| delivery.tenant_id == own);
        for agent in sender
            .into_iter()
            .chain(receivers.map(|delivery| delivery.agent_id))
        {
            match self.storage.agents.get(own, agent).await {
                Ok(agent) if agent.owner == caller.name => return Ok(true),
                Ok(_) | Err(StoreError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// What waits for an agent, oldest first; waits up to `wait` for the first message.
    ///
    /// # Errors
    /// Without `agents:connect`; when there is no such agent; when it is another key's.
    pub async fn agent_messages(
        &self,
        caller: &Principal,
        agent: AgentId,
        wait: Duration,
    ) -> Result<Inbox, ControlError> {
        self.own_agent(caller, agent).await?;
        let of = (caller.tenant_id, agent);
        let deadline = Instant::now() + wait.min(MAX_WAIT);
        let mut woken = self.storage.events.woken();
        loop {
            let waiting = self.waiting_messages(of.0, &[agent]).await?;
            let over = !waiting.is_empty() || wait.is_zero();
            if over || !woken_before(&mut woken, of, deadline).await {
                self.handed_out(of, &waiting).await?;
                return Ok(waiting);
            }
        }
    }

    /// What waits for these agents, oldest first, a bounded number for each.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn waiting_messages(
        &self,
        tenant: TenantId,
        agents: &[AgentId],
    ) -> Result<Inbox, ControlError> {
        let waiting = self
            .storage
            .messages
            .waiting(tenant, agents, HANDED_OUT, self.now());
        Ok(waiting.await?)
    }

    /// Notes that an agent was handed these.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn handed_out(
        &self,
        (tenant, agent): (TenantId, AgentId),
        messages: &[(Message, Delivery)],
    ) -> Result<(), ControlError> {
        let new = messages
            .iter()
            .filter(|(_, delivery)| delivery.state == DeliveryState::Waiting);
        let new: Vec<_> = new.map(|(message, _)| message.id).collect();
        if new.is_empty() {
            return Ok(());
        }
        let noted = self.storage.messages.handed_out(tenant, agent, &new, self.now());
        Ok(noted.await?)
    }

    /// The agent has the message: it is not handed to it again. Answers the message, and whether it said so for the first
    /// time.
    ///
    /// # Errors
    /// Without `agents:connect`; when there is no such agent or message; when the agent is another key's.
    pub async fn acknowledge_message(
        &self,
        caller: &Principal,
        agent: AgentId,
        id: MessageId,
    ) -> Result<(Tracked, bool), ControlError> {
        self.own_agent(caller, agent).await?;
        let tenant = caller.tenant_id;
        let before = self.storage.messages.acknowledge(tenant, agent, id, self.now());
        let first = matches!(before.await?, DeliveryState::Waiting | DeliveryState::Delivered);
        let message = self.storage.messages.get(tenant, id).await?;
        let mut deliveries = self.storage.messages.deliveries(tenant, id).await?;
        deliveries.retain(|delivery| delivery.agent_id == agent);
        Ok((Tracked { message, deliveries }, first))
    }
}

/// Whether the agent was woken before the deadline; who has missed wake-ups looks again.
pub(crate) async fn woken_before(
    woken: &mut broadcast::Receiver<Woken>,
    of: (TenantId, AgentId),
    deadline: Instant,
) -> bool {
    loop {
        match tokio::time::timeout_at(deadline, woken.recv()).await {
            Ok(Ok(Woken::Agents(agents))) if !agents.contains(&of) => {}
            Ok(Ok(_) | Err(broadcast::error::RecvError::Lagged(_))) => return true,
            Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => return false,
        }
    }
}
