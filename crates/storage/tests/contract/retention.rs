//! Retention: what goes, and what stays.

use domain::agent::StateReason;
use domain::job::{AttemptEnd, JobError};
use domain::message::Delivery;
use domain::ports::storage::{AuditFilter, Expired, Pruned, Retention, TaskChange};
use domain::{AgentId, AssignmentId, Effect, PageRequest, TaskId, TenantId};
use serde_json::json;

use crate::backend::Backend;
use crate::jobs::ended;
use crate::samples::{
    agent, alert, assignment, at, import, job, key, message, provider, record, refused, task,
};

crate::on_both!(
    a_watcher_that_was_away_too_long_is_told_to_start_afresh,
    young_changes_stay_however_many_there_are,
    old_records_answers_and_finished_jobs_go,
    assignments_that_are_done_go_and_those_that_are_to_be_done_stay,
    more_than_one_batch_goes_at_once,
);

pub const NOTHING: Retention = Retention {
    changes_kept: u64::MAX >> 1,
    changes_before: chrono::DateTime::UNIX_EPOCH,
    jobs_before: chrono::DateTime::UNIX_EPOCH,
    tasks_before: chrono::DateTime::UNIX_EPOCH,
    events_before: chrono::DateTime::UNIX_EPOCH,
    audit_before: chrono::DateTime::UNIX_EPOCH,
    answers_before: chrono::DateTime::UNIX_EPOCH,
};

/// Later than any clock of a test machine.
fn far_future() -> chrono::DateTime<chrono::Utc> {
    at(3_000_000_000)
}

async fn a_watcher_that_was_away_too_long_is_told_to_start_afresh(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for number in 0..10 {
        backend
            .keys
            .create(tenant, &key(tenant, &number.to_string()))
            .await
            .unwrap();
    }
    let head = backend.changes.head().await.unwrap();
    let retention = Retention {
        changes_kept: 4,
        changes_before: far_future(),
        ..NOTHING
    };
    let pruned = backend.database.prune(&retention).await.unwrap();
    assert_eq!(
        pruned,
        Pruned {
            changes: head as u64 - 4,
            ..Pruned::default()
        }
    );
    assert_eq!(backend.changes.since(head - 5, 99).await.unwrap(), None);
    assert_eq!(
        backend.changes.since(head - 4, 99).await.unwrap().unwrap().len(),
        4
    );
    assert_eq!(backend.changes.head().await.unwrap(), head);
    let retention = Retention {
        changes_kept: 0,
        ..retention
    };
    assert_eq!(backend.database.prune(&retention).await.unwrap().changes, 4);
    assert_eq!(backend.changes.since(head, 99).await.unwrap(), Some(vec![]));
    assert_eq!(backend.changes.since(head - 1, 99).await.unwrap(), None);
    assert_eq!(
        backend.database.prune(&retention).await.unwrap(),
        Pruned::default()
    );
}

async fn young_changes_stay_however_many_there_are(backend: Backend) {
    backend.tenant("acme").await;
    let retention = Retention {
        changes_kept: 0,
        ..NOTHING
    };
    assert_eq!(
        backend.database.prune(&retention).await.unwrap(),
        Pruned::default()
    );
    assert_eq!(backend.changes.since(0, 99).await.unwrap().unwrap().len(), 2);
}

/// A task that is finished and one that is open; and an agent that is gone and one that is here.
async fn finished_and_open(backend: &Backend, tenant: TenantId) -> (TaskId, TaskId) {
    let mut gone = agent(tenant, "gone");
    gone.leave(StateReason::Left, at(1));
    for agent in [&gone, &agent(tenant, "here")] {
        backend.agents.add(tenant, agent).await.unwrap();
    }
    let open = task(tenant, "build");
    let mut finished = task(tenant, "build");
    let events = finished.cancel("me", None, at(1)).unwrap();
    for (task, events) in [(&finished, events), (&open, Vec::new())] {
        let change = TaskChange {
            task: task.clone(),
            events,
            decision: None,
            assigns: false,
        };
        backend.tasks.create(tenant, &change).await.unwrap();
    }
    (finished.id, open.id)
}

