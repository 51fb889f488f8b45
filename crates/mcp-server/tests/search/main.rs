//! Search finds the right tool among thousands: measured on tables of requests that were written before the ranking.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail loudly, also outside their own functions"
)]

mod catalogue;
mod quality;
mod report;
mod rules;
mod speed;
mod table;
