//! One tokio runtime for each service, whose threads log as that service.
//!
//! `devmesh up` runs three services in one process. A `tracing` subscriber is either global or bound to a
//! thread; with a runtime of its own a service's subscriber is the default of every thread its tasks run on,
//! also for tasks that a library starts with `tokio::spawn`.

use std::cell::RefCell;
use std::io;

use tokio::runtime::{Builder, Runtime};
use tracing::dispatcher::{DefaultGuard, Dispatch, set_default, with_default};

/// Twice the usual: a handler polls futures within futures, and a debug build comes near 2 MiB with the deepest. Of a stack
/// only what is used takes memory.
const STACK_BYTES: usize = 4 << 20;

thread_local! {
    static GUARD: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Builds a multi-thread runtime whose worker and blocking threads are called after `name` and have
/// `dispatch` as their default subscriber. With `worker_threads` 0 it has one worker for each core.
///
/// `Runtime::block_on` polls on the caller's thread, which is none of these: use [`block_on`].
///
/// # Errors
/// When the operating system refuses a thread or an event queue.
pub fn service_runtime(name: &str, worker_threads: usize, dispatch: Dispatch) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if worker_threads > 0 {
        builder.worker_threads(worker_threads);
    }
    builder
        .thread_name(name)
        .thread_stack_size(STACK_BYTES)
        .on_thread_start(move || GUARD.with(|guard| *guard.borrow_mut() = Some(set_default(&dispatch))))
        .on_thread_stop(|| drop(GUARD.with(|guard| guard.borrow_mut().take())))
        .enable_all()
        .build()
}

/// Runs `future` on `runtime` from this thread, with `dispatch` as this thread's subscriber meanwhile.
pub fn block_on<T>(runtime: &Runtime, dispatch: &Dispatch, future: impl Future<Output = T>) -> T {
    with_default(dispatch, || runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    #[derive(Clone, Default)]
    struct Counter(Arc<AtomicUsize>);

    impl Subscriber for Counter {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            if event.metadata().target() == "threads-test" {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    fn log_from_everywhere(name: &str, lines: usize) -> usize {
        let counter = Counter::default();
        let dispatch = Dispatch::new(counter.clone());
        let runtime = service_runtime(name, 2, dispatch.clone()).unwrap();
        block_on(&runtime, &dispatch, async move {
            for _ in 0..lines {
                tokio::spawn(async { tracing::info!(target: "threads-test", "from a worker") })
                    .await
                    .unwrap();
                let blocking =
                    tokio::task::spawn_blocking(|| tracing::info!(target: "threads-test", "blocking"));
                blocking.await.unwrap();
            }
            tracing::info!(target: "threads-test", "from block_on");
        });
        counter.0.load(Ordering::SeqCst)
    }

    #[test]
    fn every_task_of_a_service_logs_as_that_service_also_when_two_run_side_by_side() {
        let other = std::thread::spawn(|| log_from_everywhere("two", 7));
        assert_eq!(log_from_everywhere("one", 3), 7);
        assert_eq!(other.join().unwrap(), 15);
    }

    #[test]
    fn without_a_number_there_is_a_worker_for_each_core() {
        let cores = std::thread::available_parallelism().unwrap().get();
        let workers = |asked| {
            service_runtime("n", asked, Dispatch::none())
                .unwrap()
                .metrics()
                .num_workers()
        };
        assert_eq!((workers(0), workers(1), workers(3)), (cores, 1, 3));
    }

    #[test]
    fn worker_threads_carry_the_name_of_their_service() {
        let runtime = service_runtime("edge", 1, Dispatch::none()).unwrap();
        let name = async { std::thread::current().name().map(str::to_owned) };
        let name = runtime.block_on(async { tokio::spawn(name).await.unwrap() });
        assert_eq!(name.as_deref(), Some("edge"));
    }
}
