//! A waker that notes who takes it.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// Deeper stacks are cut.
const DEEPEST: usize = 256;
/// A task that waits for more than this is shown with so many of them.
const MOST: usize = 32;

struct Tracer<'a> {
    real: &'a Waker,
    stacks: Mutex<Vec<Vec<usize>>>,
}

const VTABLE: RawWakerVTable = RawWakerVTable::new(hand_on, wake, wake, |_| ());

/// Polls `future`, and answers the stacks at which it left the waker: innermost address first.
#[inline(never)]
pub(super) fn poll<F: Future>(future: Pin<&mut F>, real: &Waker) -> (Poll<F::Output>, Vec<Vec<usize>>) {
    let tracer = Tracer {
        real,
        stacks: Mutex::default(),
    };
    let data = (&raw const tracer).cast();
    // SAFETY: the functions of VTABLE read `data` as the Tracer that it points to, which outlives this waker: the waker is
    // lent for the poll below alone, and whoever wants to keep one clones it, which gives the real one. Tracer is Sync.
    #[expect(unsafe_code, reason = "there is no safe way to see a waker being cloned")]
    let waker = unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) };
    let polled = future.poll(&mut Context::from_waker(&waker));
    drop(waker);
    (
        polled,
        tracer.stacks.into_inner().unwrap_or_else(PoisonError::into_inner),
    )
}

/// The waker's clone: notes the stack, and hands out a clone of the real one.
///
/// # Safety
/// `data` points to a live Tracer: see [`poll`].
#[inline(never)]
#[expect(unsafe_code, reason = "called through the vtable")]
unsafe fn hand_on(data: *const ()) -> RawWaker {
    // SAFETY: by this function's contract.
    let tracer = unsafe { &*data.cast::<Tracer<'_>>() };
    let mut stacks = tracer.stacks.lock().unwrap_or_else(PoisonError::into_inner);
    if stacks.len() < MOST {
        stacks.push(here());
    }
    drop(stacks);
    // The clone's life goes on in what is returned.
    let real = std::mem::ManuallyDrop::new(tracer.real.clone());
    RawWaker::new(real.data(), real.vtable())
}

/// # Safety
/// As [`hand_on`].
#[expect(unsafe_code, reason = "called through the vtable")]
unsafe fn wake(data: *const ()) {
    // SAFETY: by this function's contract.
    let tracer = unsafe { &*data.cast::<Tracer<'_>>() };
    tracer.real.wake_by_ref();
}

fn here() -> Vec<usize> {
    let mut addresses = Vec::with_capacity(64);
    backtrace::trace(|frame| {
        addresses.push(frame.ip() as usize);
        addresses.len() < DEEPEST
    });
    addresses
}
