//! The WebSocket door of the agents, `GET /ws`: `docs/websocket-protocol.md` is its specification, the crate `frames` its
//! codec.
//!
//! [`handshake`] decides who may knock; [`connection`] reads one connection's messages, and [`dispatch`] and [`ask`] find
//! who answers each: the connection itself, a method of the mesh ([`crate::methods`]), or MCP's engine through rmcp ([`mcp`]).
//! [`writer`] sends what waits in the queue of a [`socket`]. A [`session`] is what a client has here; it outlives its
//! socket where the client asked for that ([`resume`], [`back`]).

mod ask;
mod back;
mod batch;
mod config;
mod connection;
mod dispatch;
mod end;
mod handshake;
mod hosts;
mod mcp;
mod metrics;
mod open;
pub(crate) mod rate;
mod resume;
mod session;
mod socket;
mod writer;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use domain::ports::Cache;
use runtime::lifecycle::Lifecycle;
use telemetry::Telemetry;
use tokio_util::sync::CancellationToken;

use crate::engine::{Backend, Engine};
use crate::methods::MethodTable;
use crate::transport::Gate;

pub use config::WebSocketConfig;
pub use frames::Class;
pub use metrics::WebSocketMetrics;
pub use open::Connections;
pub use session::Connection;

/// The path of the endpoint.
pub const PATH: &str = "/ws";

/// What the door works with.
pub struct WebSocketParts<B> {
    /// Answers the methods of MCP.
    pub engine: Engine<B>,
    /// Answers the others.
    pub methods: MethodTable,
    /// What requests of every transport pass through.
    pub gate: Arc<Gate>,
    /// The settings.
    pub config: WebSocketConfig,
    /// Where messages wait for clients that come back.
    pub cache: Arc<dyn Cache>,
    /// Runs the connections.
    pub life: Lifecycle,
    /// Where they are counted.
    pub telemetry: Telemetry,
}

/// The door: a router to serve, and who came through.
pub struct WebSockets {
    router: Router,
    connections: Connections,
    shelf: resume::Shelf,
}

/// What every connection shares.
struct Shared<B> {
    engine: Engine<B>,
    methods: MethodTable,
    gate: Arc<Gate>,
    config: Arc<WebSocketConfig>,
    hosts: hosts::Hosts,
    places: crate::transport::limits::Places,
    connections: Connections,
    shelf: resume::Shelf,
    metrics: Arc<WebSocketMetrics>,
    telemetry: Telemetry,
    life: Lifecycle,
}

impl WebSockets {
    /// The door over these parts.
    #[must_use]
    pub fn new<B: Backend>(parts: WebSocketParts<B>) -> Self {
        let WebSocketParts {
            engine,
            methods,
            gate,
            config,
            cache,
            life,
            telemetry,
        } = parts;
        let shelf = resume::Shelf::new(cache, &config);
        let connections = Connections::default();
        let shared = Shared {
            hosts: hosts::Hosts::new(&gate.config),
            places: crate::transport::limits::Places::new(config.max_connections),
            metrics: Arc::new(WebSocketMetrics::begun(&telemetry)),
            connections: connections.clone(),
            shelf: shelf.clone(),
            config: Arc::new(config),
            engine,
            methods,
            gate,
            telemetry,
            life,
        };
        let router = Router::new().route(PATH, get(handshake::knock::<B>).with_state(Arc::new(shared)));
        Self {
            router,
            connections,
            shelf,
        }
    }

    /// The route `/ws`.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Hears of connections that move from replica to replica, until `stop`. A part of the service's life.
    pub fn upkeep(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let (shelf, connections) = (self.shelf.clone(), self.connections.clone());
        async move { shelf.follow(connections, stop).await }
    }

    /// Who is connected to this replica.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }
}
