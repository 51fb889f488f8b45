//! What the calls of a run meet: a mesh, its servers, a disk and an upstream, all of which can fail.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use serde_json::json;
use test_support::{Postgres, RabbitMq, Redis, SmallDisk, eventually, http as plain};
use tokio::sync::watch;

use super::effects::Effects;
use super::load::{Calls, Known, Way, held, now};
use super::plan::{Fault, Planned, Server};
use crate::{Mesh, PATIENCE, Service, Setup, Shape, Shop};

/// Longest time until everything is ready again: RabbitMQ takes 15 s to start on two busy cores.
const RECOVERY: Duration = Duration::from_secs(120);
/// Holds the reserves of four spools, the journals of spans beside them, and some hundred records.
const DISK_KIB: u32 = 8 << 10;
/// Answers in a row that show that a breaker has closed again.
const PROBES: usize = 4;

/// Everything.
pub(super) struct Stage {
    pub(super) mesh: Mesh,
    pub(super) effects: Arc<Effects>,
    pub(super) known: Known,
    pub(super) calls: Calls,
    /// Faults that are over.
    pub(super) past: Vec<Past>,
    /// Calls begun so far.
    pub(super) begun: watch::Receiver<usize>,
    servers: Option<Servers>,
    disk: Option<SmallDisk>,
    _shop: Shop,
}

/// A fault that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past {
    pub(super) fault: Fault,
    pub(super) began: SystemTime,
    /// When processes were killed, if it was that.
    pub(super) killed: Option<SystemTime>,
    pub(super) ended: SystemTime,
}

impl fmt::Display for Past {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |at: SystemTime| DateTime::<Utc>::from(at).format("%H:%M:%S%.3f").to_string();
        let killed = self.killed.map(|at| format!(", dead at {}", time(at)));
        write!(
            out,
            "{} to {}: {}{}",
            time(self.began),
            time(self.ended),
            self.fault,
            killed.unwrap_or_default()
        )
    }
}

struct Servers {
    postgres: Postgres,
    rabbitmq: RabbitMq,
    redis: Redis,
}

impl Servers {
    async fn start() -> Result<Self> {
        Ok(Self {
            postgres: Postgres::start().await?,
            rabbitmq: RabbitMq::start().await?,
            redis: Redis::start().await?,
        })
    }

    async fn under(&self, setup: Setup) -> Result<Setup> {
        Ok(setup
            .with_database(self.postgres.database("mesh").await?)
            .with_broker(self.rabbitmq.vhost("mesh").await?)
            .with_cache(self.redis.url()))
    }

    async fn take_away(&self, server: Server, abruptly: bool) -> Result<()> {
        match (server, abruptly) {
            (Server::Postgres, true) => self.postgres.kill(),
            (Server::Postgres, false) => self.postgres.stop().await,
            (Server::RabbitMq, true) => self.rabbitmq.kill(),
            (Server::RabbitMq, false) => self.rabbitmq.stop().await,
            (Server::Redis, true) => self.redis.kill(),
            (Server::Redis, false) => self.redis.stop().await,
        }
    }

    async fn bring_back(&self, server: Server) -> Result<()> {
        match server {
            Server::Postgres => self.postgres.start_again().await,
            Server::RabbitMq => self.rabbitmq.start_again().await,
            Server::Redis => self.redis.start_again().await,
        }
    }
}

