//! What any cache does.

pub use crate::buckets::*;

use std::sync::Arc;

use domain::ports::Cache;
use futures::{StreamExt, future::join_all};

use crate::subject::{LONG, SHORT, SOON, Subject, a_short_time, gone};

async fn get(cache: &Arc<dyn Cache>, key: &str) -> Option<Vec<u8>> {
    cache.get(key).await.unwrap()
}

async fn append(cache: &Arc<dyn Cache>, key: &str, value: &str, max: usize) -> u64 {
    cache.append(key, value.as_bytes(), max, LONG).await.unwrap()
}

fn numbered(entries: &[(u64, &str)]) -> Vec<(u64, Vec<u8>)> {
    entries
        .iter()
        .map(|(number, value)| (*number, value.as_bytes().to_vec()))
        .collect()
}

pub async fn a_value_is_there_for_everybody_until_it_is_removed(subject: Subject) {
    let (one, other) = (subject.cache(), subject.cache());
    assert_eq!(get(&one, "session:a").await, None);
    one.set("session:a", b"value", LONG).await.unwrap();
    assert_eq!(
        get(&other, "session:a").await.as_deref(),
        Some(b"value".as_slice())
    );
    assert_eq!(get(&other, "session:b").await, None);

    assert!(other.remove("session:a").await.unwrap());
    assert!(!other.remove("session:a").await.unwrap());
    assert_eq!(get(&one, "session:a").await, None);
}

pub async fn a_value_may_be_empty_or_any_bytes(subject: Subject) {
    let cache = subject.cache();
    for value in [b"".as_slice(), b"\x00\xff\r\n$-1\r\n", &[7; 100_000]] {
        cache.set("bytes:any", value, LONG).await.unwrap();
        assert_eq!(get(&cache, "bytes:any").await.as_deref(), Some(value));
    }
}

pub async fn a_value_is_replaced_with_its_time(subject: Subject) {
    let cache = subject.cache();
    cache.set("key:a", b"old", SHORT).await.unwrap();
    cache.set("key:a", b"new", LONG).await.unwrap();
    a_short_time(&cache).await;
    assert_eq!(get(&cache, "key:a").await.as_deref(), Some(b"new".as_slice()));
    cache.set("key:a", b"newer", SHORT).await.unwrap();
    gone(&cache, "key:a").await;
}

pub async fn a_value_is_gone_after_its_time(subject: Subject) {
    let cache = subject.cache();
    cache.set("key:short", b"value", SHORT).await.unwrap();
    cache.set("key:long", b"value", LONG).await.unwrap();
    gone(&cache, "key:short").await;
    assert!(!cache.remove("key:short").await.unwrap());
    assert!(get(&cache, "key:long").await.is_some());
}

pub async fn an_expiry_that_is_prolonged_keeps_the_value(subject: Subject) {
    let cache = subject.cache();
    cache.set("key:a", b"value", SHORT).await.unwrap();
    assert!(cache.expire("key:a", LONG).await.unwrap());
    a_short_time(&cache).await;
    assert_eq!(get(&cache, "key:a").await.as_deref(), Some(b"value".as_slice()));
    assert!(cache.expire("key:a", SHORT).await.unwrap());
    gone(&cache, "key:a").await;
}

pub async fn what_is_not_there_cannot_be_prolonged(subject: Subject) {
    let cache = subject.cache();
    assert!(!cache.expire("key:a", LONG).await.unwrap());
    assert_eq!(get(&cache, "key:a").await, None);
}

pub async fn of_many_who_set_an_absent_value_one_succeeds(subject: Subject) {
    let caches: Vec<_> = (0..4).map(|_| subject.cache()).collect();
    let attempts = (0..20_u8).map(|number| {
        let cache = Arc::clone(&caches[usize::from(number % 4)]);
        async move {
            cache
                .set_if_absent("owner:a", &[number], LONG)
                .await
                .unwrap()
                .then_some(number)
        }
    });
    let winners: Vec<u8> = join_all(attempts).await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(get(&caches[0], "owner:a").await, Some(winners));
}

pub async fn an_absent_value_can_be_set_again_after_its_time(subject: Subject) {
    let cache = subject.cache();
    assert!(cache.set_if_absent("owner:a", b"one", SHORT).await.unwrap());
    assert!(!cache.set_if_absent("owner:a", b"two", LONG).await.unwrap());
    gone(&cache, "owner:a").await;
    assert!(cache.set_if_absent("owner:a", b"three", LONG).await.unwrap());
    assert_eq!(get(&cache, "owner:a").await.as_deref(), Some(b"three".as_slice()));
}

pub async fn entries_are_numbered_from_one_and_read_from_where_one_stopped(subject: Subject) {
    let (one, other) = (subject.cache(), subject.cache());
    assert_eq!(append(&one, "events:a", "first", 10).await, 1);
    assert_eq!(append(&other, "events:a", "second", 10).await, 2);
    assert_eq!(append(&one, "events:b", "elsewhere", 10).await, 1);
    assert_eq!(append(&one, "events:a", "third", 10).await, 3);

    let all = numbered(&[(1, "first"), (2, "second"), (3, "third")]);
    assert_eq!(other.entries("events:a", 0).await.unwrap(), all);
    assert_eq!(other.entries("events:a", 1).await.unwrap(), all[1..]);
    assert_eq!(other.entries("events:a", 3).await.unwrap(), []);
    assert_eq!(other.entries("events:a", u64::MAX).await.unwrap(), []);
}

