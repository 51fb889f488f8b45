//! Users, and the keys that their tokens stand for.

use domain::{PageRequest, StoreError};

use crate::backend::Backend;
use crate::samples::{at, conflict, key, refused, user};

crate::on_both!(
    a_name_is_one_users_in_the_whole_installation,
    a_users_key_is_in_no_list_and_nobody_changes_it_as_a_key,
    a_user_who_is_renewed_has_another_key_and_the_old_one_is_refused,
    another_tenants_users_are_not_there,
);

async fn a_name_is_one_users_in_the_whole_installation(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let (ann, her_key) = user(acme, "ann");
    backend.users.create(acme, &ann, &her_key).await.unwrap();
    assert_eq!(backend.users.by_name("ann").await.unwrap(), Some(ann));
    assert_eq!(backend.users.by_name("bob").await.unwrap(), None);
    let (second, second_key) = user(other, "ann");
    assert_eq!(
        conflict(backend.users.create(other, &second, &second_key).await),
        "name"
    );
    // Neither user nor key is half there.
    refused!(backend.keys.get(other, second_key.id).await, NotFound);
    // A key of the tenant speaks under its name as users do under theirs.
    backend.keys.create(acme, &key(acme, "ci")).await.unwrap();
    let (ci, ci_key) = user(acme, "ci");
    assert_eq!(conflict(backend.users.create(acme, &ci, &ci_key).await), "name");
    assert_eq!(backend.users.by_name("ci").await.unwrap(), None);
}

async fn a_users_key_is_in_no_list_and_nobody_changes_it_as_a_key(backend: Backend) {
    let acme = backend.tenant("acme").await;
    let before = backend
        .keys
        .list(acme, PageRequest::first(9))
        .await
        .unwrap()
        .items;
    let active = backend.keys.count_active(at(1)).await.unwrap();
    let (ann, her_key) = user(acme, "ann");
    backend.users.create(acme, &ann, &her_key).await.unwrap();
    assert_eq!(
        backend
            .keys
            .list(acme, PageRequest::first(9))
            .await
            .unwrap()
            .items,
        before
    );
    assert_eq!(backend.keys.count_active(at(1)).await.unwrap(), active);
    refused!(backend.keys.revoke(acme, her_key.id, at(1)).await, NotFound);
    refused!(
        backend.keys.pin(acme, her_key.id, &["t".to_owned()]).await,
        NotFound
    );
    let next = key(acme, "mine");
    refused!(
        backend.keys.rotate(acme, her_key.id, at(1), &next).await,
        NotFound
    );
    assert_eq!(backend.keys.get(acme, her_key.id).await.unwrap(), her_key);
}

async fn a_user_who_is_renewed_has_another_key_and_the_old_one_is_refused(backend: Backend) {
    let acme = backend.tenant("acme").await;
    let (mut ann, old) = user(acme, "ann");
    backend.users.create(acme, &ann, &old).await.unwrap();
    let before = backend.changes.head().await.unwrap();
    let new = key(acme, "ann");
    (ann.key_id, ann.password_at) = (new.id, at(5));
    backend.users.renew(acme, &ann, Some(&new), at(5)).await.unwrap();
    assert_eq!(backend.users.get(acme, "ann").await.unwrap(), ann);
    assert_eq!(
        backend.keys.get(acme, old.id).await.unwrap().revoked_at,
        Some(at(5))
    );
    assert_eq!(backend.keys.get(acme, new.id).await.unwrap(), new);
    let changes = backend.changes.since(before, 9).await.unwrap().unwrap();
    let mut told: Vec<_> = changes.iter().map(|change| change.id).collect();
    told.sort();
    let mut expected = vec![old.id.0, new.id.0];
    expected.sort();
    assert_eq!(told, expected, "watchers are told of both");
    ann.disabled_at = Some(at(7));
    backend.users.renew(acme, &ann, None, at(7)).await.unwrap();
    assert_eq!(
        backend.keys.get(acme, new.id).await.unwrap().revoked_at,
        Some(at(7))
    );
    assert_eq!(backend.users.get(acme, "ann").await.unwrap(), ann);
}

async fn another_tenants_users_are_not_there(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let (ann, her_key) = user(acme, "ann");
    backend.users.create(acme, &ann, &her_key).await.unwrap();
    refused!(backend.users.get(other, "ann").await, NotFound);
    assert_eq!(
        backend
            .users
            .list(other, PageRequest::first(9))
            .await
            .unwrap()
            .items,
        []
    );
    let mut stolen = ann.clone();
    stolen.disabled_at = Some(at(1));
    refused!(backend.users.renew(other, &stolen, None, at(1)).await, NotFound);
    let planted: Result<(), StoreError> = backend.users.create(other, &user(acme, "bob").0, &her_key).await;
    refused!(planted, NotFound);
    assert_eq!(
        backend
            .users
            .list(acme, PageRequest::first(9))
            .await
            .unwrap()
            .items,
        [ann]
    );
    assert_eq!(backend.keys.get(acme, her_key.id).await.unwrap().revoked_at, None);
}
