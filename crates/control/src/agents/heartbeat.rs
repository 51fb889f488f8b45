//! Hears an agent.

use chrono::{DateTime, TimeDelta, Utc};
use domain::agent::{Agent, Heartbeat};
use domain::{AgentId, Principal, StoreError};

use super::{TRIES, unheard};
use crate::{Control, ControlError};

impl Control {
    /// Takes in a heartbeat. Answers the agent, and whether it takes tasks only since now: then those that wait for one
    /// are to be looked at ([`Control::place_waiting`]).
    ///
    /// # Errors
    /// Without `agents:connect`; when there is no such agent; when it is another key's, offline, or was replaced.
    pub async fn hear_agent(
        &self,
        caller: &Principal,
        id: AgentId,
        epoch: u64,
        said: Heartbeat,
    ) -> Result<(Agent, bool), ControlError> {
        if !(0.0..=1.0).contains(&said.workload) {
            return Err(ControlError::invalid("workload", "0 to 1"));
        }
        for _ in 0..TRIES {
            let mut agent = self.own_agent(caller, id).await?;
            let before = agent.clone();
            let took = agent.may_take(0);
            agent.hear(epoch, said, self.now()).map_err(unheard)?;
            agent.version += 1;
            let takes = !took && agent.may_take(0);
            match self
                .storage
                .agents
                .save(agent.tenant_id, &agent, &before, &[], takes)
                .await
            {
                Ok(()) => return Ok((agent, takes)),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Stale)
    }

    /// The connection broke over which the agent was last heard at `heard`: unless it is heard before the grace is over, it
    /// is lost.
    ///
    /// # Errors
    /// Without `agents:connect`; when there is no such agent; when it is another key's.
    pub async fn cut_off(
        &self,
        caller: &Principal,
        id: AgentId,
        heard: DateTime<Utc>,
    ) -> Result<Agent, ControlError> {
        let grace = TimeDelta::seconds(i64::from(self.rules.grace_seconds));
        for _ in 0..TRIES {
            let mut agent = self.own_agent(caller, id).await?;
            let before = agent.clone();
            if !agent.cut_off(heard, grace, self.now()) {
                return Ok(agent);
            }
            agent.version += 1;
            let saved = self
                .storage
                .agents
                .save(agent.tenant_id, &agent, &before, &[], false);
            match saved.await {
                Ok(()) => return Ok(agent),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Stale)
    }
}
