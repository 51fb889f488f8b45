//! Keys of the installation that are rotated while it runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use control::seals::Seals;
use control::{SystemEntropy, Vault};
use proto::v1::GetCredentialRequest;
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use rest_api::Config;
use runtime::config::{Duration as Setting, Secret};
use serde_json::json;
use test_support::eventually;
use tonic::{Code, Request};

use crate::app::App;

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "ghp_hunter2";

/// Keeps the key-encryption keys in a file.
fn in_a_file(config: &mut Config) {
    let path = sealing_keys(&config.data_dir);
    std::fs::create_dir_all(&config.data_dir).unwrap();
    std::fs::write(&path, line("old", 'a')).unwrap();
    config.credentials.keys.clear();
    config.credentials.file = Some(path);
    config.credentials.rewrap_interval = Setting::from_secs(1);
}

fn sealing_keys(data: &Path) -> PathBuf {
    data.join("sealing.keys")
}

fn line(name: &str, digit: char) -> String {
    format!("{name} {}\n", digit.to_string().repeat(64))
}

#[tokio::test]
async fn a_sealing_key_is_rotated_without_a_restart_on_sqlite() {
    rotate_the_sealing_key(&App::with(in_a_file).await).await;
}

#[tokio::test]
async fn a_sealing_key_is_rotated_without_a_restart_on_postgres() {
    rotate_the_sealing_key(&App::on_postgres_with(in_a_file).await).await;
}

async fn rotate_the_sealing_key(app: &App) {
    let caller = app.control.authenticate(&app.admin).await.unwrap().unwrap();
    let import = crate::providers::import(caller.tenant_id, "github");
    let provider = import.provider.id;
    let sealed = app
        .control
        .vault
        .seal(caller.tenant_id, provider, SECRET.as_bytes())
        .unwrap();
    let providers = &app.control.storage.providers;
    providers
        .import(caller.tenant_id, &import, Some(&sealed))
        .await
        .unwrap();
    // An import that waits for its worker, and an answer that shows a key's text.
    let waiting = json!({ "name": "gitlab", "source": { "type": "inline", "text": "{}" }, "auth": { "type": "bearer" }, "secret": SECRET });
    app.post(&app.admin, "/api/v1/providers", waiting)
        .await
        .expect(202);
    let create = || async {
        let request = app.request("POST", "/api/v1/keys").bearer_auth(&app.admin);
        let request = request
            .header("idempotency-key", "once")
            .json(&json!({ "name": "ci", "kind": "agent" }));
        App::send(request).await.expect(201)
    };
    let created = create().await;

    let file = sealing_keys(app.data());
    std::fs::write(&file, [line("new", 'b'), line("old", 'a')].concat()).unwrap();
    let moved = eventually(PATIENCE, || async {
        works(app, provider).await;
        assert_eq!(create().await, created, "the kept answer opens all the while");
        let seals = app.control.seals().await.unwrap();
        if seals.first == "new" && seals.under_old == 0 {
            Ok(seals)
        } else {
            Err(format!("{seals:?}"))
        }
    });
    let Seals { by_key, .. } = moved.await.unwrap();
    assert_eq!((by_key["new"], by_key["old"]), (3, 0));

    std::fs::write(&file, line("new", 'b')).unwrap();
    let forgotten = || async { app.control.vault.key_ids() == ["new"] };
    eventually(PATIENCE, forgotten).await.unwrap();
    works(app, provider).await;
    assert_eq!(create().await, created);
    assert!(
        app.get(&app.admin, "/health/ready").await.expect(200)["checks"]["credentials"]["error"].is_null()
    );
}

async fn works(app: &App, provider: domain::ProviderId) {
    let tenant = app
        .control
        .authenticate(&app.admin)
        .await
        .unwrap()
        .unwrap()
        .tenant_id;
    let opened = app
        .control
        .open_credential(tenant, provider)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(opened.as_slice(), SECRET.as_bytes());
}

/// Waits until the health check says so.
async fn says_of_credentials(app: &App, words: &str) {
    let said = || async {
        let ready = app.get(&app.admin, "/health/ready").await.expect(200);
        let error = ready["checks"]["credentials"]["error"].as_str();
        match error.is_some_and(|error| error.contains(words)) {
            true => Ok(()),
            false => Err(ready.to_string()),
        }
    };
    eventually(PATIENCE, said).await.unwrap();
}

#[tokio::test]
async fn a_sealing_key_that_was_taken_away_too_soon_is_named_by_the_health_check_and_harms_nothing() {
    let app = App::with(in_a_file).await;
    let caller = app.control.authenticate(&app.admin).await.unwrap().unwrap();
    let import = crate::providers::import(caller.tenant_id, "github");
    let sealed = app
        .control
        .vault
        .seal(caller.tenant_id, import.provider.id, SECRET.as_bytes())
        .unwrap();
    let providers = &app.control.storage.providers;
    providers
        .import(caller.tenant_id, &import, Some(&sealed))
        .await
        .unwrap();
    let file = sealing_keys(app.data());
    std::fs::write(&file, line("new", 'b')).unwrap();
    says_of_credentials(
        &app,
        "not configured: old. Put it back; until then these do not open: github",
    )
    .await;
    // A file that nobody can use is not believed.
    std::fs::write(&file, "new not-a-key\n").unwrap();
    std::fs::write(&file, [line("new", 'b'), line("old", 'a')].concat()).unwrap();
    let back = || async { app.control.seals().await.unwrap().by_key.get("new") == Some(&1) };
    eventually(PATIENCE, back).await.unwrap();
    works(&app, import.provider.id).await;
}

