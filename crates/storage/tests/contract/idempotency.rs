//! Answers kept for `Idempotency-Key`.

use domain::TenantId;
use domain::ports::storage::{Expired, StoredAnswer};

use crate::backend::Backend;
use crate::samples::{at, refused};

crate::on_both!(
    the_first_call_takes_the_key_and_the_second_gets_its_answer,
    a_key_is_free_again_when_it_was_given_back_or_is_old,
    a_call_that_was_cut_off_gives_its_key_back_and_an_answer_does_not,
    of_many_calls_at_once_one_takes_the_key,
    a_key_belongs_to_its_tenant,
);

async fn the_first_call_takes_the_key_and_the_second_gets_its_answer(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let begin = || {
        backend
            .idempotency
            .begin(tenant, "k", "print", at(10), Expired::before(at(0)))
    };
    assert_eq!(begin().await.unwrap(), None);
    let running = StoredAnswer {
        fingerprint: "print".into(),
        status: None,
        body: vec![],
    };
    assert_eq!(begin().await.unwrap(), Some(running));
    backend
        .idempotency
        .finish(tenant, "k", 201, b"made")
        .await
        .unwrap();
    let finished = StoredAnswer {
        fingerprint: "print".into(),
        status: Some(201),
        body: b"made".to_vec(),
    };
    assert_eq!(begin().await.unwrap(), Some(finished.clone()));
    backend.idempotency.abandon(tenant, "k").await.unwrap();
    assert_eq!(
        begin().await.unwrap(),
        Some(finished),
        "what is answered cannot be given back"
    );
}

async fn a_key_is_free_again_when_it_was_given_back_or_is_old(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    assert_eq!(
        backend
            .idempotency
            .begin(tenant, "k", "a", at(10), Expired::before(at(0)))
            .await
            .unwrap(),
        None
    );
    backend.idempotency.abandon(tenant, "k").await.unwrap();
    assert_eq!(
        backend
            .idempotency
            .begin(tenant, "k", "b", at(20), Expired::before(at(0)))
            .await
            .unwrap(),
        None
    );
    let stored = backend
        .idempotency
        .begin(tenant, "k", "c", at(30), Expired::before(at(20)))
        .await
        .unwrap();
    assert_eq!(stored.unwrap().fingerprint, "b", "not older than");
    assert_eq!(
        backend
            .idempotency
            .begin(tenant, "k", "c", at(30), Expired::before(at(21)))
            .await
            .unwrap(),
        None
    );
    refused!(
        backend.idempotency.finish(tenant, "other", 200, b"").await,
        NotFound
    );
}

async fn a_call_that_was_cut_off_gives_its_key_back_and_an_answer_does_not(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let expired = Expired {
        answers: at(0),
        calls: at(20),
    };
    let begin = |key, now| backend.idempotency.begin(tenant, key, "a", at(now), expired);
    for key in ["answered", "cut off"] {
        assert_eq!(begin(key, 10).await.unwrap(), None);
    }
    backend
        .idempotency
        .finish(tenant, "answered", 201, b"")
        .await
        .unwrap();
    assert_eq!(begin("answered", 30).await.unwrap().unwrap().status, Some(201));
    assert_eq!(begin("cut off", 30).await.unwrap(), None);
    assert_eq!(
        begin("cut off", 40).await.unwrap().unwrap().status,
        None,
        "it runs again"
    );
}

async fn of_many_calls_at_once_one_takes_the_key(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let calls = (0..16).map(|_| {
        let idempotency = backend.idempotency.clone();
        tokio::spawn(async move {
            idempotency
                .begin(tenant, "k", "print", at(10), Expired::before(at(0)))
                .await
                .unwrap()
        })
    });
    let answers = futures::future::join_all(calls).await;
    let taken = answers
        .into_iter()
        .filter(|answer| answer.as_ref().unwrap().is_none())
        .count();
    assert_eq!(taken, 1);
}

async fn a_key_belongs_to_its_tenant(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    assert_eq!(
        backend
            .idempotency
            .begin(acme, "k", "print", at(10), Expired::before(at(0)))
            .await
            .unwrap(),
        None
    );
    refused!(backend.idempotency.finish(other, "k", 200, b"").await, NotFound);
    backend.idempotency.abandon(other, "k").await.unwrap();
    assert_eq!(
        backend
            .idempotency
            .begin(other, "k", "print", at(10), Expired::before(at(0)))
            .await
            .unwrap(),
        None
    );
    backend
        .idempotency
        .finish(acme, "k", 200, b"acme's")
        .await
        .unwrap();
    let unknown = TenantId::generate();
    refused!(
        backend
            .idempotency
            .begin(unknown, "k", "print", at(10), Expired::before(at(0)))
            .await,
        NotFound
    );
}
