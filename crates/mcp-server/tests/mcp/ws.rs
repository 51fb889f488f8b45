//! The WebSocket door.

mod back;
mod door;
mod hostile;
mod limits;
mod methods;
mod talk;
