//! The contract of the storage port: one suite, run on Postgres and on SQLite, and what each back end promises besides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a panic is how a test says no, and its tasks end with it"
)]

mod assignments;
mod audit;
mod backend;
mod backups;
mod bootstrap;
mod changes;
mod claims;
mod endings;
mod idempotency;
mod imports;
mod isolation;
mod jobs;
mod keys;
mod limits;
mod log;
mod logins;
mod lost;
mod messages;
mod migrations;
mod outage;
mod outbox;
mod providers;
mod readbacks;
mod retention;
mod samples;
mod seals;
mod second_lock;
mod slow_commits;
mod sqlite;
mod tasks;
mod telemetry;
mod tls;
mod together;
mod users;

/// Runs each of these functions on a fresh storage of both back ends.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::backend::Backend::sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::backend::Backend::postgres().await).await;
            })+
        }
    };
}
use on_both;