pub async fn numbers_go_on_when_old_entries_are_trimmed(subject: Subject) {
    let cache = subject.cache();
    for number in 1..=25 {
        assert_eq!(
            append(&cache, "events:a", &format!("entry {number}"), 3).await,
            number
        );
    }
    let newest = numbered(&[(23, "entry 23"), (24, "entry 24"), (25, "entry 25")]);
    assert_eq!(cache.entries("events:a", 0).await.unwrap(), newest);
    assert_eq!(cache.entries("events:a", 24).await.unwrap(), newest[2..]);
    assert_eq!(append(&cache, "events:a", "last", 1).await, 26);
    assert_eq!(
        cache.entries("events:a", 0).await.unwrap(),
        numbered(&[(26, "last")])
    );
}

pub async fn simultaneous_appends_get_numbers_of_their_own(subject: Subject) {
    let caches: Vec<_> = (0..4).map(|_| subject.cache()).collect();
    let appends = (0..60).map(|number| {
        let cache = Arc::clone(&caches[number % 4]);
        async move { append(&cache, "events:a", &number.to_string(), 100).await }
    });
    let mut numbers = join_all(appends).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=60).collect::<Vec<u64>>());
    assert_eq!(caches[0].entries("events:a", 0).await.unwrap().len(), 60);
}

pub async fn a_list_is_gone_after_its_time_and_begins_again(subject: Subject) {
    let cache = subject.cache();
    cache.append("events:a", b"one", 10, SHORT).await.unwrap();
    cache.append("events:a", b"two", 10, SHORT).await.unwrap();
    a_short_time(&cache).await;
    test_support::eventually(SOON, || async {
        cache.entries("events:a", 0).await.unwrap().is_empty()
    })
    .await
    .unwrap();
    assert_eq!(append(&cache, "events:a", "again", 10).await, 1);
}

pub async fn an_append_prolongs_the_list(subject: Subject) {
    let cache = subject.cache();
    cache.append("events:a", b"one", 10, SHORT).await.unwrap();
    assert_eq!(append(&cache, "events:a", "two", 10).await, 2);
    a_short_time(&cache).await;
    assert_eq!(
        cache.entries("events:a", 0).await.unwrap(),
        numbered(&[(1, "one"), (2, "two")])
    );
    assert!(cache.remove("events:a").await.unwrap());
    assert_eq!(cache.entries("events:a", 0).await.unwrap(), []);
}

pub async fn a_list_that_is_not_there_is_empty(subject: Subject) {
    assert_eq!(subject.cache().entries("events:a", 0).await.unwrap(), []);
}

pub async fn a_key_of_the_other_kind_is_an_error_and_stays_as_it_is(subject: Subject) {
    let cache = subject.cache();
    cache.set("key:a", b"value", LONG).await.unwrap();
    cache.append("key:a", b"entry", 10, LONG).await.unwrap_err();
    cache.entries("key:a", 0).await.unwrap_err();
    assert_eq!(get(&cache, "key:a").await.as_deref(), Some(b"value".as_slice()));

    append(&cache, "events:a", "entry", 10).await;
    cache.get("events:a").await.unwrap_err();
    assert_eq!(append(&cache, "events:a", "entry", 10).await, 2);
}

pub async fn a_listener_hears_its_channel_from_another_participant(subject: Subject) {
    let (here, there) = (subject.cache(), subject.cache());
    let mut heard = here.listen("sessions").await.unwrap();
    there.publish("elsewhere", b"not this").await.unwrap();
    let sent: Vec<Vec<u8>> = (0..100_u8).map(|number| vec![number, 0, 0xff]).collect();
    for message in &sent {
        there.publish("sessions", message).await.unwrap();
    }
    for message in &sent {
        let next = tokio::time::timeout(SOON, heard.next())
            .await
            .expect("nothing was heard");
        assert_eq!(next.as_ref(), Some(message));
    }
}

pub async fn every_listener_hears_every_message(subject: Subject) {
    let cache = subject.cache();
    let one = cache.listen("sessions").await.unwrap();
    drop(cache.listen("sessions").await.unwrap());
    let two = subject.cache().listen("sessions").await.unwrap();
    cache.publish("sessions", b"closed").await.unwrap();
    for mut heard in [one, two] {
        let next = tokio::time::timeout(SOON, heard.next())
            .await
            .expect("nothing was heard");
        assert_eq!(next.as_deref(), Some(b"closed".as_slice()));
    }
}

pub async fn a_message_that_nobody_hears_is_no_error(subject: Subject) {
    subject.cache().publish("sessions", b"closed").await.unwrap();
}

pub async fn it_answers_a_ping(subject: Subject) {
    subject.cache().ping().await.unwrap();
}