impl Stage {
    /// Starts everything. Without the right to mount a disk there is none.
    pub(super) async fn set(shape: Shape, begun: watch::Receiver<usize>) -> Result<Self> {
        let mut setup = match shape {
            Shape::Up => Setup::up(),
            Shape::Cluster => Setup::cluster().with_workers(2),
        };
        let servers = match shape {
            Shape::Up => None,
            Shape::Cluster => Some(Servers::start().await?),
        };
        if let Some(servers) = &servers {
            setup = servers.under(setup).await?;
        }
        let disk = SmallDisk::mount(DISK_KIB)?;
        if let Some(disk) = &disk {
            setup = setup.with_spools_in(disk.path());
        }
        for service in [Service::McpServer, Service::Worker] {
            setup = setup.set(service, "spool.reserve", "256KiB");
        }
        setup = setup.with_variable("DEVMESH_TRACING__JOURNAL_BYTES", "1048576");
        // A worker that has to wait a second for a processor must not lose its jobs: nothing here would explain that.
        let setup = setup.with_short_leases().set(Service::Worker, "jobs.lease", "3s");
        let (mesh, shop) = (setup.start().await?, Shop::open().await?);
        let effects = Effects::of(&shop, mesh.dir())?;
        let (key, _) = mesh.agent_key().await?;
        shop.add_limited(&mesh, &key, &limits()).await?;
        Ok(Self {
            known: Known::of(&mesh, &key)?,
            calls: Calls::default(),
            past: Vec::new(),
            mesh,
            effects,
            begun,
            servers,
            disk,
            _shop: shop,
        })
    }

    /// When spans could not be journalled, so that a kill after it took those that had not been sent: the disk under the
    /// journals was full.
    pub(super) fn unjournalled(&self) -> Vec<Range<SystemTime>> {
        let full = self.past.iter().filter(|past| past.fault == Fault::DiskFull);
        full.map(|past| past.began..past.ended).collect()
    }

    /// Whether the disk under the spools can be filled.
    pub(super) fn has_small_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// One fault from its beginning until everything is ready again; `number` tells it from the others.
    pub(super) async fn strike(&mut self, number: usize, planned: Planned) -> Result<()> {
        let began = now();
        let killed = match planned.fault {
            Fault::Kill {
                service,
                replica,
                inside_write,
            } => self.kill(number, service, replica, inside_write).await.map(Some),
            fault => self.last(planned, fault).await.map(|()| None),
        };
        let killed = killed.with_context(|| format!("fault {number}, {}", planned.fault))?;
        let back = eventually(RECOVERY, || self.readiness(Service::ALL.to_vec(), true)).await;
        back.with_context(|| format!("after fault {number}, {}", planned.fault))?;
        self.past.push(Past {
            fault: planned.fault,
            began,
            killed,
            ended: now(),
        });
        Ok(())
    }

    /// Kills one process, and starts it again as a supervisor would; when it was dead.
    async fn kill(
        &mut self,
        number: usize,
        service: Service,
        replica: usize,
        inside: bool,
    ) -> Result<SystemTime> {
        let (calls, known, effects) = (self.calls.clone(), self.known.clone(), self.effects.clone());
        let write = async {
            if inside {
                calls.make_held(number, &known, service, replica).await;
            }
        };
        let murder = async {
            if inside {
                let there = arrived(&effects, &held(number)).await;
                there.with_context(|| calls.told(&held(number)))?;
            }
            // Which of the workers has the job is not known: all of them are killed then.
            let all = inside && service == Service::Worker && self.mesh.shape() == Shape::Cluster;
            let replicas = if all { vec![1, 2] } else { vec![replica] };
            for replica in &replicas {
                self.mesh.kill_replica(service, *replica).await?;
            }
            let killed = now();
            effects.release();
            for replica in replicas {
                self.mesh.start_replica(service, replica).await?;
            }
            self.known.renew(&self.mesh)?;
            anyhow::Ok(killed)
        };
        tokio::join!(write, murder).1
    }