async fn old_records_answers_and_finished_jobs_go(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    backend.audit.append(&[record(tenant, "t")]).await.unwrap();
    let (mut over, firing) = (alert(tenant, "over"), alert(tenant, "firing"));
    over.ended_at = Some(at(1));
    backend.alerts.receive(tenant, &[over, firing]).await.unwrap();
    backend
        .idempotency
        .begin(tenant, "k", "print", at(0), Expired::before(at(0)))
        .await
        .unwrap();
    let waiting = job(tenant, Effect::Read);
    backend.jobs.enqueue(tenant, &waiting).await.unwrap();
    let done = ended(
        &backend,
        tenant,
        job(tenant, Effect::Read),
        AttemptEnd::Done(json!(1)),
    )
    .await;
    let end = AttemptEnd::InDoubt(JobError::new("cut_off", "reset"));
    let doubt = ended(&backend, tenant, job(tenant, Effect::Write), end).await;
    let (finished, open) = finished_and_open(&backend, tenant).await;
    assert_eq!(backend.database.prune(&NOTHING).await.unwrap(), Pruned::default());
    let retention = Retention {
        jobs_before: at(99),
        tasks_before: at(99),
        audit_before: at(99),
        answers_before: at(99),
        ..NOTHING
    };
    let pruned = backend.database.prune(&retention).await.unwrap();
    assert_eq!(
        pruned,
        Pruned {
            changes: 0,
            jobs: 1,
            audit_records: 1,
            alerts: 1,
            tasks: 1,
            agents: 1,
            answers: 1,
            ..Pruned::default()
        }
    );
    refused!(backend.tasks.get(tenant, finished).await, NotFound);
    assert_eq!(backend.tasks.history(tenant, finished).await.unwrap(), []);
    backend.tasks.get(tenant, open).await.unwrap();
    refused!(backend.jobs.get(tenant, done.id).await, NotFound);
    backend.jobs.get(tenant, waiting.id).await.unwrap();
    backend.jobs.get(tenant, doubt.id).await.unwrap();
    let records = backend
        .audit
        .list(tenant, &AuditFilter::default(), PageRequest::first(9))
        .await
        .unwrap();
    assert_eq!(records.items, []);
}

/// An assignment that was told its assignee, as this task where it is an agent.
async fn assigned(backend: &Backend, tenant: TenantId, task: Option<TaskId>) -> AssignmentId {
    let (given, job) = assignment(tenant, "call the bank");
    backend.assignments.create(tenant, &given, &job).await.unwrap();
    backend
        .assignments
        .told(tenant, given.id, task, at(1))
        .await
        .unwrap();
    given.id
}

async fn assignments_that_are_done_go_and_those_that_are_to_be_done_stay(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let (finished, open) = finished_and_open(&backend, tenant).await;
    let done = assigned(&backend, tenant, None).await;
    backend.assignments.done(tenant, done, at(2)).await.unwrap();
    let done_lately = assigned(&backend, tenant, None).await;
    backend
        .assignments
        .done(tenant, done_lately, at(99))
        .await
        .unwrap();
    let of_a_user = assigned(&backend, tenant, None).await;
    let of_a_finished_task = assigned(&backend, tenant, Some(finished)).await;
    let of_an_open_task = assigned(&backend, tenant, Some(open)).await;
    let retention = Retention {
        tasks_before: at(50),
        ..NOTHING
    };
    let pruned = backend.database.prune(&retention).await.unwrap();
    assert_eq!((pruned.tasks, pruned.assignments), (1, 2));
    for gone in [done, of_a_finished_task] {
        refused!(backend.assignments.get(tenant, gone).await, NotFound);
    }
    for kept in [done_lately, of_a_user, of_an_open_task] {
        backend.assignments.get(tenant, kept).await.unwrap();
    }
}

async fn more_than_one_batch_goes_at_once(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let records: Vec<_> = (0..2_001).map(|_| record(tenant, "t")).collect();
    backend.audit.append(&records).await.unwrap();
    let (message, to) = message(tenant, &[&agent(tenant, "one of many")]);
    let many = (0..2_001).map(|_| Delivery {
        agent_id: AgentId::generate(),
        ..to[0].clone()
    });
    let many: Vec<_> = many.collect();
    backend.messages.send(tenant, &message, &many, 9).await.unwrap();
    while backend.events.number(999).await.unwrap() > 0 {}
    let names: Vec<_> = (0..1_001).map(|number| number.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let tools = import(&provider(tenant, "pets"), &names);
    backend.providers.import(tenant, &tools, None).await.unwrap();
    let head = backend.changes.head().await.unwrap();
    assert!(head > 1_001, "{head}");
    let retention = Retention {
        audit_before: at(99),
        changes_kept: 0,
        changes_before: far_future(),
        events_before: at(1),
        ..NOTHING
    };
    let pruned = backend.database.prune(&retention).await.unwrap();
    let expected = Pruned {
        audit_records: 2_001,
        changes: head as u64,
        events: 2_001,
        ..Pruned::default()
    };
    assert_eq!(pruned, expected);
    let bounds = backend.events.bounds(tenant).await.unwrap();
    assert_eq!((bounds.last, bounds.pruned), (2_001, 2_001));
    assert_eq!(backend.events.after(tenant, 0, 9).await.unwrap(), []);
    assert_eq!(backend.changes.since(head - 1, 9).await.unwrap(), None);
    assert_eq!(backend.changes.since(head, 9).await.unwrap(), Some(vec![]));
}
