//! Makes the pool's connections, and says whether one may be used again.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisError, cmd};

/// A connection that was used within this time is not asked whether it lives: the question would cost every command of a
/// busy replica another round trip. One that broke meanwhile costs one command, and is thrown away then.
const FRESH: Duration = Duration::from_secs(1);

/// Makes connections.
pub(super) struct Connections {
    client: Client,
    config: AsyncConnectionConfig,
}

impl Connections {
    pub(super) fn new(info: ConnectionInfo, config: AsyncConnectionConfig) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(info)?,
            config,
        })
    }
}

impl Manager for Connections {
    type Type = MultiplexedConnection;
    type Error = RedisError;

    async fn create(&self) -> Result<MultiplexedConnection, RedisError> {
        self.client
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
