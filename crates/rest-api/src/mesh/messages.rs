//! Messages between agents, and the borders between tenants: what is counted and told of them.

use std::time::Duration;

use control::ControlError;
use control::messages::{Dispatch, Inbox, NewMessage, Tracked};
use domain::{AgentId, MessageId, Principal, Verb};
use tracing::{Instrument, Span, field};

use super::Mesh;

impl Mesh {
    /// See [`control::Control::send_message`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&self, caller: &Principal, new: NewMessage) -> Result<Dispatch, ControlError> {
        let span = span(&new);
        let sent = self.control.send_message(caller, new);
        let sent = sent.instrument(span.clone()).await;
        let sent = sent.inspect_err(|error| self.at_the_border(error))?;
        span.record("messaging.message.id", field::display(sent.tracked.message.id));
        if sent.is_new {
            span.in_scope(|| self.tell_sent(&sent));
        }
        Ok(sent)
    }

    fn tell_sent(&self, sent: &Dispatch) {
        let message = &sent.tracked.message;
        let taken = |id: &AgentId| !sent.full.contains(id);
        for receiver in sent.receivers.iter().filter(|agent| taken(&agent.id)) {
            let labels = [message.from.kind.as_str(), receiver.agent_type.as_str()];
            self.messages.sent.with(labels).increment(1);
        }
        tracing::info!(
            event = "agent_message_sent",
            message_id = %message.id,
            source = message.from.name,
            source_type = message.from.kind,
            receivers = sent.tracked.deliveries.len(),
            full = sent.full.len(),
            size_bytes = message.body.to_string().len(),
            "message {} for {} agents",
            message.id,
            sent.tracked.deliveries.len()
        );
    }

    /// See [`control::Control::agent_messages`].
    ///
    /// # Errors
    /// As there.
    pub async fn inbox(
        &self,
        caller: &Principal,
        agent: AgentId,
        wait: Duration,
    ) -> Result<Inbox, ControlError> {
        self.control.agent_messages(caller, agent, wait).await
    }

    /// See [`control::Control::acknowledge_message`].
    ///
    /// # Errors
    /// As there.
    pub async fn acknowledge(
        &self,
        caller: &Principal,
        agent: AgentId,
        id: MessageId,
    ) -> Result<Tracked, ControlError> {
        let (tracked, first) = self.control.acknowledge_message(caller, agent, id).await?;
        if first {
            let took = self.control.clock.now() - tracked.message.sent_at;
            tracing::debug!(
                event = "agent_message_acknowledged",
                message_id = %id,
                agent_id = %agent,
                duration = took.as_seconds_f64(),
                "message {id} has arrived"
            );
        }
        Ok(tracked)
    }

    /// Gives up messages that are over; answers how many.
    pub(super) async fn expire_messages(&self, limit: u32) -> Result<usize, ControlError> {
        let expired = self.control.expire_messages(limit).await?;
        for delivery in &expired {
            tracing::warn!(
                event = "agent_message_expired",
                message_id = %delivery.message_id,
                agent_id = %delivery.agent_id,
                agent = delivery.agent,
                tenant_id = %delivery.tenant_id,
                "message {} was not fetched in time",
                delivery.message_id
            );
        }
        Ok(expired.len())
    }

    /// Counts what was stopped at a border.
    pub(super) fn at_the_border(&self, error: &ControlError) {
        if let ControlError::Blocked(verb) = error {
            let resource = verb.resource();
            self.borders.blocked.with([resource]).increment(1);
            tracing::warn!(
                event = "border_closed",
                resource,
                "the border of another tenant is closed to this"
            );
        }
    }

    /// Shows how many tenants are in each mode.
    pub(super) async fn show_modes(&self) -> Result<(), ControlError> {
        let modes = self.control.storage.tenants.count_modes().await?;
        for (word, mode) in [
            ("strict", domain::Isolation::Strict),
            ("relaxed", domain::Isolation::Relaxed),
            ("open", domain::Isolation::Open),
        ] {
            let count = modes
                .iter()
                .find(|(of, _)| *of == mode)
                .map_or(0, |(_, count)| *count);
            self.borders.modes.with([word]).set(count as f64);
        }
        Ok(())
    }

    /// Shows the counter of closed borders before the first attempt.
    pub(super) fn begin_borders(&self) {
        for verb in Verb::ALL {
            self.borders.blocked.with([verb.resource()]).increment(0);
        }
    }
}

fn span(new: &NewMessage) -> Span {
    tracing::info_span!(
        "agent_message",
        otel.name = "send agent_messages",
        otel.kind = "producer",
        messaging.system = "devmesh",
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.destination.name = "agent_messages",
        messaging.message.id = field::Empty,
        messaging.message.body.size = new.body.to_string().len() as u64,
        agent.id = new.from.map(field::display),
    )
}
