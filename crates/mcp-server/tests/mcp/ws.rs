//! The WebSocket door.

mod door;
mod hostile;
mod limits;
mod methods;
mod talk;
