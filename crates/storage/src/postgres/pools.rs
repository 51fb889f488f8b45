//! The connections to Postgres, and the role that every transaction puts on.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Postgres, Transaction};
use tokio::task::JoinSet;

use super::dialect;
use crate::connect::{ConnectError, StorageOptions};
use crate::scope::{Mode, Scope};

/// The connections to Postgres.
pub struct Pools {
    app: PgPool,
    /// The same pool, unless the relay has a login of its own.
    relay: PgPool,
    statement_timeout: Duration,
    /// Ends with the pools: [`Pools::close`], or when they are dropped.
    listener: Mutex<JoinSet<()>>,
}

impl Pools {
    /// Connects, and makes sure that both roles can be put on and the tables are there.
    pub async fn open(
        login: PgConnectOptions,
        relay: Option<PgConnectOptions>,
        options: &StorageOptions,
    ) -> Result<Self, ConnectError> {
        let asleep = options.test_idle;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections.max(1))
            .acquire_timeout(options.acquire_timeout)
            // One that is in use is known to live: its last release asked it.
            .test_before_acquire(false)
            .before_acquire(move |connection, seen| {
                Box::pin(async move {
                    if seen.idle_for >= asleep {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        let app = pool
            .clone()
            .connect_with(login)
            .await
            .map_err(ConnectError::Unreachable)?;
        let relay = match relay {
            Some(login) => pool
                .connect_with(login)
                .await
                .map_err(ConnectError::Unreachable)?,
            None => app.clone(),
        };
        let statement_timeout = options.statement_timeout;
        let pools = Self {
            app,
            relay,
            statement_timeout,
            listener: Mutex::default(),
        };
        pools.check().await.map_err(ConnectError::NotSetUp)?;
        Ok(pools)
    }

    async fn check(&self) -> Result<(), sqlx::Error> {
        for scope in [Scope::Tenant(domain::TenantId(uuid::Uuid::nil())), Scope::Across] {
            let mut transaction = self.begin(scope, Mode::Read).await?;
            sqlx::query("SELECT number FROM change_counter")
                .execute(&mut *transaction)
                .await?;
            transaction.rollback().await?;
        }
        Ok(())
    }

    /// Runs the listener for as long as the pools are open.
    pub fn listen(&self, listener: impl Future<Output = ()> + Send + 'static) {
        self.listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spawn(listener);
    }

    /// Begins a transaction under the scope's role. Whoever logged in, owner or superuser, works as that role.
    pub async fn begin(
        &self,
        scope: Scope,
        mode: Mode,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        // One snapshot for all statements of a read: what retention removes in between does not open a gap.
        let begin = match mode {
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Mode::Write | Mode::Keyed => "BEGIN",
        };
        let (pool, role, tenant) = match scope {
            Scope::Tenant(tenant) => (&self.app, "devmesh_app", tenant.to_string()),
            Scope::Across => (&self.relay, "devmesh_relay", String::new()),
        };
        let mut transaction = pool.begin_with(begin).await?;
        let put_on = match mode {
            Mode::Read | Mode::Write => dialect::PUT_ON,
            Mode::Keyed => dialect::PUT_ON_KEYED,
        };
        dialect::put_on(&mut transaction, put_on, role, &tenant, self.statement_timeout).await?;
        Ok(transaction)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.app).await?;
        Ok(())
    }

    /// Connections open, and of these in use.
    pub fn usage(&self) -> (u32, u32) {
        let pools = if self.has_own_relay() {
            vec![&self.app, &self.relay]
        } else {
            vec![&self.app]
        };
        pools.into_iter().fold((0, 0), |(size, used), pool| {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            (size + pool.size(), used + pool.size().saturating_sub(idle))
        })
    }

    /// Ends the listener and closes every connection, waiting for those in use.
    pub async fn close(&self) {
        let mut listener = std::mem::take(&mut *self.listener.lock().unwrap_or_else(PoisonError::into_inner));
        listener.shutdown().await;
        self.relay.close().await;
        self.app.close().await;
    }

    fn has_own_relay(&self) -> bool {
        !std::sync::Arc::ptr_eq(&self.app.connect_options(), &self.relay.connect_options())
    }
}
