//! Replicas that start at the same time.

use storage::migrate;

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
