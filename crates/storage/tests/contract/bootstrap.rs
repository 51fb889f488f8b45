//! Organizations and tenants.

use domain::{OrganizationId, PageRequest, Tenant};

use crate::backend::Backend;
use crate::samples::{self, conflict, refused};

crate::on_both!(
    two_first_starts_at_once_make_one_installation,
    a_tenant_comes_back_as_it_was_stored,
    a_tenant_name_is_taken_once_in_an_organization_and_nothing_is_half_written,
    a_tenant_of_an_unknown_organization_is_refused,
    siblings_are_walked_by_name,
);

async fn two_first_starts_at_once_make_one_installation(backend: Backend) {
    let replica = backend.replica().await;
    let starts = [&backend.storage, &replica].map(|storage| {
        let tenants = storage.tenants.clone();
        tokio::spawn(async move {
            let (organization, tenant) = samples::organization_and_tenant("acme");
            tenants
                .bootstrap(&organization, &tenant, &samples::key(tenant.id, "admin"))
                .await
                .unwrap()
        })
    });
    let [first, second] = starts;
    let made = [first.await.unwrap(), second.await.unwrap()];
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    assert_eq!(backend.tenants.all_ids().await.unwrap().len(), 1);
}

async fn a_tenant_comes_back_as_it_was_stored(backend: Backend) {
    let (organization, tenant) = samples::organization_and_tenant("acme");
    let admin = samples::key(tenant.id, "admin");
    assert!(
        backend
            .tenants
            .bootstrap(&organization, &tenant, &admin)
            .await
            .unwrap()
    );
    assert_eq!(backend.tenants.get(tenant.id).await.unwrap(), tenant);
    assert_eq!(backend.keys.get(tenant.id, admin.id).await.unwrap(), admin);
}

async fn a_tenant_name_is_taken_once_in_an_organization_and_nothing_is_half_written(backend: Backend) {
    let first = backend.tenant("acme").await;
    let stored = backend.tenants.get(first).await.unwrap();
    let (_, other) = samples::organization_and_tenant("acme");
    let other = Tenant {
        organization_id: stored.organization_id,
        ..other
    };
    let admin = samples::key(other.id, "admin");
    assert_eq!(conflict(backend.tenants.create(&other, &admin).await), "name");
    refused!(backend.tenants.get(other.id).await, NotFound);
    assert_eq!(backend.keys.by_prefix(&admin.prefix).await.unwrap(), None);
}

async fn a_tenant_of_an_unknown_organization_is_refused(backend: Backend) {
    backend.tenant("acme").await;
    let (_, tenant) = samples::organization_and_tenant("other");
    let tenant = Tenant {
        organization_id: OrganizationId::generate(),
        ..tenant
    };
    refused!(
        backend
            .tenants
            .create(&tenant, &samples::key(tenant.id, "admin"))
            .await,
        NotFound
    );
}

async fn siblings_are_walked_by_name(backend: Backend) {
    let mut ids = Vec::new();
    for name in ["b", "a", "B", "c"] {
        ids.push(backend.tenant(name).await);
    }
    let mut page = PageRequest::first(3);
    let mut names = Vec::new();
    loop {
        let tenants = backend.tenants.siblings(ids[0], page).await.unwrap();
        names.extend(tenants.items.into_iter().map(|tenant| tenant.name));
        let Some(next) = tenants.next else { break };
        page = PageRequest {
            limit: 3,
            after: Some(next),
        };
    }
    assert_eq!(names, ["B", "a", "b", "c"]);
}
