//! Hears `NOTIFY` on a connection of its own and passes it on as wake-up calls.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::storage::Woken;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::time::{sleep, timeout};

use super::dialect::{
    AGENTS_CHANNEL, CHANGES_CHANNEL, EVENTS_CHANNEL, JOBS_CHANNEL, NONE_DUE, NUMBERED, TASKS_CHANNEL,
};
use crate::announcement;
use crate::fault::connection_reason;
use crate::meter::Meter;
use crate::signals::Signals;

/// How often watchers are woken, and a new connection tried, while the listener is cut.
const POLL: Duration = Duration::from_secs(1);
/// After this silence the connection is asked whether it still lives: a cut cable does not say so.
const SILENCE: Duration = Duration::from_secs(10);
/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Listens for ever, over every loss of the connection.
pub async fn run(login: PgConnectOptions, signals: Arc<Signals>, meter: Arc<Meter>) {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ANSWER)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(login);
    let mut attempt = 0_u64;
    loop {
        let Err(error) = follow(&pool, &signals, &mut attempt).await;
        attempt += 1;
        meter.connection_failed(connection_reason(&error).unwrap_or("listener"));
        if attempt == 1 {
            tracing::warn!(
                %error,
                "database listener is cut, polling until it is back"
            );
        }
        wake(&signals);
        sleep(POLL).await;
    }
}

async fn follow(pool: &PgPool, signals: &Signals, attempt: &mut u64) -> Result<Infallible, sqlx::Error> {
    let mut listener = start(pool, signals).await?;
    if std::mem::take(attempt) > 0 {
        tracing::info!("database listener is back");
    }
    // What was announced before we listened.
    wake(signals);
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(heard))) => pass_on(signals, heard.channel(), heard.payload()),
            Ok(Ok(None)) => return Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionAborted.into())),
            Ok(Err(error)) => return Err(error),
            Err(_silence) => ask(&mut listener).await?,
        }
    }
}

fn pass_on(signals: &Signals, channel: &str, payload: &str) {
    match (channel, payload) {
        (CHANGES_CHANNEL, _) => signals.changes_moved(),
        (TASKS_CHANNEL, _) => signals.tasks_moved(),
        (EVENTS_CHANNEL, NUMBERED) => signals.events_numbered(),
        (EVENTS_CHANNEL, _) => signals.events_fresh(),
        (AGENTS_CHANNEL, agents) => signals.wake(announcement::read(agents)),
        (JOBS_CHANNEL, NONE_DUE) => signals.jobs_moved(),
        _ => signals.jobs_posted(),
    }
}

/// Connects and listens; watchers are woken for as long as that takes.
async fn start(pool: &PgPool, signals: &Signals) -> Result<PgListener, sqlx::Error> {
    let mut starting = std::pin::pin!(async {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener
            .listen_all([
                CHANGES_CHANNEL,
                JOBS_CHANNEL,
                TASKS_CHANNEL,
                EVENTS_CHANNEL,
                AGENTS_CHANNEL,
            ])
            .await?;
        Ok(listener)
    });
    loop {
        match timeout(POLL, &mut starting).await {
            Ok(started) => return started,
            Err(_still_trying) => wake(signals),
        }
    }
}

async fn ask(listener: &mut PgListener) -> Result<(), sqlx::Error> {
    match timeout(ANSWER, sqlx::query("SELECT 1").execute(listener)).await {
        Ok(answer) => answer.map(|_| ()),
        Err(_silence) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

fn wake(signals: &Signals) {
    signals.changes_moved();
    signals.jobs_posted();
    signals.tasks_moved();
    signals.events_fresh();
    signals.events_numbered();
    signals.wake(Woken::All);
}
