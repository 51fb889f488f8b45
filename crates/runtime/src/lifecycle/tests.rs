use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Never reached where work ends by itself.
const DEADLINE: Duration = Duration::from_secs(30);
/// Reached by work that does not.
const SHORT: Duration = Duration::from_millis(50);

/// A part that behaves: runs until the soft stop.
async fn until_stopped(life: Lifecycle) -> Result<(), io::Error> {
    life.soft_stop().cancelled().await;
    Ok(())
}

#[tokio::test]
async fn a_stop_that_every_part_follows_is_a_clean_end() {
    let life = Lifecycle::new("test");
    life.spawn("one", until_stopped(life.clone()));
    life.spawn("two", until_stopped(life.clone()));
    life.stop();
    life.run_until_stopped(DEADLINE).await.unwrap();
    assert!(!life.hard_stop().is_cancelled());
}

#[tokio::test]
async fn a_part_that_ends_alone_stops_the_others_and_fails_the_service() {
    let life = Lifecycle::new("test");
    life.spawn("steady", until_stopped(life.clone()));
    life.spawn("quitter", async { Ok::<(), io::Error>(()) });
    let error = life.run_until_stopped(DEADLINE).await.unwrap_err();
    assert!(
        matches!(error, StopError::PartEnded { part: "quitter", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_first_failure_is_the_one_reported() {
    let life = Lifecycle::new("test");
    let waits = life.soft_stop();
    life.spawn("second", async move {
        waits.cancelled().await;
        Err(io::Error::other("consequence"))
    });
    life.spawn("first", async { Err(io::Error::other("cause")) });
    let error = life.run_until_stopped(DEADLINE).await.unwrap_err();
    assert_eq!(
        WithSources(&error).to_string(),
        "test: part `first` failed: cause"
    );
}

#[tokio::test]
async fn a_panic_in_a_part_fails_the_service_with_its_message() {
    let life = Lifecycle::new("test");
    life.spawn("bad", async {
        if true {
            panic!("boom {}", 7)
        } else {
            Ok::<(), io::Error>(())
        }
    });
    let error = life.run_until_stopped(DEADLINE).await.unwrap_err();
    assert!(
        matches!(&error, StopError::PartPanicked { message, .. } if message == "boom 7"),
        "{error}"
    );
}

#[tokio::test]
async fn an_error_while_draining_fails_the_service() {
    let life = Lifecycle::new("test");
    let stop = life.soft_stop();
    life.spawn("flusher", async move {
        stop.cancelled().await;
        Err(io::Error::other("disk full"))
    });
    life.stop();
    let error = life.run_until_stopped(DEADLINE).await.unwrap_err();
    assert!(
        matches!(error, StopError::PartFailed { part: "flusher", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_panic_in_a_background_task_leaves_the_service_running() {
    let life = Lifecycle::new("test");
    life.spawn("one", until_stopped(life.clone()));
    let (done, ended) = tokio::sync::oneshot::channel::<()>();
    life.spawn_task(async move {
        let _held_until_the_panic = done;
        panic!("only mine");
    });
    assert!(ended.await.is_err());
    assert!(!life.is_stopping());
    life.stop();
    life.run_until_stopped(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn the_drain_waits_for_background_tasks_and_for_those_they_start() {
    let life = Lifecycle::new("test");
    let finished = Arc::new(AtomicBool::new(false));
    let (inner_life, flag) = (life.clone(), Arc::clone(&finished));
    life.spawn_task(async move {
        tokio::time::sleep(SHORT).await;
        inner_life.spawn_task(async move {
            tokio::time::sleep(SHORT).await;
            flag.store(true, Ordering::SeqCst);
        });
    });
    life.stop();
    life.run_until_stopped(DEADLINE).await.unwrap();
    assert!(finished.load(Ordering::SeqCst));
}

#[tokio::test]
async fn what_outlasts_the_deadline_is_told_to_abandon_and_named() {
    let life = Lifecycle::new("test");
    let hard = life.hard_stop();
    life.spawn("slow", async move {
        hard.cancelled().await;
        Ok::<(), io::Error>(())
    });
    life.spawn("good", until_stopped(life.clone()));
    let hard = life.hard_stop();
    life.spawn_task(async move { hard.cancelled().await });
    let started = tokio::time::Instant::now();
    life.stop();
    let error = life.run_until_stopped(SHORT).await.unwrap_err();
    assert!((SHORT..LAST_WORDS).contains(&started.elapsed()));
    let text = error.to_string();
    assert!(text.ends_with("parts [\"slow\"], 1 tasks"), "{text}");
}

#[tokio::test]
async fn what_ignores_the_hard_stop_is_dropped_a_second_later() {
    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let life = Lifecycle::new("test");
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = SetOnDrop(Arc::clone(&dropped));
    life.spawn("deaf", async move {
        let _guard = guard;
        std::future::pending::<Result<(), io::Error>>().await
    });
    life.stop();
    let started = tokio::time::Instant::now();
    life.run_until_stopped(SHORT).await.unwrap_err();
    assert!(started.elapsed() >= SHORT + LAST_WORDS);
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn abandoning_does_not_wait_for_the_deadline() {
    let life = Lifecycle::new("test");
    let hard = life.hard_stop();
    life.spawn("slow", async move {
        hard.cancelled().await;
        Ok::<(), io::Error>(())
    });
    life.abandon();
    let started = tokio::time::Instant::now();
    let error = life.run_until_stopped(DEADLINE).await.unwrap_err();
    assert!(started.elapsed() < LAST_WORDS);
    assert!(matches!(error, StopError::NotDrained { .. }), "{error}");
}
