//! Sealed secrets, wherever they are stored.

use domain::credential::SealedCredential;
use domain::job::ImportPayload;
use domain::ports::storage::{Expired, Seal, SealPlace};
use domain::provider::{AuthScheme, CallLimits, DescriptionSource, ProviderKind, Selection};
use domain::{Effect, JobKind, ProviderId, TenantId};

use crate::backend::Backend;
use crate::samples::{at, import, job, provider};

crate::on_both!(
    every_place_is_found_by_its_key_and_put_under_another_one,
    they_are_read_page_by_page_and_each_once,
    what_was_changed_meanwhile_is_left_alone,
    a_tenant_sees_its_own_seals_only,
);

fn sealed(kek_id: &str, secret: u8) -> SealedCredential {
    SealedCredential {
        kek_id: kek_id.into(),
        sealed_key: vec![1, secret],
        sealed_secret: vec![2, secret],
    }
}

/// A credential, an import with one and one without, an answer, and an answer that is not given yet; all under `old`.
async fn stored(backend: &Backend, tenant: TenantId) {
    let provider = provider(tenant, "github");
    backend
        .providers
        .import(
            tenant,
            &import(&provider, &["github_get"]),
            Some(&sealed("old", 1)),
        )
        .await
        .unwrap();
    for credential in [Some(sealed("old", 2)), None] {
        let payload = ImportPayload {
            provider_id: ProviderId::generate(),
            name: "gitlab".into(),
            kind: ProviderKind::Openapi,
            // Not the key's id, but text that looks like it, and a character that `jsonb` refuses.
            source: DescriptionSource::Inline {
                text: "{\"kek_id\":\"other\"} \u{0}".into(),
            },
            base_url: None,
            auth: AuthScheme::None,
            selection: Selection::default(),
            allowed_hosts: Vec::new(),
            limits: CallLimits::default(),
            credential,
        };
        let mut job = job(tenant, Effect::Idempotent);
        job.kind = JobKind::ProviderImport;
        job.payload = serde_json::to_value(payload).unwrap();
        backend.jobs.enqueue(tenant, &job).await.unwrap();
    }
    for key in ["answered", "running"] {
        let answers = &backend.idempotency;
        answers
            .begin(tenant, key, "print", at(10), Expired::before(at(0)))
            .await
            .unwrap();
        if key == "answered" {
            let body = serde_json::to_vec(&sealed("old", 3)).unwrap();
            answers.finish(tenant, key, 201, &body).await.unwrap();
        }
    }
}

async fn every_place_is_found_by_its_key_and_put_under_another_one(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    stored(&backend, tenant).await;
    let seals = &backend.seals;
    assert_eq!(seals.count(tenant).await.unwrap(), [("old".to_owned(), 3)]);
    let found = seals.under(tenant, "old", None, 10).await.unwrap();
    assert_eq!(found.len(), 3);
    assert!(seals.under(tenant, "other", None, 10).await.unwrap().is_empty());
    for (number, seal) in found.iter().enumerate() {
        let new = sealed("new", 10 + number as u8);
        assert!(seals.replace(tenant, seal, &new).await.unwrap());
    }
    assert_eq!(seals.count(tenant).await.unwrap(), [("new".to_owned(), 3)]);
    let mut moved = seals.under(tenant, "new", None, 10).await.unwrap();
    moved.sort_by_key(|seal| seal.sealed.sealed_key[1]);
    let places = |seals: &[Seal]| -> Vec<_> {
        seals
            .iter()
            .map(|seal| (seal.place.clone(), seal.provider))
            .collect()
    };
    assert_eq!(
        places(&moved),
        places(&found),
        "each in its place, for its own provider"
    );
    let SealPlace::Import(job) = &found[1].place else {
        panic!("{found:?}")
    };
    let payload = backend.jobs.get(tenant, *job).await.unwrap().payload;
    assert_eq!(
        payload["source"]["text"], "{\"kek_id\":\"other\"} \u{0}",
        "nothing else changes"
    );
}

async fn they_are_read_page_by_page_and_each_once(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    stored(&backend, tenant).await;
    for name in ["gitlab", "jira"] {
        let provider = provider(tenant, name);
        let import = import(&provider, &[&format!("{name}_get")]);
        let sealed = sealed("old", 4);
        backend
            .providers
            .import(tenant, &import, Some(&sealed))
            .await
            .unwrap();
    }
    let all = backend.seals.under(tenant, "old", None, 10).await.unwrap();
    assert_eq!(all.len(), 5, "{all:?}");
    for size in 1..=5 {
        let mut read: Vec<Seal> = Vec::new();
        loop {
            let page = backend.seals.under(tenant, "old", read.last(), size);
            let page = page.await.unwrap();
            assert!(page.len() <= size as usize, "{page:?}");
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, all, "in pages of {size}");
    }
}

async fn what_was_changed_meanwhile_is_left_alone(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    stored(&backend, tenant).await;
    for seal in backend.seals.under(tenant, "old", None, 10).await.unwrap() {
        let stale = Seal {
            sealed: sealed("old", 99),
            ..seal
        };
        let new = sealed("new", 1);
        assert!(
            !backend.seals.replace(tenant, &stale, &new).await.unwrap(),
            "{stale:?}"
        );
    }
    assert_eq!(
        backend.seals.count(tenant).await.unwrap(),
        [("old".to_owned(), 3)]
    );
}

async fn a_tenant_sees_its_own_seals_only(backend: Backend) {
    let (tenant, other) = (backend.tenant("acme").await, backend.tenant("other").await);
    stored(&backend, tenant).await;
    assert!(backend.seals.count(other).await.unwrap().is_empty());
    assert!(
        backend
            .seals
            .under(other, "old", None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    for seal in backend.seals.under(tenant, "old", None, 10).await.unwrap() {
        assert!(
            !backend
                .seals
                .replace(other, &seal, &sealed("new", 1))
                .await
                .unwrap()
        );
    }
    assert_eq!(
        backend.seals.count(tenant).await.unwrap(),
        [("old".to_owned(), 3)]
    );
}
