//! Messages: kept for each receiver until it has them, or until they are over.

use domain::message::DeliveryState;
use domain::ports::storage::{Sent, Woken};
use domain::{Agent, MessageId, TenantId};

use crate::backend::Backend;
use crate::on_both;
use crate::samples::{agent, at, conflict, message, refused};

on_both!(
    a_message_waits_until_it_is_acknowledged,
    who_has_no_room_is_left_out,
    sending_again_sends_nothing,
    what_is_over_is_given_up_once,
    another_tenants_messages_are_not_there,
);

async fn two(backend: &Backend) -> (TenantId, Agent, Agent) {
    let tenant = backend.tenant("acme").await;
    let [one, other] = [agent(tenant, "one"), agent(tenant, "other")];
    backend.agents.add(tenant, &one).await.unwrap();
    backend.agents.add(tenant, &other).await.unwrap();
    (tenant, one, other)
}

async fn waiting(backend: &Backend, tenant: TenantId, agent: &Agent) -> Vec<(MessageId, DeliveryState)> {
    let found = backend
        .messages
        .waiting(tenant, &[agent.id], 2, at(1))
        .await
        .unwrap();
    let state =
        |(message, delivery): (domain::Message, domain::message::Delivery)| (message.id, delivery.state);
    found.into_iter().map(state).collect()
}

async fn a_message_waits_until_it_is_acknowledged(backend: Backend) {
    let (tenant, one, other) = two(&backend).await;
    let mut woken = backend.events.woken();
    let (first, to) = message(tenant, &[&one, &other]);
    let sent = backend.messages.send(tenant, &first, &to, 9).await.unwrap();
    assert_eq!(sent, Sent::New(to));
    loop {
        if let Woken::Agents(agents) = woken.recv().await.unwrap() {
            assert_eq!(agents.to_vec(), [(tenant, one.id), (tenant, other.id)]);
            break;
        }
    }
    let mut ids = vec![first.id];
    for _ in 0..2 {
        let (next, to) = message(tenant, &[&one]);
        backend.messages.send(tenant, &next, &to, 9).await.unwrap();
        ids.push(next.id);
    }
    let (new, delivered) = (DeliveryState::Waiting, DeliveryState::Delivered);
    assert_eq!(
        waiting(&backend, tenant, &one).await,
        [(ids[0], new), (ids[1], new)]
    );
    let both = backend
        .messages
        .waiting(tenant, &[one.id, other.id], 9, at(1))
        .await
        .unwrap();
    assert_eq!(both.len(), 4);
    assert_eq!(both[0].0, first);
    backend
        .messages
        .handed_out(tenant, one.id, &ids[..1], at(2))
        .await
        .unwrap();
    assert_eq!(
        waiting(&backend, tenant, &one).await,
        [(ids[0], delivered), (ids[1], new)]
    );
    let before = backend
        .messages
        .acknowledge(tenant, one.id, ids[0], at(3))
        .await
        .unwrap();
    assert_eq!(before, delivered);
    let before = backend
        .messages
        .acknowledge(tenant, one.id, ids[0], at(4))
        .await
        .unwrap();
    assert_eq!(before, DeliveryState::Acknowledged, "again is harmless");
    backend
        .messages
        .handed_out(tenant, one.id, &ids[..1], at(5))
        .await
        .unwrap();
    assert_eq!(
        waiting(&backend, tenant, &one).await,
        [(ids[1], new), (ids[2], new)]
    );
    let states = backend.messages.deliveries(tenant, ids[0]).await.unwrap();
    let states: Vec<_> = states
        .iter()
        .map(|at| (at.agent_id, at.state, at.moved_at))
        .collect();
    assert_eq!(
        states,
        [
            (one.id, DeliveryState::Acknowledged, at(3)),
            (other.id, new, at(0))
        ]
    );
    refused!(
        backend
            .messages
            .acknowledge(tenant, other.id, ids[1], at(3))
            .await,
        NotFound
    );
}

