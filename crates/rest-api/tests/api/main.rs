//! The HTTP and gRPC doors of rest-api, on SQLite and on Postgres.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "tests speak plain HTTP to a service of their own, and fail loudly"
)]

mod access;
mod alerts;
mod app;
mod assignments;
mod conditions;
mod credentials;
mod events;
mod fleet;
mod idempotency;
mod jobs;
mod keys;
mod limits;
mod providers;
mod replicas;
mod rotation;
mod shape;
mod tasks;
mod users;

/// Runs a test once on each database.
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($app:ident: $type:ty) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn case($app: $type) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                case(&$crate::app::App::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                case(&$crate::app::App::on_postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both;
