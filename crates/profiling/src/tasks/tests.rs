use std::time::Duration;

use super::*;

async fn waits_for_a_clock() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

fn stacks(profile: &Profile) -> String {
    let lines = profile.samples.iter().map(|sample| {
        let names: Vec<&str> = sample.stack.iter().map(|frame| frame.function.as_str()).collect();
        format!("{} {:?}", names.join(" < "), sample.values)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_task_shows_the_stack_down_to_what_it_waits_for() {
    let tasks = Tasks::default();
    let task = tokio::spawn(tasks.watch("sleeper", async { waits_for_a_clock().await }));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let profile = tasks.take(Turn::take().unwrap(), 3).await.unwrap();
    let text = stacks(&profile);
    let sleeper = text.lines().find(|line| line.contains("sleeper")).unwrap();
    assert!(sleeper.contains("waits_for_a_clock"), "{text}");
    assert!(sleeper.ends_with("sleeper (waiting) [1, 1]"), "{text}");
    assert!(!text.contains("tracer") && !text.contains("backtrace"), "{text}");
    assert!(text.lines().last().unwrap().ends_with("[0, 3]"), "{text}");
    task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_blocks_its_thread_is_called_so_and_one_that_ends_is_off_the_list() {
    let tasks = Tasks::default();
    let (free, wait) = std::sync::mpsc::channel::<()>();
    let blocking = tokio::spawn(tasks.watch("blocker", async move {
        let _ = wait.recv();
    }));
    let short = tokio::spawn(tasks.watch("short", async {}));
    short.await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let seen = tasks.look().await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].name, seen[0].state), ("blocker", State::Blocking));
    free.send(()).unwrap();
    blocking.await.unwrap();
    assert!(tasks.is_empty());
}

#[tokio::test]
async fn a_task_is_woken_as_before_after_it_was_looked_at() {
    let tasks = Tasks::default();
    let (send, mut receive) = tokio::sync::mpsc::channel::<u32>(1);
    let task = tokio::spawn(tasks.watch(
        "reader",
        async move { (receive.recv().await, receive.recv().await) },
    ));
    tokio::task::yield_now().await;
    for number in [1, 2] {
        let seen = tasks.look().await;
        assert_eq!(seen[0].state, State::Waiting);
        assert!(seen[0].stacks.iter().any(|stack| stack.len() > 3), "{seen:?}");
        send.send(number).await.unwrap();
        tokio::task::yield_now().await;
    }
    let read = tokio::time::timeout(Duration::from_secs(5), task)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read, (Some(1), Some(2)));
}
