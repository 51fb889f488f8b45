//! Makes the pool's connections, and says whether one may be used again.

use std::{io, path::PathBuf, time::Duration};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisError, TlsCertificates, cmd};

/// A connection that was used within this time is not asked whether it lives: the question would cost every command of a
/// busy replica another round trip. One that broke meanwhile costs one command, and is thrown away then.
const FRESH: Duration = Duration::from_secs(1);

/// Where Redis is, and who must have signed its certificate.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) info: ConnectionInfo,
    pub(super) authorities: Option<PathBuf>,
}

impl Server {
    /// What connects to it, as its authorities are now.
    pub(super) fn client(&self) -> Result<Client, RedisError> {
        let Some(path) = &self.authorities else {
            return Client::open(self.info.clone());
        };
        let named = |error| io::Error::other(format!("cache.ca_file: {}: {error}", path.display()));
        let root_cert = Some(std::fs::read(path).map_err(named)?);
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert,
        };
        Client::build_with_tls(self.info.clone(), certificates)
    }
}

/// Makes connections.
pub(super) struct Connections {
    server: Server,
    config: AsyncConnectionConfig,
}

impl Connections {
    pub(super) fn new(server: Server, config: AsyncConnectionConfig) -> Self {
        Self { server, config }
    }
}

impl Manager for Connections {
    type Type = MultiplexedConnection;
    type Error = RedisError;

    async fn create(&self) -> Result<MultiplexedConnection, RedisError> {
        self.server
            .client()?
            .get_multiplexed_async_connection_with_config(&self.config)
            .await
    }

    async fn recycle(
        &self,
        connection: &mut MultiplexedConnection,
        metrics: &Metrics,
    ) -> RecycleResult<RedisError> {
        if metrics.last_used() < FRESH {
            return Ok(());
        }
        connection
            .req_packed_command(&cmd("PING"))
            .await
            .map(drop)
            .map_err(RecycleError::Backend)
    }
}
