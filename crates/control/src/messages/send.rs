//! Sends a message.

use chrono::Duration;
use domain::message::{Delivery, DeliveryState, Sender};
use domain::ports::storage::Sent;
use domain::{Agent, AgentId, Message, MessageId, Principal, Scope, StoreError, TenantId, Verb};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Tracked;
use crate::agents::Wanted;
use crate::error::{Check, fits};
use crate::{Control, ControlError, require};

/// The longest that a message is kept for its receivers: a week.
const MAX_EXPIRES: u32 = 7 * 24 * 3_600;
const MAX_SUBJECT: usize = 256;
const MAX_KEY: usize = 128;

/// Who is to get a message.
#[derive(Debug, Clone)]
pub enum Who {
    /// This agent, here or not.
    Agent(AgentId),
    /// The agent of this name, here or not.
    Named(String),
    /// All that are here and fit.
    Group(Wanted),
    /// Of those that are here and fit, the one that has the least to do.
    One(Wanted),
}

/// Where to.
#[derive(Debug, Clone)]
pub struct To {
    /// Another tenant of the organization; the sender's own when absent.
    pub tenant: Option<TenantId>,
    /// Who.
    pub who: Who,
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The agent that sends it; a person or a service when absent.
    pub from: Option<AgentId>,
    /// Who is to get it.
    pub to: To,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub body: Value,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// How long it is kept for its receivers; the setting's when absent.
    pub expires_seconds: Option<u32>,
    /// Sending again with the same key sends nothing.
    pub idempotency_key: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// The message.
    pub tracked: Tracked,
    /// The receivers, as they are.
    pub receivers: Vec<Agent>,
    /// Those of them that have no room for it.
    pub full: Vec<AgentId>,
    /// Whether it is new; not when it was sent before with the same key.
    pub is_new: bool,
}

impl Control {
    /// Stores a message for its receivers. Whoever is connected is told of it at once.
    ///
    /// # Errors
    /// An agent needs `agents:connect` and must be the caller's own; without an agent `agents:write` is needed. Fields that
    /// are not as expected; when nobody fits, nobody has room, or the border between the tenants is closed.
    pub async fn send_message(&self, caller: &Principal, new: NewMessage) -> Result<Dispatch, ControlError> {
        let from = self.sender(caller, new.from).await?;
        self.check_message(&new)?;
        self.check_reply(caller, new.reply_to).await?;
        let tenant = self.reach(caller, new.to.tenant, Verb::Message).await?;
        let receivers = self.receivers(tenant, &new.to.who, new.from).await?;
        let mut message = self.message(caller, tenant, from, new);
        if tenant != caller.tenant_id {
            // The sender's copy first: what is repeated after a break finds it, and goes on where nobody has it yet.
            if let Some(known) = self.store(&message, &[]).await?.1 {
                let repeated = self.repeated(known, &message).await?;
                if !repeated.tracked.deliveries.is_empty() {
                    return Ok(repeated);
                }
                message = repeated.tracked.message;
            }
        }
        let copy = Message {
            tenant_id: tenant,
            idempotency_key: message
                .idempotency_key
                .clone()
                .filter(|_| tenant == caller.tenant_id),
            ..message.clone()
        };
        let waiting = waiting(&copy, &receivers);
        let (taken, known) = self.store(&copy, &waiting).await?;
        if let Some(known) = known {
            let own = if tenant == caller.tenant_id {
                known
            } else {
                message.clone()
            };
            return self.repeated(own, &message).await;
        }
        let full = |agent: &&Agent| taken.iter().all(|delivery| delivery.agent_id != agent.id);
        Ok(Dispatch {
            full: receivers.iter().filter(full).map(|agent| agent.id).collect(),
            tracked: Tracked {
                message,
                deliveries: taken,
            },
            receivers,
            is_new: true,
        })
    }

    async fn repeated(&self, known: Message, message: &Message) -> Result<Dispatch, ControlError> {
        if known.fingerprint != message.fingerprint {
            let expected = "a key that was not used for another message";
            return Err(ControlError::invalid("idempotency_key", expected));
        }
        Ok(Dispatch {
            tracked: self.tracked(known).await?,
            receivers: Vec::new(),
            full: Vec::new(),
            is_new: false,
        })
    }

    async fn store(
        &self,
        message: &Message,
        waiting: &[Delivery],
    ) -> Result<(Vec<Delivery>, Option<Message>), ControlError> {
        let (tenant, room) = (message.tenant_id, self.rules.messages.max_waiting);
        let sent = self.storage.messages.send(tenant, message, waiting, room);
        Ok(match sent.await? {
            Sent::New(taken) => (taken, None),
            Sent::Existing(known) => (Vec::new(), Some(*known)),
        })
    }

