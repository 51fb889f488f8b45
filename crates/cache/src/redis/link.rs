//! The connections, and the bound on how long they may take.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use deadpool::managed::{Object, Pool, PoolError};
use domain::ports::cache::CacheError;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisError,
    aio::PubSub,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::{Instant, timeout_at};

use super::connections::{Connections, Server};
use crate::CacheOptions;

/// How long nothing is asked after a time-out: a Redis that is silent must not cost every call its whole bound.
const REST: Duration = Duration::from_secs(1);

/// Redis, with every operation bounded.
pub(super) struct Link {
    pool: Pool<Connections>,
    /// Makes the connections that listen.
    server: Server,
    timeout: Duration,
    resting_until: Mutex<Option<Instant>>,
}

impl Link {
    pub(super) fn new(url: &str, options: &CacheOptions) -> Result<Self, CacheError> {
        // The parser's own words may repeat the URL, and with it the password.
        let wrong = |_: RedisError| CacheError("the cache's URL is no redis:// or rediss:// URL".into());
        let info = url
            .into_connection_info()
            .map_err(wrong)?
            .set_tcp_settings(tcp_settings());
        let server = Server {
            info,
            authorities: options.authorities.clone(),
        };
        if server.authorities.is_some() && !matches!(server.info.addr(), ConnectionAddr::TcpTls { .. }) {
            let said = "expected rediss://…, since `cache.ca_file` names authorities";
            return Err(CacheError(said.into()));
        }
        let pool = Pool::builder(manager(server.clone(), options.timeout))
            .max_size(options.connections.max(1))
            .build();
        Ok(Self {
            pool: pool.map_err(|error| CacheError(error.to_string()))?,
            server,
            timeout: options.timeout,
            resting_until: Mutex::default(),
        })
    }

    /// Sends a command and reads its answer.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        let deadline = self.begin()?;
        let mut connection = self
            .bounded(deadline, self.pool.get())
            .await?
            .map_err(no_connection)?;
        let answer = self
            .bounded(deadline, command.query_async(&mut *connection))
            .await;
        let is_sound = match &answer {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => !error.is_unrecoverable_error(),
            // It may be dead without knowing.
            Err(_) => false,
        };
        if !is_sound {
            // The pool makes another.
            drop(Object::take(connection));
        }
        answer?.map_err(failed)
    }

    /// A connection that listens to `channel`.
    pub(super) async fn listen(&self, channel: &str) -> Result<PubSub, CacheError> {
        let deadline = self.begin()?;
        let listening = async {
            let mut listening = self.server.client()?.get_async_pubsub().await?;
            listening.subscribe(channel).await?;
            Ok(listening)
        };
        self.bounded(deadline, listening).await?.map_err(failed)
    }

    /// The deadline of an operation that begins now, unless Redis is given a rest.
    fn begin(&self) -> Result<Instant, CacheError> {
        let now = Instant::now();
        let resting = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        match *resting {
            Some(until) if until > now => Err(CacheError("it did not answer in time a moment ago".into())),
            _ => Ok(now + self.timeout),
        }
    }

    async fn bounded<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Result<T, CacheError> {
        timeout_at(deadline, work).await.map_err(|_| {
            *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
            CacheError("no answer in time".into())
        })
    }
}

fn manager(server: Server, timeout: Duration) -> Connections {
    // The bound is `Link`'s; the client library's own, a little longer, must not come first.
    let longer = timeout.checked_mul(2);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(longer)
        .set_response_timeout(longer);
    Connections::new(server, config)
}

/// Small commands go at once, and a listener notices within half a minute that its Redis is gone.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}

fn no_connection(error: PoolError<RedisError>) -> CacheError {
    match error {
        PoolError::Backend(error) => failed(error),
        other => CacheError(other.to_string()),
    }
}

fn failed(error: RedisError) -> CacheError {
    let mut said = error.to_string();
    // A certificate that is not trusted is a matter of one setting.
    if said.contains("invalid peer certificate") {
        said += "; `cache.ca_file` names the authorities to trust in place of the system's";
    }
    CacheError(said)
}
