//! A strict round robin: the worst that a load balancer can do to sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use tower::ServiceExt;

/// One router that gives each request to the next of `routers`.
pub fn in_turn(routers: Vec<Router>) -> Router {
    let (routers, turn) = (Arc::new(routers), Arc::new(AtomicUsize::new(0)));
    Router::new().fallback(move |request: Request| {
        let next = turn.fetch_add(1, Ordering::Relaxed) % routers.len();
        let router = routers[next].clone();
        async move { router.oneshot(request).await }
    })
}