    async fn sender(&self, caller: &Principal, agent: Option<AgentId>) -> Result<Sender, ControlError> {
        let tenant_id = caller.tenant_id;
        let Some(agent) = agent else {
            require(caller, Scope::AgentsWrite)?;
            return Ok(Sender {
                tenant_id,
                agent_id: None,
                name: caller.name.clone(),
                kind: "key".to_owned(),
            });
        };
        let agent = self.own_agent(caller, agent).await?;
        Ok(Sender {
            tenant_id,
            agent_id: Some(agent.id),
            name: agent.name,
            kind: agent.agent_type.as_str().to_owned(),
        })
    }

    /// Who gets it; the sender itself is never among a group.
    async fn receivers(
        &self,
        tenant: TenantId,
        who: &Who,
        from: Option<AgentId>,
    ) -> Result<Vec<Agent>, ControlError> {
        let nobody = |expected: &str| ControlError::invalid("to", expected);
        let one = |found: Result<Agent, StoreError>| match found {
            Err(StoreError::NotFound) => Err(nobody("an agent of the tenant")),
            found => Ok(vec![found?]),
        };
        let (wanted, single) = match who {
            Who::Agent(id) => return one(self.storage.agents.get(tenant, *id).await),
            Who::Named(name) => return one(self.storage.agents.by_name(tenant, name).await),
            Who::Group(wanted) => (wanted, false),
            Who::One(wanted) => (wanted, true),
        };
        let mut found = self.fitting(tenant, wanted).await?;
        found.retain(|agent| Some(agent.id) != from);
        if single {
            found.truncate(1);
        }
        if found.is_empty() {
            return Err(nobody("agents that are here: nobody fits"));
        }
        Ok(found)
    }

    /// Nobody learns whether there is a message that is none of their business.
    async fn check_reply(&self, caller: &Principal, to: Option<MessageId>) -> Result<(), ControlError> {
        let Some(to) = to else { return Ok(()) };
        match self.get_message(caller, to).await {
            Ok(_) => Ok(()),
            Err(ControlError::NotFound) => {
                let expected = "a message that is still kept, and that the sender has sent or got";
                Err(ControlError::invalid("reply_to", expected))
            }
            Err(error) => Err(error),
        }
    }

    fn check_message(&self, new: &NewMessage) -> Result<(), ControlError> {
        let max = self.rules.messages.max_body;
        let mut check = Check::default();
        check.that(
            fits(&new.subject, MAX_SUBJECT),
            "subject",
            format!("at most {MAX_SUBJECT} characters"),
        );
        check.that(
            new.body.to_string().len() <= max,
            "body",
            format!("at most {max} bytes of JSON"),
        );
        check.that(
            new.expires_seconds
                .is_none_or(|seconds| (1..=MAX_EXPIRES).contains(&seconds)),
            "expires_seconds",
            format!("1 to {MAX_EXPIRES}"),
        );
        let is_key = |key: &String| {
            (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        };
        check.that(
            new.idempotency_key.as_ref().is_none_or(is_key),
            "idempotency_key",
            format!("1 to {MAX_KEY} printable ASCII characters"),
        );
        check.finish()
    }

    fn message(&self, caller: &Principal, to: TenantId, from: Sender, new: NewMessage) -> Message {
        let fingerprint = fingerprint(&from, &new);
        let now = self.now();
        let expires = new.expires_seconds.unwrap_or(self.rules.messages.expires_seconds);
        Message {
            id: MessageId(self.ids.fresh()),
            tenant_id: caller.tenant_id,
            from,
            subject: new.subject,
            body: new.body,
            reply_to: new.reply_to,
            sent_at: now,
            expires_at: now + Duration::seconds(i64::from(expires)),
            tenants: vec![to],
            // Whoever says another one's word does not get their message.
            idempotency_key: new.idempotency_key.map(|key| format!("{}:{key}", caller.key_id)),
            fingerprint,
        }
    }
}

/// All that was asked for, but the key.
fn fingerprint(from: &Sender, new: &NewMessage) -> String {
    let asked = (
        from,
        &new.to,
        &new.subject,
        &new.body,
        new.reply_to,
        new.expires_seconds,
    );
    hex::encode(Sha256::digest(format!("{asked:?}")))
}

fn waiting(message: &Message, receivers: &[Agent]) -> Vec<Delivery> {
    let delivery = |agent: &Agent| Delivery {
        tenant_id: message.tenant_id,
        message_id: message.id,
        agent_id: agent.id,
        agent: agent.name.clone(),
        state: DeliveryState::Waiting,
        moved_at: message.sent_at,
        expires_at: message.expires_at,
    };
    receivers.iter().map(delivery).collect()
}
