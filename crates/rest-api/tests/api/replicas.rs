//! Replicas that start at the same time.

use std::path::Path;

use storage::migrate;
use test_support::older_schema;

use crate::app::App;

#[tokio::test]
async fn three_replicas_that_start_at_once_on_an_empty_database_migrate_it_once_and_make_one_admin_key() {
    let url = test_support::fresh_database().await.unwrap();
    let start = || App::replica(url.clone());
    let (one, two, three) = tokio::join!(start(), start(), start());
    let schema = migrate::status(&url).await.unwrap();
    assert_eq!((schema.pending(), schema.schema), (0, schema.known));
    let apps = [one, two, three];
    let admins: Vec<_> = apps
        .iter()
        .map(|app| &app.admin)
        .filter(|key| !key.is_empty())
        .collect();
    assert_eq!(admins.len(), 1, "{} admin keys were made", admins.len());
    for app in &apps {
        app.get(admins[0], "/api/v1/whoami").await.expect(200);
    }
}

#[tokio::test]
async fn three_replicas_that_start_at_once_on_an_old_database_bring_it_up_to_date_and_make_no_key() {
    let url = test_support::fresh_database().await.unwrap();
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../storage/migrations/postgres");
    let tenant = "11111111-1111-7111-8111-111111111111";
    let script = format!(
        "SET ROLE devmesh_relay; INSERT INTO organizations (id, name, created_at) VALUES ('{tenant}', 'old', now());
         SET ROLE devmesh_app; SET devmesh.tenant = '{tenant}';
         INSERT INTO tenants (id, organization_id, name, isolation, created_at)
         VALUES ('{tenant}', '{tenant}', 'old', 'strict', now());"
    );
    older_schema(&url, &migrations, 12, &script).await.unwrap();
    assert!(migrate::status(&url).await.unwrap().pending() >= 3);
    let start = || App::replica(url.clone());
    let (one, two, three) = tokio::join!(start(), start(), start());
    assert_eq!(migrate::status(&url).await.unwrap().pending(), 0);
    for app in [one, two, three] {
        assert_eq!(app.admin, "", "there is an installation already");
        let tenants = app.control.storage.tenants.all_ids().await.unwrap();
        let tenants: Vec<_> = tenants.iter().map(ToString::to_string).collect();
        assert_eq!(tenants, [tenant]);
    }
}
