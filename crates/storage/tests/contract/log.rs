//! The log of what happens: numbered without gaps in the order in which things became true, whoever writes at once.

use domain::ports::storage::{LogBounds, Retention, TaskChange, Woken};
use domain::{Event, TenantId};

use crate::backend::Backend;
use crate::on_both;
use crate::samples::{agent, at, decision, task};

on_both!(
    what_happens_is_in_the_log_once_and_in_order,
    numbers_have_no_gaps_however_many_write_and_number_at_once,
    what_is_gone_is_known_to_be_gone,
    another_tenants_log_is_its_own,
);

async fn kinds(backend: &Backend, tenant: TenantId, after: u64) -> Vec<(u64, String)> {
    let events = backend.events.after(tenant, after, 99).await.unwrap();
    let kind = |event: Event| (event.number, event.kind);
    events.into_iter().map(kind).collect()
}

async fn what_happens_is_in_the_log_once_and_in_order(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let (mut fresh, mut numbered) = (backend.events.fresh(), backend.events.numbered());
    let mut woken = backend.events.woken();
    let one = agent(tenant, "one");
    backend.agents.add(tenant, &one).await.unwrap();
    fresh.changed().await.unwrap();
    let mut build = task(tenant, "build");
    let events = vec![build.created(), build.assign(&one, at(1))];
    let change = TaskChange {
        decision: Some(decision(&build, &one)),
        task: build.clone(),
        events,
        assigns: true,
    };
    backend.tasks.create(tenant, &change).await.unwrap();
    // The agent that is given the task is named.
    loop {
        match woken.recv().await.unwrap() {
            Woken::All => {}
            Woken::Agents(agents) => {
                assert_eq!(agents.to_vec(), [(tenant, one.id)]);
                break;
            }
        }
    }
    assert_eq!(kinds(&backend, tenant, 0).await, [], "not before it has a number");
    assert_eq!(backend.events.number(99).await.unwrap(), 3);
    numbered.changed().await.unwrap();
    assert_eq!(backend.events.number(99).await.unwrap(), 0);
    let mut gone = one.clone();
    gone.drain(at(2));
    gone.version += 1;
    backend.agents.save(tenant, &gone, &one, &[], true).await.unwrap();
    // What does not change its state is no news.
    let mut heard = gone.clone();
    heard.version += 1;
    backend
        .agents
        .save(tenant, &heard, &gone, &[], false)
        .await
        .unwrap();
    assert_eq!(backend.events.number(99).await.unwrap(), 1);
    let expected = ["agent.state", "task.created", "task.assigned", "agent.state"];
    let expected: Vec<_> = (1..).zip(expected.map(str::to_owned)).collect();
    assert_eq!(kinds(&backend, tenant, 0).await, expected);
    assert_eq!(kinds(&backend, tenant, 3).await, expected[3..]);
    let of_task = &backend.events.after(tenant, 2, 1).await.unwrap()[0];
    assert_eq!(
        (of_task.task_id, of_task.agent_id),
        (Some(build.id), Some(one.id))
    );
    let bounds = backend.events.bounds(tenant).await.unwrap();
    assert_eq!(bounds, LogBounds { last: 4, pruned: 0 });
}

async fn numbers_have_no_gaps_however_many_write_and_number_at_once(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let writers = (0..8).map(|writer| {
        let storage = backend.storage.clone();
        tokio::spawn(async move {
            for number in 0..10 {
                let agent = agent(tenant, &format!("{writer}-{number}"));
                storage.agents.add(tenant, &agent).await.unwrap();
                storage.events.number(3).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    while backend.events.number(50).await.unwrap() > 0 {}
    let numbers = kinds(&backend, tenant, 0)
        .await
        .into_iter()
        .map(|(number, _)| number);
    assert_eq!(numbers.collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
}

async fn what_is_gone_is_known_to_be_gone(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for (name, second) in [("old", 1), ("older", 0), ("young", 200)] {
        let mut agent = agent(tenant, name);
        agent.changed_at = at(second);
        backend.agents.add(tenant, &agent).await.unwrap();
    }
    backend.events.number(99).await.unwrap();
    let retention = Retention {
        events_before: at(100),
        ..crate::retention::NOTHING
    };
    let pruned = backend.database.prune(&retention).await.unwrap();
    assert_eq!(pruned.events, 2);
    let bounds = backend.events.bounds(tenant).await.unwrap();
    assert_eq!(bounds, LogBounds { last: 3, pruned: 2 });
    assert_eq!(kinds(&backend, tenant, 0).await, [(3, "agent.state".to_owned())]);
    assert_eq!(backend.database.prune(&retention).await.unwrap().events, 0);
}

async fn another_tenants_log_is_its_own(backend: Backend) {
    let [tenant, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    for of in [tenant, other, tenant] {
        let agent = agent(of, &domain::AgentId::generate().to_string());
        backend.agents.add(of, &agent).await.unwrap();
    }
    backend.events.number(99).await.unwrap();
    assert_eq!(kinds(&backend, tenant, 0).await.len(), 2);
    assert_eq!(kinds(&backend, other, 0).await, [(1, "agent.state".to_owned())]);
}
