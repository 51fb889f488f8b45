//! How a process of ours starts, listens, is configured and stops. Knows nothing of the product.
//!
//! A service's `main` reads: [`config::load`] a value, build the parts, [`lifecycle::Lifecycle::spawn`] them,
//! [`lifecycle::Lifecycle::run_until_stopped`], exit. Invariants kept here:
//!
//! - nothing is spawned except through a [`lifecycle::Lifecycle`], which waits for it at shutdown;
//! - a part that ends alone ends its service with failure;
//! - every listener sets `TCP_NODELAY`, bounds headers, time and connections ([`listen`]);
//! - settings come from one value that refuses unknown keys and prints secrets as `***` ([`config`]).
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests spawn clients that no shutdown waits for"
    )
)]

pub mod config;
pub mod lifecycle;
pub mod link;
pub mod listen;
pub mod threads;
