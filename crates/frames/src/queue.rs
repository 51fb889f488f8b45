//! What waits to be sent, bounded: what a reader that is too slow misses, and when it is given up.

use std::collections::VecDeque;

/// Whether a message may be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// News that the next news replaces: progress, events, logs.
    Droppable,
    /// Answers, tasks, messages of others.
    MustDeliver,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits; so many older droppable ones made room.
    Queued {
        /// How many are missed.
        dropped: usize,
    },
    /// It was itself dropped.
    Dropped,
    /// There is no room for what must be delivered: the connection has to end.
    Overflow,
}

/// A queue with room for so many messages and so many bytes.
#[derive(Debug)]
pub struct SendQueue<T> {
    most: usize,
    most_bytes: usize,
    bytes: usize,
    waiting: VecDeque<Waiting<T>>,
    /// Of those that wait, how many may be dropped, and their bytes.
    droppable: usize,
    droppable_bytes: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    class: Class,
    bytes: usize,
    message: T,
}

impl<T> SendQueue<T> {
    /// An empty one.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_bytes,
            bytes: 0,
            waiting: VecDeque::new(),
            droppable: 0,
            droppable_bytes: 0,
        }
    }

    /// Adds a message. The oldest droppable ones make room for it, if that makes enough. A single message larger than all
    /// of the room is taken where nothing else must be delivered, for it could never be sent otherwise.
    pub fn push(&mut self, class: Class, bytes: usize, message: T) -> Pushed {
        if !self.could_have_room(bytes) {
            return match class {
                Class::Droppable => Pushed::Dropped,
                Class::MustDeliver => Pushed::Overflow,
            };
        }
        let mut dropped = 0;
        while !self.has_room(bytes) && self.drop_oldest() {
            dropped += 1;
        }
        self.bytes += bytes;
        if class == Class::Droppable {
            self.droppable += 1;
            self.droppable_bytes += bytes;
        }
        self.waiting.push_back(Waiting {
            class,
            bytes,
            message,
        });
        Pushed::Queued { dropped }
    }

    /// The next message.
    pub fn pop(&mut self) -> Option<T> {
        let next = self.waiting.pop_front()?;
        self.left(next.class, next.bytes);
        if self.waiting.is_empty() {
            // A burst does not stay in memory for the life of the connection.
            self.waiting.shrink_to(16);
        }
        Some(next.message)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.waiting.is_empty() || (self.waiting.len() < self.most && self.bytes + bytes <= self.most_bytes)
    }

    /// Whether there is room when all that may be dropped is.
    fn could_have_room(&self, bytes: usize) -> bool {
        let stay = self.waiting.len() - self.droppable;
        stay == 0 || (stay < self.most && self.bytes - self.droppable_bytes + bytes <= self.most_bytes)
    }

    fn drop_oldest(&mut self) -> bool {
        if self.droppable == 0 {
            return false;
        }
        let oldest = self
            .waiting
            .iter()
            .position(|waiting| waiting.class == Class::Droppable);
        let Some(gone) = oldest.and_then(|index| self.waiting.remove(index)) else {
            return false;
        };
        self.left(gone.class, gone.bytes);
        true
    }

    fn left(&mut self, class: Class, bytes: usize) {
        self.bytes -= bytes;
        if class == Class::Droppable {
            self.droppable -= 1;
            self.droppable_bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{Droppable, MustDeliver};

    #[test]
    fn news_makes_room_for_answers_and_answers_make_room_for_nothing() {
        let mut queue = SendQueue::new(3, 100);
        assert_eq!(queue.push(Droppable, 10, "news 1"), Pushed::Queued { dropped: 0 });
        assert_eq!(
            queue.push(MustDeliver, 10, "answer 1"),
            Pushed::Queued { dropped: 0 }
        );
        assert_eq!(queue.push(Droppable, 10, "news 2"), Pushed::Queued { dropped: 0 });
        assert_eq!(
            queue.push(MustDeliver, 10, "answer 2"),
            Pushed::Queued { dropped: 1 }
        );
        assert_eq!(queue.push(Droppable, 10, "news 3"), Pushed::Queued { dropped: 1 });
        assert_eq!(
            queue.push(MustDeliver, 10, "answer 3"),
            Pushed::Queued { dropped: 1 }
        );
        assert_eq!(queue.push(Droppable, 10, "news 4"), Pushed::Dropped);
        assert_eq!(queue.push(MustDeliver, 10, "answer 4"), Pushed::Overflow);
        let left: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(left, ["answer 1", "answer 2", "answer 3"]);
    }

    #[test]
    fn bytes_are_bounded_too_but_one_large_message_is_always_taken() {
        let mut queue = SendQueue::new(10, 100);
        assert_eq!(queue.push(MustDeliver, 1_000, 1), Pushed::Queued { dropped: 0 });
        assert_eq!(queue.push(MustDeliver, 1, 2), Pushed::Overflow);
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.push(MustDeliver, 60, 3), Pushed::Queued { dropped: 0 });
        assert_eq!(queue.push(Droppable, 60, 4), Pushed::Dropped);
        assert_eq!((queue.len(), queue.is_empty()), (1, false));
    }
}
