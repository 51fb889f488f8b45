//! Tenants are strangers: another tenant's row is answered like one that is not there, and is never changed.

use chrono::Duration;
use domain::job::{AttemptEnd, JobError, Resolution};
use domain::ports::storage::{AuditFilter, Claim, Enqueued, JobFilter};
use domain::provider::Health;
use domain::{Effect, PageRequest, TenantId};
use serde_json::json;

use crate::backend::Backend;
use crate::jobs::ended;
use crate::samples::{at, credential, import, job, key, provider, record, refused};

crate::on_both!(
    another_tenants_keys_are_not_there,
    another_tenants_providers_and_tools_are_not_there,
    another_tenants_jobs_are_not_there,
    lists_hold_the_tenants_own_rows_only,
    nothing_is_stored_under_another_tenants_name,
    a_tenant_that_does_not_exist_has_nothing_and_gets_nothing,
);

async fn another_tenants_keys_are_not_there(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let key_of_acme = key(acme, "ci");
    backend.keys.create(acme, &key_of_acme).await.unwrap();
    refused!(backend.keys.get(other, key_of_acme.id).await, NotFound);
    refused!(backend.keys.revoke(other, key_of_acme.id, at(1)).await, NotFound);
    refused!(
        backend
            .keys
            .rotate(other, key_of_acme.id, at(1), &key(other, "ci"))
            .await,
        NotFound
    );
    backend
        .keys
        .touch(other, &[(key_of_acme.id, at(9))])
        .await
        .unwrap();
    assert_eq!(backend.keys.get(acme, key_of_acme.id).await.unwrap(), key_of_acme);
}

async fn another_tenants_providers_and_tools_are_not_there(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let pets = provider(acme, "pets");
    backend
        .providers
        .import(acme, &import(&pets, &["t"]), Some(&credential(1)))
        .await
        .unwrap();
    let head = backend.changes.head().await.unwrap();
    let mut stolen = pets.clone();
    stolen.tenant_id = other;
    refused!(backend.providers.get(other, pets.id).await, NotFound);
    refused!(backend.providers.by_name(other, "pets").await, NotFound);
    refused!(backend.providers.description(other, pets.id).await, NotFound);
    refused!(backend.providers.credential(other, pets.id).await, NotFound);
    refused!(backend.providers.update(other, &stolen, 1).await, NotFound);
    refused!(
        backend
            .providers
            .import(other, &import(&stolen, &["x"]), Some(&credential(2)))
            .await,
        NotFound
    );
    refused!(
        backend
            .providers
            .record_health(other, pets.id, Health::Unhealthy)
            .await,
        NotFound
    );
    refused!(backend.providers.remove(other, pets.id, None).await, NotFound);
    refused!(backend.providers.tool(other, "t").await, NotFound);
    let tools = backend
        .providers
        .tools(other, Some(pets.id), PageRequest::first(9))
        .await
        .unwrap();
    assert_eq!(tools.items, []);
    assert_eq!(backend.providers.get(acme, pets.id).await.unwrap(), pets);
    assert_eq!(
        backend.providers.credential(acme, pets.id).await.unwrap(),
        Some(credential(1))
    );
    assert_eq!(backend.changes.head().await.unwrap(), head);
    // The same names are free for the other tenant.
    let own = provider(other, "pets");
    backend
        .providers
        .import(other, &import(&own, &["t"]), None)
        .await
        .unwrap();
    assert_eq!(
        backend.providers.tool(acme, "t").await.unwrap().provider_id,
        pets.id
    );
}

