//! Assignments.

use domain::{PageRequest, TaskId};

use crate::backend::Backend;
use crate::samples::{assignment, at, refused};

crate::on_both!(
    an_assignment_and_the_job_that_tells_of_it_are_stored_together,
    what_happens_to_an_assignment_counts_once,
    another_tenants_assignments_are_not_there,
);

async fn an_assignment_and_the_job_that_tells_of_it_are_stored_together(backend: Backend) {
    let acme = backend.tenant("acme").await;
    let (given, job) = assignment(acme, "call the bank");
    backend.assignments.create(acme, &given, &job).await.unwrap();
    assert_eq!(backend.assignments.get(acme, given.id).await.unwrap(), given);
    assert_eq!(backend.jobs.get(acme, job.id).await.unwrap(), job);
    let all = PageRequest::first(9);
    let of = async |name| {
        backend
            .assignments
            .list(acme, name, all.clone())
            .await
            .unwrap()
            .items
    };
    assert_eq!(of(None).await, std::slice::from_ref(&given));
    assert_eq!(of(Some("ann")).await, std::slice::from_ref(&given));
    assert_eq!(of(Some("bob")).await, []);
    // Of two with one id neither job is left over.
    let (_, second) = assignment(acme, "again");
    assert!(backend.assignments.create(acme, &given, &second).await.is_err());
    refused!(backend.jobs.get(acme, second.id).await, NotFound);
}

async fn what_happens_to_an_assignment_counts_once(backend: Backend) {
    let acme = backend.tenant("acme").await;
    let (given, job) = assignment(acme, "call the bank");
    backend.assignments.create(acme, &given, &job).await.unwrap();
    let task = TaskId::generate();
    backend
        .assignments
        .told(acme, given.id, Some(task), at(1))
        .await
        .unwrap();
    let told = backend
        .assignments
        .told(acme, given.id, Some(TaskId::generate()), at(2))
        .await
        .unwrap();
    assert_eq!((told.notified_at, told.task_id), (Some(at(1)), Some(task)));
    backend.assignments.done(acme, given.id, at(3)).await.unwrap();
    assert_eq!(
        backend
            .assignments
            .done(acme, given.id, at(4))
            .await
            .unwrap()
            .done_at,
        Some(at(3))
    );
    assert_eq!(
        backend.assignments.remove(acme, given.id).await.unwrap().id,
        given.id
    );
    refused!(backend.assignments.remove(acme, given.id).await, NotFound);
    refused!(
        backend.assignments.told(acme, given.id, None, at(5)).await,
        NotFound
    );
}

async fn another_tenants_assignments_are_not_there(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let (given, job) = assignment(acme, "call the bank");
    backend.assignments.create(acme, &given, &job).await.unwrap();
    refused!(backend.assignments.get(other, given.id).await, NotFound);
    refused!(
        backend.assignments.told(other, given.id, None, at(1)).await,
        NotFound
    );
    refused!(backend.assignments.done(other, given.id, at(1)).await, NotFound);
    refused!(backend.assignments.remove(other, given.id).await, NotFound);
    refused!(backend.assignments.create(other, &given, &job).await, NotFound);
    assert_eq!(
        backend
            .assignments
            .list(other, None, PageRequest::first(9))
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(backend.assignments.get(acme, given.id).await.unwrap(), given);
}