#[tokio::test]
async fn an_old_sealing_key_that_is_the_wrong_one_is_named_with_the_credentials_that_it_does_not_open() {
    let app = App::with(in_a_file).await;
    let caller = app.control.authenticate(&app.admin).await.unwrap().unwrap();
    let import = crate::providers::import(caller.tenant_id, "github");
    let (tenant, provider) = (caller.tenant_id, import.provider.id);
    let sealed = app
        .control
        .vault
        .seal(tenant, provider, SECRET.as_bytes())
        .unwrap();
    let providers = &app.control.storage.providers;
    providers.import(tenant, &import, Some(&sealed)).await.unwrap();
    let file = sealing_keys(app.data());
    std::fs::write(&file, [line("new", 'b'), line("old", 'c')].concat()).unwrap();
    says_of_credentials(
        &app,
        "old (the one of that name is another one). Put it back; until then these do not open: github",
    )
    .await;
    // With the right one all is well again.
    std::fs::write(&file, [line("newer", 'b'), line("old", 'a')].concat()).unwrap();
    let back = || async { app.control.seals().await.unwrap().by_key.get("newer") == Some(&1) };
    eventually(PATIENCE, back).await.unwrap();
    works(&app, provider).await;
}

/// What the gRPC door says to whoever shows `key`.
async fn door(address: SocketAddr, key: &str) -> Code {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let ask = GetCredentialRequest {
        tenant_id: domain::TenantId::generate().to_string(),
        provider_id: domain::ProviderId::generate().to_string(),
    };
    let mut request = Request::new(ask);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {key}").parse().unwrap());
    let mut client = CatalogueServiceClient::new(channel.connect().await.unwrap());
    client.get_credential(request).await.unwrap_err().code()
}

#[tokio::test]
async fn what_opens_is_sealed_again_behind_many_that_do_not_on_sqlite() {
    seal_again_behind_lost_ones(&App::with(in_a_file).await).await;
}

#[tokio::test]
async fn what_opens_is_sealed_again_behind_many_that_do_not_on_postgres() {
    seal_again_behind_lost_ones(&App::on_postgres_with(in_a_file).await).await;
}

/// More of them than are read at once are sealed by a lost key of the old one's name.
async fn seal_again_behind_lost_ones(app: &App) {
    const LOST: u64 = 130;
    let caller = app.control.authenticate(&app.admin).await.unwrap().unwrap();
    let tenant = caller.tenant_id;
    let lost = ("old".to_owned(), "d".repeat(64).into());
    let lost = Vault::new(&[lost], Arc::new(SystemEntropy)).unwrap();
    let mut provider = None;
    for number in 0..=LOST {
        let vault = if number == LOST { &app.control.vault } else { &lost };
        let import = crate::providers::import(tenant, &format!("p{number}"));
        let sealed = vault.seal(tenant, import.provider.id, SECRET.as_bytes()).unwrap();
        let providers = &app.control.storage.providers;
        providers.import(tenant, &import, Some(&sealed)).await.unwrap();
        provider = Some(import.provider.id);
    }
    let file = sealing_keys(app.data());
    std::fs::write(&file, [line("new", 'b'), line("old", 'a')].concat()).unwrap();
    let moved = || async {
        let seals = app.control.seals().await.unwrap();
        let counts = (
            seals.by_key.get("new").copied(),
            seals.unopenable.get("old").copied(),
        );
        if counts == (Some(1), Some(LOST)) {
            Ok(())
        } else {
            Err(format!("{seals:?}"))
        }
    };
    eventually(PATIENCE, moved).await.unwrap();
    works(app, provider.unwrap()).await;
}

#[tokio::test]
async fn two_service_keys_are_accepted_for_as_long_as_the_file_has_both() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let path = |data: &Path| data.join("service.key");
    let app = App::with(|config| {
        std::fs::create_dir_all(&config.data_dir).unwrap();
        std::fs::write(path(&config.data_dir), &old).unwrap();
        config.grpc.service_key = Secret::default();
        config.grpc.service_key_file = Some(path(&config.data_dir));
    })
    .await;
    let says = |old_says: Code, new_says: Code| {
        let (old, new) = (&old, &new);
        let probe = move || async move {
            let said = (door(app.grpc, old).await, door(app.grpc, new).await);
            if said == (old_says, new_says) {
                Ok(())
            } else {
                Err(format!("{said:?}"))
            }
        };
        eventually(PATIENCE, probe)
    };
    // There is no such provider, which is what only a service is told.
    says(Code::NotFound, Code::Unauthenticated).await.unwrap();
    let file = path(app.data());
    std::fs::write(&file, format!("{old}\n{new}\n")).unwrap();
    says(Code::NotFound, Code::NotFound).await.unwrap();
    // Nor is a line believed that is too short to be a key.
    std::fs::write(&file, format!("{new}\nshort\n")).unwrap();
    says(Code::Unauthenticated, Code::NotFound).await.unwrap();
    assert_eq!(door(app.grpc, "short").await, Code::Unauthenticated);
}
