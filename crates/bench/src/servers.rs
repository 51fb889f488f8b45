//! What the mesh is compared with: the API itself, a bare reverse proxy, and the least MCP server with one tool; and where it
//! sends its traces.

mod collector;
mod least;
mod proxy;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::Path;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use clap::ValueEnum;
use http::header::CONTENT_TYPE;
use tokio::process::{Child, Command};

/// `bench serve KIND --listen ADDRESS --upstream URL`.
#[derive(clap::Args)]
pub struct Serve {
    kind: Kind,
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long, default_value = "")]
    upstream: String,
}

/// One of the servers.
#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    /// The API: `GET /items/{id}`.
    Api,
    /// A reverse proxy and nothing else.
    Proxy,
    /// The API that answers nothing; `GET /held`: how many requests wait now.
    Hanging,
    /// An rmcp server with one tool, which calls the API.
    Least,
    /// A WebSocket that sends back what it gets.
    Echo,
    /// An OTLP collector that reads what it gets and forgets it.
    Collector,
}

/// A server that runs until this is dropped.
pub struct Running {
    /// `http://ADDRESS`.
    pub url: String,
    _child: Child,
}

/// Runs one of them until it is killed.
pub async fn run(serve: Serve) -> Result<()> {
    let router = match serve.kind {
        Kind::Api => api(),
        Kind::Hanging => hanging(),
        Kind::Echo => echo(),
        Kind::Collector => collector::router(),
        Kind::Proxy => proxy::router(&serve.upstream)?,
        Kind::Least => least::router(serve.upstream),
    };
    let listener = tokio::net::TcpListener::bind(serve.listen).await?;
    // Without it small answers wait for the peer's delayed acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}

/// Starts one as a process of its own, on a free port.
///
/// # Errors
/// When it does not answer in time.
pub async fn start(kind: Kind, upstream: &str) -> Result<Running> {
    let address = free_address()?;
    let name = kind.to_possible_value().context("a kind without a name")?;
    let child = Command::new(std::env::current_exe()?)
        .args(["serve", name.get_name(), "--listen", &address.to_string()])
        .args(["--upstream", upstream])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let reached = test_support::eventually(std::time::Duration::from_secs(10), || {
        tokio::net::TcpStream::connect(address)
    });
    reached.await.context("the server did not start")?;
    Ok(Running {
        url: format!("http://{address}"),
        _child: child,
    })
}

/// An address of the loopback interface that was free just now.
pub fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// The item's JSON, as the API answers it.
pub fn item(id: u64) -> String {
    format!(r#"{{"id":{id},"name":"lamp"}}"#)
}

fn api() -> Router {
    let item = async |Path(id): Path<u64>| ([(CONTENT_TYPE, "application/json")], item(id)).into_response();
    Router::new().route("/items/{id}", get(item))
}

fn echo() -> Router {
    let back = async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err()
            {
                break;
            }
        }
    };
    let open = async move |upgrade: WebSocketUpgrade| upgrade.protocols(["mcp.v1"]).on_upgrade(back);
    Router::new().route("/ws", get(open))
}

fn hanging() -> Router {
    let held = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&held);
    let hang = move || {
        let waiting = Waiting::new(&held);
        async move {
            std::future::pending::<()>().await;
            drop(waiting);
        }
    };
    Router::new().route("/items/{id}", get(hang)).route(
        "/held",
        get(async move || count.load(Ordering::SeqCst).to_string()),
    )
}

/// A request that waits, counted for as long as it does.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn new(held: &Arc<AtomicUsize>) -> Self {
        held.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(held))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
