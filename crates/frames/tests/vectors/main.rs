//! The published vectors, `docs/websocket-vectors.json`: an implementation in another language has only these.
#![cfg(test)]

mod file;
mod hostile;
mod meaning;
