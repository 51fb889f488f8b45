//! The watch: what the edge knows, and when.

use std::time::{Duration, Instant};

use domain::catalogue::EntityKind;
use domain::key::KeyRefusal;
use domain::{Clock, Entity, KeyKind, PresentedKey, Principal, SystemClock, Tool};
use mcp_server::catalogue::{CatalogueEvent, Gone};
use test_support::{Upstream, eventually};

use crate::harness::{SOON, Watched, entities};
use crate::things::{Tenant, revoked, tool};

/// Longer than any of these tests.
const NEVER: Duration = Duration::from_secs(60);

async fn tenant() -> (Tenant, PresentedKey) {
    let upstream = Upstream::start().await.unwrap();
    let mut tenant = Tenant::new(&upstream);
    let key = tenant.key(KeyKind::Agent.default_scopes(), None);
    (tenant, PresentedKey::parse(&key).unwrap())
}

fn boxed(tool: &Tool) -> Entity {
    Entity::Tool(Box::new(tool.clone()))
}

fn extra(tenant: &Tenant, name: &str) -> Tool {
    tool(&tenant.provider, name, "GET", "/items")
}

fn authenticate(watched: &Watched, key: &PresentedKey) -> Result<Principal, KeyRefusal> {
    watched.catalogue.authenticate(key, SystemClock.now())
}

#[tokio::test]
async fn after_a_break_it_goes_on_where_it_was_and_serves_meanwhile() {
    let (tenant, key) = tenant().await;
    let mut watched = Watched::start(NEVER);
    let first = watched.control_plane.watcher().await;
    assert_eq!(
        (first.request.epoch.as_str(), first.request.after_number),
        ("", 0)
    );
    first.snapshot("e1", 10, &entities(&tenant));
    first.change(11, &boxed(&extra(&tenant, "acme_more")));
    watched.has(&tenant, &["acme_add", "acme_get", "acme_more"]).await;
    first.breaks();

    let second = watched.control_plane.watcher().await;
    assert_eq!(
        (second.request.epoch.as_str(), second.request.after_number),
        ("e1", 11)
    );
    assert_eq!(watched.names(&tenant), ["acme_add", "acme_get", "acme_more"]);
    assert!(authenticate(&watched, &key).is_ok());
    second.gone(12, EntityKind::Tool, tenant.tools[0].id.0);
    watched.has(&tenant, &["acme_add", "acme_more"]).await;
    let lost = Gone {
        tools: vec!["acme_get".to_owned()],
        ..Gone::default()
    };
    assert_eq!(*watched.gone.lock().unwrap(), [lost]);

    // An end without an error is a break too.
    drop(second);
    let third = watched.control_plane.watcher().await;
    assert_eq!(
        (third.request.epoch.as_str(), third.request.after_number),
        ("e1", 12)
    );
}

#[tokio::test]
async fn a_revoked_or_removed_key_is_refused_within_a_second_and_told() {
    let (mut tenant, key) = tenant().await;
    let other = tenant.key(KeyKind::Agent.default_scopes(), None);
    let other = PresentedKey::parse(&other).unwrap();
    let mut watched = Watched::start(NEVER);
    let watcher = watched.control_plane.watcher().await;
    watcher.snapshot("e1", 10, &entities(&tenant));
    eventually(SOON, || async { authenticate(&watched, &key) })
        .await
        .unwrap();
    let mut changes = watched.catalogue.changes();

    let began = Instant::now();
    watcher.change(11, &revoked(&tenant.keys[0]));
    watcher.gone(12, EntityKind::Key, tenant.keys[1].id.0);
    eventually(SOON, || async {
        authenticate(&watched, &key) == Err(KeyRefusal::Revoked)
            && authenticate(&watched, &other) == Err(KeyRefusal::Unknown)
    })
    .await
    .unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    let mut told = [changes.recv().await.unwrap(), changes.recv().await.unwrap()];
    told.sort_by_key(|event| *event == CatalogueEvent::KeyGone(tenant.keys[1].id));
    assert_eq!(
        told,
        [0, 1].map(|key: usize| CatalogueEvent::KeyGone(tenant.keys[key].id))
    );
}

#[tokio::test]
async fn a_silent_watch_is_opened_again_and_one_that_beats_is_kept() {
    let (tenant, _) = tenant().await;
    let mut watched = Watched::start(Duration::from_millis(400));
    let silent = watched.control_plane.watcher().await;
    silent.snapshot("e1", 10, &entities(&tenant));
    let beating = watched.control_plane.watcher().await;
    assert_eq!(
        (beating.request.epoch.as_str(), beating.request.after_number),
        ("e1", 10)
    );
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..12 {
        beat.tick().await;
        beating.heartbeat(10);
    }
    assert!(watched.control_plane.is_left_alone());
    assert!(watched.catalogue.age() < Duration::from_millis(400));
    assert_eq!(watched.names(&tenant), ["acme_add", "acme_get"]);
}

