//! The bookkeeping of both ends over breaks, for any course of things.
#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use frames::outbox::{Bounds, Unresumable};
use frames::{Class, Inbox, Outbox, Pushed, SendQueue};
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(100);

fn outbox(messages: usize, bytes: usize) -> Outbox {
    Outbox::new(Bounds {
        messages,
        bytes,
        time: Duration::from_secs(60),
    })
}

#[test]
fn what_was_acknowledged_is_never_sent_again() {
    let mut outbox = outbox(10, 1_000);
    for text in ["a", "b", "c"] {
        outbox.keep(Bytes::from_static(text.as_bytes()), NOW);
    }
    outbox.acknowledge(2);
    assert_eq!(outbox.resume(2, NOW), Ok(vec![(3, Bytes::from_static(b"c"))]));
    // It goes back behind what it said itself: that is not sent, whatever it claims.
    assert_eq!(
        outbox.resume(1, NOW),
        Err(Unresumable::Forgotten { from: 2, to: 2 })
    );
    assert_eq!(outbox.resume(3, NOW), Ok(vec![]));
    assert_eq!(
        outbox.resume(4, NOW),
        Err(Unresumable::NeverSent { claimed: 4, last: 3 })
    );
    assert_eq!((outbox.size(), outbox.next_sequence()), ((0, 0), 4));
}

#[test]
fn the_bounds_of_count_bytes_and_time_hold() {
    let mut few = outbox(2, 1_000);
    let mut small = outbox(10, 4);
    for outbox in [&mut few, &mut small] {
        for _ in 0..5 {
            outbox.keep(Bytes::from_static(b"12"), NOW);
        }
        assert_eq!(outbox.size(), (2, 4));
        assert_eq!(
            outbox.resume(0, NOW),
            Err(Unresumable::Forgotten { from: 1, to: 3 })
        );
    }
    assert_eq!(
        few.resume(3, NOW + Duration::from_secs(60))
            .map(|kept| kept.len()),
        Ok(2)
    );
    assert_eq!(
        few.resume(3, NOW + Duration::from_secs(61)),
        Err(Unresumable::Forgotten { from: 4, to: 5 })
    );
}

/// What happens to one direction of a connection.
#[derive(Debug, Clone)]
enum Step {
    /// So many messages are sent, and so many of them get through.
    Send(u8, u8),
    /// The reader says what it has.
    Acknowledge,
    /// The connection breaks and is resumed; so many of what is sent again get through.
    Break(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..20_u8, 0..20_u8).prop_map(|(sent, through)| Step::Send(sent, through)),
        Just(Step::Acknowledge),
        any::<u8>().prop_map(Step::Break),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    /// Whatever breaks and whenever: in order, none lost, none twice.
    #[test]
    fn everything_arrives_once_and_in_order(steps in steps()) {
        let mut outbox = outbox(usize::MAX, usize::MAX);
        let mut inbox = Inbox::default();
        let mut read = Vec::new();
        let mut broken = false;
        let mut arrive = |inbox: &mut Inbox, sequence: u64, message: &Bytes| {
            let arrival = inbox.arrived(sequence);
            assert!(!matches!(arrival, frames::Arrival::Gap { .. }));
            if arrival.is_new() {
                read.push((sequence, message.clone()));
            }
        };
        for step in steps.into_iter().chain([Step::Break(u8::MAX), Step::Break(u8::MAX)]) {
            match step {
                Step::Send(count, through) => for index in 0..count {
                    let message = Bytes::from(format!("{}", outbox.next_sequence()));
                    let sequence = outbox.keep(message.clone(), NOW);
                    broken |= index >= through;
                    if !broken {
                        arrive(&mut inbox, sequence, &message);
                    }
                },
                Step::Acknowledge => outbox.acknowledge(inbox.last()),
                Step::Break(through) => {
                    let missed = outbox.resume(inbox.last(), NOW).unwrap();
                    broken = missed.len() > usize::from(through);
                    for (sequence, message) in missed.iter().take(usize::from(through)) {
                        arrive(&mut inbox, *sequence, message);
                    }
                }
            }
        }
        // Two hundred and fifty-five at a time: the last breaks let everything through that was sent.
        while inbox.last() < outbox.last() {
            for (sequence, message) in outbox.resume(inbox.last(), NOW).unwrap() {
                arrive(&mut inbox, sequence, &message);
            }
        }
        let expected: Vec<_> = (1..=outbox.last()).map(|sequence| (sequence, Bytes::from(sequence.to_string()))).collect();
        prop_assert_eq!(read, expected);
    }

    /// A queue never grows beyond its bounds, loses nothing that must be delivered without saying so, and keeps the order.
    #[test]
    fn a_slow_reader_misses_only_what_may_be_missed(
        pushes in proptest::collection::vec((any::<bool>(), 1..50_usize, any::<bool>()), 1..200),
    ) {
        let (most, most_bytes) = (8, 200);
        let mut queue = SendQueue::new(most, most_bytes);
        let mut waiting = BTreeMap::new();
        let mut dropped = 0;
        for (number, (is_news, bytes, reads)) in pushes.into_iter().enumerate() {
            let class = if is_news { Class::Droppable } else { Class::MustDeliver };
            match queue.push(class, bytes, number) {
                Pushed::Queued { dropped: more } => {
                    dropped += more;
                    waiting.insert(number, is_news);
                }
                Pushed::Dropped => prop_assert!(is_news),
                Pushed::Overflow => {
                    prop_assert!(!is_news);
                    break;
                }
            }
            prop_assert!(queue.len() <= most);
            if reads && let Some(read) = queue.pop() {
                let earlier: Vec<_> = waiting.range(..read).map(|(number, news)| (*number, *news)).collect();
                prop_assert!(earlier.iter().all(|(_, is_news)| *is_news), "{earlier:?} before {read}");
                dropped -= earlier.len();
                waiting.retain(|number, _| *number > read);
            }
        }
        let left: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let must: Vec<_> = waiting.iter().filter(|(_, news)| !**news).map(|(number, _)| *number).collect();
        prop_assert!(must.iter().all(|number| left.contains(number)), "{must:?} in {left:?}");
        prop_assert_eq!(left.len() + dropped, waiting.len());
    }
}
