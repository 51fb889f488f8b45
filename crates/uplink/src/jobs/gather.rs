//! Questions that are asked together, without waiting for more of them: what comes while the last requests are under way
//! goes with the next one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

/// Bounds of what is asked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gathering {
    /// Most questions in one request, between 1 and the 500 that rest-api takes.
    pub together: usize,
    /// Requests under way at once, at least 1.
    pub requests: usize,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            together: 128,
            requests: 2,
        }
    }
}

/// What waits for its request, and how many may be under way.
pub(super) struct Gather<Q, A> {
    waiting: Mutex<VecDeque<Waiting<Q, A>>>,
    turns: Semaphore,
    most: usize,
    /// Most of [`Waiting::size`] in one request, unless one question is larger by itself.
    room: usize,
}

struct Waiting<Q, A> {
    question: Q,
    size: usize,
    answer: oneshot::Sender<A>,
    /// Dropped when someone sends for this question.
    _taken: oneshot::Sender<()>,
}

impl<Q, A> Gather<Q, A> {
    pub(super) fn new(bounds: Gathering, room: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            turns: Semaphore::new(bounds.requests.max(1)),
            most: bounds.together.clamp(1, 500),
            room,
        }
    }

    /// Asks with whatever else waits. Whoever gets a turn sends for all: `send` answers each in their order. None when the
    /// one who sent for this question was stopped, or `send` left it out.
    pub(super) async fn ask<F: Future<Output = Vec<A>>>(
        &self,
        question: Q,
        size: usize,
        send: impl Fn(Vec<Q>) -> F,
    ) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        let (_taken, mut taken) = oneshot::channel();
        self.waiting().push_back(Waiting {
            question,
            size,
            answer,
            _taken,
        });
        loop {
            let turn = tokio::select! {
                biased;
                // A turn is of no use any more to one whose question is under way.
                _ = &mut taken => return answered.await.ok(),
                turn = self.turns.acquire() => turn.ok()?,
            };
            // Others that are ready to ask come along.
            tokio::task::yield_now().await;
            let (questions, askers): (Vec<Q>, Vec<_>) = self.take().into_iter().unzip();
            if !questions.is_empty() {
                for (asker, answer) in askers.into_iter().zip(send(questions).await) {
                    // Whoever has stopped waiting does not need it.
                    let _ = asker.send(answer);
                }
            }
            drop(turn);
        }
    }

    fn take(&self) -> Vec<(Q, oneshot::Sender<A>)> {
        let mut waiting = self.waiting();
        let (mut taken, mut room) = (Vec::new(), self.room);
        while let Some(next) = waiting.front() {
            if taken.len() == self.most || (next.size > room && !taken.is_empty()) {
                break;
            }
            room = room.saturating_sub(next.size);
            taken.extend(waiting.pop_front().map(|next| (next.question, next.answer)));
        }
        taken
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting<Q, A>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    use futures::future::join_all;
    use futures::task::{ArcWake, waker};

    use super::*;

    #[tokio::test]
    async fn what_comes_while_requests_are_under_way_goes_with_the_next_one() {
        let (gather, requests) = (Gather::new(Gathering::default(), 1_000), AtomicUsize::new(0));
        let send = |questions: Vec<usize>| async {
            requests.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            questions.into_iter().map(|question| question * 2).collect()
        };
        let answers = join_all((0..100).map(|question| gather.ask(question, 1, send))).await;
        let expected: Vec<_> = (0..100).map(|question| Some(question * 2)).collect();
        assert_eq!(answers, expected);
        let requests = requests.into_inner();
        assert!(requests <= 4, "{requests} requests for 100 questions at once");
    }

    #[tokio::test]
    async fn a_request_is_never_larger_than_its_room_but_for_one_question() {
        let gather = Gather::new(Gathering::default(), 10);
        let send = |questions: Vec<usize>| async move {
            assert!(
                questions.len() == 1 || questions.iter().sum::<usize>() <= 10,
                "{questions:?}"
            );
            questions
        };
        let sizes = [3, 40, 3, 4, 3, 10, 1, 11];
        let answers = join_all(sizes.map(|size| gather.ask(size, size, send))).await;
        assert_eq!(answers, sizes.map(Some));
    }

    #[tokio::test]
    async fn who_waits_for_a_request_under_way_rests() {
        struct Wakes(AtomicUsize);
        impl ArcWake for Wakes {
            fn wake_by_ref(wakes: &Arc<Self>) {
                wakes.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let gather = Gather::<u8, u8>::new(Gathering::default(), 10);
        let never = |_| std::future::pending::<Vec<u8>>();
        let mut asking = Box::pin(join_all((0..3).map(|question| gather.ask(question, 1, never))));
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let waker = waker(Arc::clone(&wakes));
        for poll in 0.. {
            assert!(
                asking
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            if wakes.0.swap(0, Ordering::SeqCst) == 0 {
                break;
            }
            assert!(poll < 20, "the turn that is left goes round among them");
        }
    }

    #[tokio::test]
    async fn who_waited_for_one_that_was_stopped_hears_of_it() {
        let gather = Gather::<u8, u8>::new(Gathering::default(), 10);
        let never = |_| std::future::pending::<Vec<u8>>();
        let mut first = Box::pin(gather.ask(1, 1, never));
        let mut second = Box::pin(gather.ask(2, 1, never));
        for _ in 0..5 {
            assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
        }
        drop(first);
        assert_eq!(second.await, None);
    }

    #[tokio::test]
    async fn a_question_that_is_left_out_is_told_so() {
        let gather = Gather::<u8, u8>::new(Gathering::default(), 10);
        assert_eq!(gather.ask(1, 1, |_| async { Vec::new() }).await, None);
    }
}