async fn who_has_no_room_is_left_out(backend: Backend) {
    let (tenant, one, other) = two(&backend).await;
    let (first, to) = message(tenant, &[&one]);
    backend.messages.send(tenant, &first, &to, 1).await.unwrap();
    let (second, to) = message(tenant, &[&one, &other]);
    let sent = backend.messages.send(tenant, &second, &to, 1).await.unwrap();
    assert_eq!(sent, Sent::New(to[1..].to_vec()));
    let (third, to) = message(tenant, &[&one]);
    let refused = backend.messages.send(tenant, &third, &to, 1).await;
    assert_eq!(conflict(refused), "to");
    refused!(backend.messages.get(tenant, third.id).await, NotFound);
    backend
        .messages
        .acknowledge(tenant, one.id, first.id, at(1))
        .await
        .unwrap();
    let sent = backend.messages.send(tenant, &third, &to, 1).await.unwrap();
    assert_eq!(sent, Sent::New(to), "there is room again");
}

async fn sending_again_sends_nothing(backend: Backend) {
    let (tenant, one, _) = two(&backend).await;
    let keyed = || {
        let (mut message, to) = message(tenant, &[&one]);
        message.idempotency_key = Some("k".into());
        (message, to)
    };
    let ((first, to), (second, again)) = (keyed(), keyed());
    backend.messages.send(tenant, &first, &to, 9).await.unwrap();
    let sent = backend.messages.send(tenant, &second, &again, 9).await.unwrap();
    assert_eq!(sent, Sent::Existing(Box::new(first.clone())));
    let sent = backend.messages.send(tenant, &first, &to, 9).await.unwrap();
    assert_eq!(sent, Sent::Existing(Box::new(first)));
    assert_eq!(waiting(&backend, tenant, &one).await.len(), 1);
}

async fn what_is_over_is_given_up_once(backend: Backend) {
    let (tenant, one, other) = two(&backend).await;
    let (first, to) = message(tenant, &[&one, &other]);
    backend.messages.send(tenant, &first, &to, 9).await.unwrap();
    backend
        .messages
        .acknowledge(tenant, other.id, first.id, at(1))
        .await
        .unwrap();
    assert_eq!(backend.messages.expire(at(99), 9).await.unwrap(), []);
    let late = backend
        .messages
        .waiting(tenant, &[one.id], 9, at(100))
        .await
        .unwrap();
    assert_eq!(late, [], "not handed out any more, though nobody has swept yet");
    let over = backend.messages.expire(at(100), 9).await.unwrap();
    let over: Vec<_> = over.iter().map(|at| (at.agent_id, at.state)).collect();
    assert_eq!(over, [(one.id, DeliveryState::Expired)]);
    assert_eq!(backend.messages.expire(at(101), 9).await.unwrap(), []);
    backend.events.number(99).await.unwrap();
    let events = backend.events.after(tenant, 0, 99).await.unwrap();
    let kinds: Vec<_> = events
        .iter()
        .filter(|event| event.message_id == Some(first.id))
        .map(|event| event.kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "message.sent",
            "message.sent",
            "message.acknowledged",
            "message.expired"
        ]
    );
}

async fn another_tenants_messages_are_not_there(backend: Backend) {
    let (tenant, one, _) = two(&backend).await;
    let stranger = backend.tenant("umbrella").await;
    let (first, to) = message(tenant, &[&one]);
    refused!(backend.messages.send(stranger, &first, &to, 9).await, NotFound);
    backend.messages.send(tenant, &first, &to, 9).await.unwrap();
    refused!(backend.messages.get(stranger, first.id).await, NotFound);
    refused!(
        backend
            .messages
            .acknowledge(stranger, one.id, first.id, at(1))
            .await,
        NotFound
    );
    assert_eq!(waiting(&backend, stranger, &one).await, []);
    assert_eq!(backend.messages.deliveries(stranger, first.id).await.unwrap(), []);
}
