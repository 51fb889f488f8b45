//! How a process of ours starts, listens, is configured and stops. Knows nothing of the product.
//!
//! A service's `main` is one call of [`process::run`]: it loads a value of settings, starts the parts that the service
//! spawns on its [`lifecycle::Lifecycle`], and drains them at the end. Invariants kept here:
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

pub mod admin;
pub mod config;
pub mod lifecycle;
pub mod link;
pub mod listen;
pub mod process;
pub mod threads;
pub mod tls;