#[tokio::test]
async fn a_new_snapshot_takes_the_place_of_the_old_one_when_it_is_complete() {
    let (tenant, key) = tenant().await;
    let mut watched = Watched::start(NEVER);
    let watcher = watched.control_plane.watcher().await;
    watcher.snapshot("e1", 10, &entities(&tenant));
    watched.has(&tenant, &["acme_add", "acme_get"]).await;
    watcher.begin("e2");
    watcher.entities(&[
        Entity::Provider(tenant.provider.clone()),
        boxed(&extra(&tenant, "acme_new")),
    ]);
    // A snapshot that is not complete says nothing about how recent the old one is.
    let aged = || async { watched.catalogue.age() > Duration::from_millis(300) };
    eventually(SOON, aged).await.unwrap();
    assert_eq!(watched.names(&tenant), ["acme_add", "acme_get"]);
    assert!(authenticate(&watched, &key).is_ok());
    watcher.end(3);
    watched.has(&tenant, &["acme_new"]).await;
    assert_eq!(authenticate(&watched, &key), Err(KeyRefusal::Unknown));
    assert!(watched.catalogue.age() < Duration::from_millis(300));
    watcher.breaks();
    let next = watched.control_plane.watcher().await;
    assert_eq!(
        (next.request.epoch.as_str(), next.request.after_number),
        ("e2", 3)
    );
}

#[tokio::test]
async fn a_snapshot_that_broke_off_changes_nothing() {
    let (tenant, key) = tenant().await;
    let mut watched = Watched::start(NEVER);
    let watcher = watched.control_plane.watcher().await;
    watcher.snapshot("e1", 10, &entities(&tenant));
    watched.has(&tenant, &["acme_add", "acme_get"]).await;
    watcher.begin("e2");
    watcher.breaks();
    let next = watched.control_plane.watcher().await;
    assert_eq!(
        (next.request.epoch.as_str(), next.request.after_number),
        ("e1", 10)
    );
    assert_eq!(watched.names(&tenant), ["acme_add", "acme_get"]);
    assert!(authenticate(&watched, &key).is_ok());
}

#[tokio::test]
async fn a_change_that_was_applied_is_not_applied_again_and_a_hole_asks_for_a_snapshot() {
    let (tenant, _) = tenant().await;
    let mut watched = Watched::start(NEVER);
    let watcher = watched.control_plane.watcher().await;
    watcher.snapshot("e1", 10, &entities(&tenant));
    watcher.gone(11, EntityKind::Tool, tenant.tools[0].id.0);
    watcher.change(11, &boxed(&tenant.tools[0]));
    watcher.change(12, &boxed(&extra(&tenant, "acme_more")));
    watched.has(&tenant, &["acme_add", "acme_more"]).await;
    watcher.heartbeat(13);
    let next = watched.control_plane.watcher().await;
    assert_eq!((next.request.epoch.as_str(), next.request.after_number), ("", 0));
    assert_eq!(watched.names(&tenant), ["acme_add", "acme_more"]);
}

#[tokio::test]
async fn a_thing_that_cannot_be_read_counts_as_gone_and_the_rest_goes_on() {
    let (tenant, key) = tenant().await;
    let mut watched = Watched::start(NEVER);
    let watcher = watched.control_plane.watcher().await;
    watcher.snapshot("e1", 10, &entities(&tenant));
    watcher.unreadable(11, EntityKind::Key, tenant.keys[0].id.0);
    watcher.unreadable(12, EntityKind::Tool, tenant.tools[0].id.0);
    watcher.change(13, &boxed(&extra(&tenant, "acme_more")));
    watched.has(&tenant, &["acme_add", "acme_more"]).await;
    assert_eq!(authenticate(&watched, &key), Err(KeyRefusal::Unknown));
    assert!(watched.control_plane.is_left_alone());
}

#[tokio::test]
async fn the_loss_of_the_control_plane_is_logged_once_and_its_return_once() {
    let (tenant, _) = tenant().await;
    let mut watched = Watched::start(NEVER);
    let watcher = watched.control_plane.watcher().await;
    watcher.snapshot("e1", 10, &entities(&tenant));
    watched.has(&tenant, &["acme_add", "acme_get"]).await;
    watched.control_plane.refuse(true);
    watcher.breaks();
    // Several attempts fail: the first two pauses are at most 100 and 200 ms.
    let tried = || async { watched.catalogue.age() > Duration::from_millis(700) };
    eventually(SOON, tried).await.unwrap();
    watched.control_plane.refuse(false);
    let watcher = watched.control_plane.watcher().await;
    watcher.heartbeat(10);
    let again = || async { watched.log.count("control plane connected again") == 1 };
    eventually(SOON, again).await.unwrap();
    assert_eq!(watched.log.count("control plane connected;"), 1);
    assert_eq!(watched.log.count("control plane lost;"), 1);
}

#[tokio::test]
async fn a_control_plane_that_comes_late_is_waited_for() {
    let (tenant, _) = tenant().await;
    let mut watched = Watched::start(NEVER);
    watched.control_plane.refuse(true);
    let waits = || async { watched.log.count("control plane not reached yet") == 1 };
    eventually(SOON, waits).await.unwrap();
    assert!(!watched.catalogue.is_heard());
    watched.control_plane.refuse(false);
    let watcher = watched.control_plane.watcher().await;
    watcher.snapshot("e1", 10, &entities(&tenant));
    watched.has(&tenant, &["acme_add", "acme_get"]).await;
    let connected = || async { watched.log.count("control plane connected;") == 1 };
    eventually(SOON, connected).await.unwrap();
    assert!(watched.catalogue.is_heard());
    assert_eq!(watched.log.count("control plane not reached yet"), 1);
    assert_eq!(watched.log.count("control plane connected again"), 0);
}
