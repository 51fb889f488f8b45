//! The API that jobs call: it answers at once and notes when each item was first asked for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::task::JoinSet;

use crate::servers::item;

/// What it was asked for.
#[derive(Default)]
struct Asked {
    requests: AtomicUsize,
    first: Mutex<HashMap<u64, Instant>>,
}

/// A server that runs until this is dropped.
pub(super) struct Api {
    pub(super) url: String,
    asked: Arc<Asked>,
    _server: JoinSet<()>,
}

impl Api {
    pub(super) async fn open() -> Result<Self> {
        let asked = Arc::<Asked>::default();
        let router = Router::new()
            .route("/items/{id}", get(answer))
            .with_state(Arc::clone(&asked));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let mut server = JoinSet::new();
        server.spawn(async { drop(axum::serve(listener, router).await) });
        Ok(Self {
            url,
            asked,
            _server: server,
        })
    }

    /// When an item was first asked for.
    pub(super) fn arrival(&self, item: u64) -> Option<Instant> {
        lock(&self.asked.first).get(&item).copied()
    }

    /// How many requests there were.
    pub(super) fn requests(&self) -> usize {
        self.asked.requests.load(Ordering::Relaxed)
    }
}

async fn answer(State(asked): State<Arc<Asked>>, Path(id): Path<u64>) -> impl axum::response::IntoResponse {
    asked.requests.fetch_add(1, Ordering::Relaxed);
    lock(&asked.first).entry(id).or_insert_with(Instant::now);
    ([(CONTENT_TYPE, "application/json")], item(id))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