async fn another_tenants_jobs_are_not_there(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let pending = job(acme, Effect::Write);
    backend.jobs.enqueue(acme, &pending).await.unwrap();
    let claim = backend
        .jobs
        .claim(other, pending.id, 1, "w", at(1), at(9))
        .await
        .unwrap();
    assert_eq!(claim, Claim::Superseded);
    refused!(backend.jobs.get(other, pending.id).await, NotFound);
    refused!(backend.jobs.cancel(other, pending.id, at(1)).await, NotFound);
    assert_eq!(backend.jobs.get(acme, pending.id).await.unwrap(), pending);

    backend
        .jobs
        .claim(acme, pending.id, 1, "w", at(1), at(9))
        .await
        .unwrap();
    let running = backend.jobs.get(acme, pending.id).await.unwrap();
    let end = AttemptEnd::Done(json!(1));
    refused!(
        backend.jobs.renew(other, pending.id, 1, "w", at(99)).await,
        NotFound
    );
    refused!(
        backend.jobs.begin_effect(other, pending.id, 1, "w").await,
        NotFound
    );
    refused!(
        backend.jobs.release(other, pending.id, 1, "w", at(2)).await,
        NotFound
    );
    refused!(
        backend
            .jobs
            .end_attempt(other, pending.id, 1, "w", end, at(2))
            .await,
        NotFound
    );
    assert_eq!(backend.jobs.get(acme, pending.id).await.unwrap(), running);

    let error = JobError::new("timeout", "");
    let failed = ended(
        &backend,
        acme,
        job(acme, Effect::Write),
        AttemptEnd::Failed(error.clone()),
    )
    .await;
    refused!(backend.jobs.retry(other, failed.id, at(9)).await, NotFound);
    let doubt = ended(
        &backend,
        acme,
        job(acme, Effect::Write),
        AttemptEnd::InDoubt(error),
    )
    .await;
    refused!(
        backend
            .jobs
            .resolve(other, doubt.id, Resolution::Done, "eve", at(9))
            .await,
        NotFound
    );
    assert_eq!(backend.jobs.get(acme, doubt.id).await.unwrap(), doubt);
}

async fn lists_hold_the_tenants_own_rows_only(backend: Backend) {
    let tenants = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    for tenant in tenants {
        backend.keys.create(tenant, &key(tenant, "ci")).await.unwrap();
        backend
            .providers
            .import(tenant, &import(&provider(tenant, "pets"), &["t"]), None)
            .await
            .unwrap();
        backend
            .jobs
            .enqueue(tenant, &job(tenant, Effect::Read))
            .await
            .unwrap();
        backend.audit.append(&[record(tenant, "t")]).await.unwrap();
    }
    let page = || PageRequest::first(200);
    for tenant in tenants {
        let keys = backend.keys.list(tenant, page()).await.unwrap().items;
        assert!(keys.len() == 2 && keys.iter().all(|key| key.tenant_id == tenant));
        let providers = backend.providers.list(tenant, page()).await.unwrap().items;
        assert!(providers.len() == 1 && providers[0].tenant_id == tenant);
        let tools = backend.providers.tools(tenant, None, page()).await.unwrap().items;
        assert!(tools.len() == 1 && tools[0].tenant_id == tenant);
        let jobs = backend
            .jobs
            .list(tenant, JobFilter::default(), page())
            .await
            .unwrap()
            .items;
        assert!(jobs.len() == 1 && jobs[0].tenant_id == tenant);
        let records = backend
            .audit
            .list(tenant, &AuditFilter::default(), page())
            .await
            .unwrap()
            .items;
        assert!(records.len() == 1 && records[0].tenant_id == tenant);
    }
    assert_eq!(
        backend
            .jobs
            .outbox_due(at(1), Duration::seconds(1), 99)
            .await
            .unwrap()
            .len(),
        2,
        "the relay's are all"
    );
}

async fn nothing_is_stored_under_another_tenants_name(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    refused!(backend.keys.create(other, &key(acme, "ci")).await, NotFound);
    refused!(
        backend
            .providers
            .import(other, &import(&provider(acme, "p"), &[]), None)
            .await,
        NotFound
    );
    refused!(
        backend.jobs.enqueue(other, &job(acme, Effect::Read)).await,
        NotFound
    );
    let taken = job(acme, Effect::Read);
    assert_eq!(backend.jobs.enqueue(acme, &taken).await.unwrap(), Enqueued::New);
    let same_id = domain::Job {
        tenant_id: other,
        ..taken
    };
    refused!(backend.jobs.enqueue(other, &same_id).await, NotFound);
}

async fn a_tenant_that_does_not_exist_has_nothing_and_gets_nothing(backend: Backend) {
    backend.tenant("acme").await;
    let nobody = TenantId::generate();
    refused!(backend.tenants.get(nobody).await, NotFound);
    refused!(
        backend.tenants.siblings(nobody, PageRequest::first(1)).await,
        NotFound
    );
    refused!(backend.keys.create(nobody, &key(nobody, "ci")).await, NotFound);
    refused!(
        backend
            .providers
            .import(nobody, &import(&provider(nobody, "p"), &[]), None)
            .await,
        NotFound
    );
    refused!(
        backend.jobs.enqueue(nobody, &job(nobody, Effect::Read)).await,
        NotFound
    );
    assert_eq!(
        backend
            .keys
            .list(nobody, PageRequest::first(9))
            .await
            .unwrap()
            .items,
        []
    );
}
