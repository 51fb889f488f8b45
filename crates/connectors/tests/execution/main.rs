//! Tools run against a real HTTP server on the loopback interface.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod answers;
mod bounds;
mod breaker;
mod guard;
mod redirects;
mod requests;
mod secrets;
mod support;
mod tls;
mod watched;
