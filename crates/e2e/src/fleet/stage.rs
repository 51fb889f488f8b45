//! The mesh, its servers and the crews, all of which can fail.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use test_support::{Postgres, RabbitMq, Redis, eventually, http as plain};

use super::Size;
use super::crew::Crew;
use super::plan::{Plan, Strike};
use crate::chaos::Server;
use crate::{Api, Mesh, Service, Setup};

/// Longest time until everything is ready again: RabbitMQ takes 15 s to start on two busy cores.
const RECOVERY: Duration = Duration::from_secs(120);
/// How long a server is away.
const AWAY: Duration = Duration::from_secs(4);
/// The default of `drain`, and a little.
const DRAIN: Duration = Duration::from_secs(30);

/// Everything.
pub(super) struct Stage {
    mesh: Mesh,
    key: String,
    crews: Vec<Crew>,
    postgres: Option<Postgres>,
    rabbitmq: Option<RabbitMq>,
    redis: Option<Redis>,
}

impl Stage {
    /// Starts everything; servers that the plan does not take away are those of the test run.
    pub(super) async fn set(size: Size, plan: &Plan) -> Result<Self> {
        let mut setup = Setup::cluster().with_short_leases();
        let mut stage = (None, None, None);
        if plan.takes(Server::Postgres) {
            let postgres = Postgres::start().await?;
            setup = setup.with_database(postgres.database("mesh").await?);
            stage.0 = Some(postgres);
        }
        if plan.takes(Server::RabbitMq) {
            let rabbitmq = RabbitMq::start().await?;
            setup = setup.with_broker(rabbitmq.vhost("mesh").await?);
            stage.1 = Some(rabbitmq);
        }
        if plan.takes(Server::Redis) {
            let redis = Redis::start().await?;
            setup = setup.with_cache(redis.url());
            stage.2 = Some(redis);
        }
        let mesh = setup.start().await?;
        let (key, _) = mesh.agent_key().await?;
        let mut crews = Vec::new();
        for number in 0..size.crews {
            let agents = size.agents / size.crews + usize::from(number < size.agents % size.crews);
            crews.push(Crew::start(&mesh, &key, number, agents).await?);
        }
        let (postgres, rabbitmq, redis) = stage;
        Ok(Self {
            mesh,
            key,
            crews,
            postgres,
            rabbitmq,
            redis,
        })
    }

    /// The API, as the admin. rest-api keeps its address over kills.
    pub(super) fn api(&self) -> Result<Api> {
        self.mesh.admin()
    }

    /// One strike, until everything is ready again; how long that took from the moment at which it could be.
    pub(super) async fn strike(&mut self, strike: Strike) -> Result<Duration> {
        match strike {
            Strike::Kill { service, replica } => {
                self.mesh.kill_replica(service, replica).await?;
                self.mesh.start_replica(service, replica).await?;
            }
            Strike::Away(server) => {
                self.take_away(server)?;
                tokio::time::sleep(AWAY).await;
                self.bring_back(server).await?;
            }
            Strike::Crew { number, absent } => {
                let crew = self.crews.get_mut(number).context("no such crew")?;
                crew.kill().await?;
                tokio::time::sleep(Duration::from_secs(absent)).await;
                crew.start_again(&self.mesh, &self.key).await?;
            }
        }
        let mended = Instant::now();
        let back = eventually(RECOVERY, || self.is_ready()).await;
        back.with_context(|| format!("after {strike}"))?;
        self.crews.iter().try_for_each(Crew::is_well)?;
        Ok(mended.elapsed())
    }

    fn take_away(&self, server: Server) -> Result<()> {
        let gone = match server {
            Server::Postgres => self.postgres.as_ref().map(Postgres::kill),
            Server::RabbitMq => self.rabbitmq.as_ref().map(RabbitMq::kill),
            Server::Redis => self.redis.as_ref().map(Redis::kill),
        };
        gone.context("the server is not this run's")?
    }

    async fn bring_back(&self, server: Server) -> Result<()> {
        match server {
            Server::Postgres => self.postgres.as_ref().context("no server")?.start_again().await,
            Server::RabbitMq => self.rabbitmq.as_ref().context("no server")?.start_again().await,
            Server::Redis => self.redis.as_ref().context("no server")?.start_again().await,
        }
    }

    async fn is_ready(&self) -> Result<()> {
        for running in self.mesh.processes() {
            for service in Service::ALL {
                if let Some(url) = running.url(service) {
                    let answer = plain::get(&format!("{url}/health/ready")).await?;
                    ensure!(answer.status.is_success(), "{} {}", service.name(), answer.text());
                }
            }
        }
        Ok(())
    }

    /// Stops everything in order.
    pub(super) async fn clear(&mut self) -> Result<()> {
        for crew in &mut self.crews {
            crew.kill().await?;
        }
        self.mesh.stop(DRAIN).await
    }
}
