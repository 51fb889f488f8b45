//! Search finds the right tool among thousands: measured on tables of requests that were written before the ranking.

mod catalogue;
mod quality;
mod report;
mod rules;
mod speed;
mod table;