    /// A fault that goes on for a number of calls, and what the services say of themselves meanwhile.
    async fn last(&mut self, planned: Planned, fault: Fault) -> Result<()> {
        let sick = fault.makes_unready();
        match fault {
            Fault::Away { server, abruptly } => self.servers()?.take_away(server, abruptly).await?,
            Fault::Upstream(broken) => self.effects.behave(Some(broken)),
            _ => {}
        }
        let shows = || async {
            if fault == Fault::DiskFull {
                self.use_up_the_disk(planned.after).await?;
            }
            self.readiness(sick.to_vec(), false).await
        };
        eventually(PATIENCE, shows)
            .await
            .context("readiness does not show it")?;
        let mut begun = self.begun.clone();
        begun
            .wait_for(|calls| *calls >= planned.after + planned.during)
            .await?;
        let well = Service::ALL.into_iter().filter(|service| !sick.contains(service));
        let well: Vec<Service> = well.collect();
        eventually(PATIENCE, || self.readiness(well.clone(), true))
            .await
            .context("meanwhile")?;
        match fault {
            Fault::Away { server, .. } => self.servers()?.bring_back(server).await,
            Fault::DiskFull => self.disk.as_ref().context("no disk to free")?.free(),
            _ => {
                self.effects.behave(None);
                self.answers_again().await
            }
        }
    }

    /// Fills the disk, also with what was given back meanwhile; then every process with a spool gets something to record:
    /// before it has failed to do so it cannot know.
    async fn use_up_the_disk(&self, number: usize) -> Result<()> {
        self.disk.as_ref().context("no disk to fill")?.fill()?;
        let replicas = 0..self.known.now().all_mcp().len();
        let calls = replicas.flat_map(|replica| [Way::Write, Way::WriteJob].map(|way| (way, replica)));
        for (way, replica) in calls {
            self.calls
                .make_further(way, &format!("full-{number}"), replica, &self.known)
                .await;
        }
        Ok(())
    }

    /// Whether every replica of these services says that it is ready, or that it is not.
    async fn readiness(&self, of: Vec<Service>, wanted: bool) -> Result<()> {
        for running in self.mesh.processes() {
            for service in &of {
                let Some(url) = running.url(*service) else {
                    continue;
                };
                let answer = plain::get(&format!("{url}/health/ready")).await?;
                ensure!(
                    answer.status.is_success() == wanted,
                    "{} {}: {} {}",
                    service.name(),
                    running.replica,
                    answer.status,
                    answer.text()
                );
            }
        }
        Ok(())
    }

    /// Waits until calls through every replica come through again: its breaker has closed.
    async fn answers_again(&self) -> Result<()> {
        for client in self.known.now().all_mcp() {
            let again = || async {
                for _ in 0..PROBES {
                    let result = client.call(Shop::GET_ITEM, &json!({"id": 5})).await?;
                    ensure!(result["isError"] != true, "{result}");
                }
                anyhow::Ok(())
            };
            eventually(PATIENCE, again).await?;
        }
        Ok(())
    }

    fn servers(&self) -> Result<&Servers> {
        self.servers.as_ref().context("up has no servers")
    }

    /// Stops everything in order.
    pub(super) async fn clear(&mut self, drain: Duration) -> Result<()> {
        self.mesh.stop(drain).await
    }
}

impl Fault {
    /// The services whose readiness must say that they cannot work; all others go on.
    fn makes_unready(self) -> &'static [Service] {
        match self {
            Self::Away {
                server: Server::Postgres,
                ..
            } => &[Service::RestApi],
            Self::Away {
                server: Server::RabbitMq,
                ..
            } => &[Service::Worker],
            Self::DiskFull => &[Service::McpServer, Service::Worker],
            _ => &[],
        }
    }
}

/// A call is given up after two seconds, so that an upstream that hangs does not make the run last for hours; and the
/// breaker opens and closes within one outage.
fn limits() -> serde_json::Value {
    json!({
        "timeout_ms": 2_000,
        "breaker": {"enabled": true, "window_ms": 5_000, "minimum_calls": 10, "failure_percent": 50, "slow_call_ms": 15_000,
            "slow_percent": 90, "open_ms": 500, "probes": 3},
    })
}

async fn arrived(effects: &Effects, marker: &str) -> Result<()> {
    let is_there = || async {
        effects
            .markers()
            .is_ok_and(|all| all.iter().any(|one| one == marker))
    };
    eventually(PATIENCE, is_there)
        .await
        .with_context(|| format!("{marker} did not arrive"))
}
