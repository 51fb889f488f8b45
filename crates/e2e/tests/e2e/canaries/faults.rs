//! The same search after faults, with every log line from `debug` on: what is written when things go wrong is another text, and
//! written by other code, than when they go well.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use e2e::{Api, Mesh, PATIENCE, Service, Setup, Shop, binary, unique};
use lapin::options::{BasicGetOptions, BasicRejectOptions};
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};
use test_support::{Gate, Postgres, RabbitMq, Reply, eventually};

use super::hunt::Hunt;
use super::places::{self, Cache, commands};
use super::{credentials, keys};
use crate::rotation;

/// A read that is held at the upstream while something is killed.
const HELD: &str = "alpha_get_item";
const QUEUE: &str = "devmesh.jobs.normal";

#[tokio::test]
async fn no_secret_is_found_anywhere_after_faults_of_a_cluster() -> Result<()> {
    let (database, broker) = (unique("database"), unique("broker"));
    let (postgres, rabbitmq) = (Postgres::start().await?, RabbitMq::start().await?);
    let cache = Cache::start(&unique("cache")).await?;
    let mut database_url = url::Url::parse(&postgres.database("mesh").await?)?;
    database_url
        .set_password(Some(&database))
        .ok()
        .context("no host")?;
    let vhost = rabbitmq.vhost("mesh").await?;
    let setup = loud(Setup::cluster())
        .with_database(database_url.into())
        .with_cache(cache.url())
        .with_broker(rabbitmq.with_user(&vhost, &broker).await?);
    let mut hunt = Hunt::default();
    hunt.canaries.add("database password", &database);
    hunt.canaries.add("broker password", &broker);
    hunt.canaries.add("cache password", cache.password());
    let mut run = Run::start(setup, hunt).await?;
    run.broker_away(&rabbitmq).await?;
    run.worker_killed().await?;
    run.dead_letter().await?;
    run.keys_rotated().await?;
    places::backup(&run.mesh, &postgres.admin_url(), &mut run.hunt)?;
    run.hunt.look("Redis", &cache.heard());
    run.stores_away(&postgres, &cache).await?;
    let hunt = run.end().await?;
    hunt.verdict(&[
        "a log line",
        "a span",
        "a metrics page",
        "a spool",
        "a file",
        "a back-up",
        "Redis",
        "a queue",
        "a command",
        "an answer",
    ])
}

#[tokio::test]
async fn no_secret_is_found_anywhere_after_faults_of_up() -> Result<()> {
    let mut run = Run::start(loud(Setup::up()), Hunt::default()).await?;
    commands(&run.mesh, &mut run.hunt)?;
    run.worker_killed().await?;
    run.sealing_key_rotated_by_command()?;
    run.worker_killed().await?;
    // A back-up of this shape is a copy of its files, which are searched.
    let hunt = run.end().await?;
    hunt.verdict(&[
        "a log line",
        "a span",
        "a metrics page",
        "a spool",
        "a file",
        "a command",
        "an answer",
    ])
}

/// Logs everything of ours, and what the libraries below say of connections, statements and messages.
const LOUD: &str = "debug,hyper_util=debug,lapin=debug,redis=debug,reqwest=debug,rmcp=debug,rustls=debug,sqlx=debug,tonic=debug";

fn loud(setup: Setup) -> Setup {
    setup
        .with_short_leases()
        .with_log_level(LOUD)
        .set(Service::RestApi, "credentials.rewrap_interval", "1s")
        // Records lie in the spool for long enough to be looked at.
        .set(Service::McpServer, "spool.interval", "3s")
}

/// A mesh with providers whose credentials are canaries, and what was looked at so far.
struct Run {
    mesh: Mesh,
    shop: Shop,
    hunt: Hunt,
    key: String,
}

impl Run {
    async fn start(setup: Setup, mut hunt: Hunt) -> Result<Self> {
        let (mesh, shop) = (setup.start().await?, Shop::open().await?);
        let (key, key_id) = mesh.agent_key().await?;
        hunt.canaries.add("agent key", &key);
        hunt.canaries.add("credential of the shop", shop.secret());
        shop.add_to(&mesh, &key).await?;
        credentials(&mesh, &shop, &mut hunt, &key).await?;
        keys(&mesh, &mut hunt, &key_id).await?;
        let mut run = Self {
            mesh,
            shop,
            hunt,
            key,
        };
        run.know_secrets()?;
        Ok(run)
    }

    /// Looks from now on for what the installation's files hold now.
    fn know_secrets(&mut self) -> Result<()> {
        for secret in self.mesh.secrets()? {
            let name = format!("secret {} of the installation", self.hunt.canaries.len());
            self.hunt.canaries.add(&name, &secret);
        }
        Ok(())
    }

    fn agent(&self) -> Result<Api> {
        self.mesh.api(&self.key)
    }

    /// Jobs at the upstream and jobs that wait, while the broker goes and comes back.
    async fn broker_away(&mut self, rabbitmq: &RabbitMq) -> Result<()> {
        let gate = self.hold();
        let mut jobs = self.enqueue(4).await?;
        self.arrived(1).await?;
        rabbitmq.kill()?;
        gate.open();
        jobs.extend(self.enqueue(4).await?);
        // Also what the command line says of a mesh whose broker is away.
        commands(&self.mesh, &mut self.hunt)?;
        rabbitmq.start_again().await?;
        self.all_done(&jobs).await
    }

    /// A job whose worker dies in the middle of it; with `up`, everything does.
    async fn worker_killed(&mut self) -> Result<()> {
        let gate = self.hold();
        let jobs = self.enqueue(3).await?;
        self.arrived(1).await?;
        places::files(&self.mesh, &mut self.hunt)?;
        self.mesh.kill(Service::Worker).await?;
        gate.open();
        self.mesh.start_again(Service::Worker).await?;
        self.all_done(&jobs).await
    }

    /// The message of a job is put among the dead letters while no worker runs; it is replayed, and the job runs.
    async fn dead_letter(&mut self) -> Result<()> {
        self.mesh.kill(Service::Worker).await?;
        let job = self.agent()?.call_async(HELD, &json!({"id": 1})).await?;
        let broker = self.mesh.broker_url().context("no broker")?;
        let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let refused = || async {
            let message = channel
                .basic_get(QUEUE.into(), BasicGetOptions::default())
                .await?;
            let message = message.context("no message yet")?;
            message
                .delivery
                .acker
                .reject(BasicRejectOptions { requeue: false })
                .await?;
            anyhow::Ok(())
        };
        eventually(PATIENCE, refused).await?;
        let admin = self.mesh.admin()?;
        let listed = || async {
            let letters = admin.get("/dead-letters").await?;
            ensure!(
                letters["items"].as_array().is_some_and(|items| items.len() == 1),
                "{letters}"
            );
            anyhow::Ok(letters)
        };
        let letters = eventually(PATIENCE, listed).await?;
        self.hunt.look("an answer", letters.to_string().as_bytes());
        places::queues(&self.mesh, &mut self.hunt).await?;
        let replayed = admin.post("/dead-letters/replay", &json!({})).await?;
        ensure!(replayed["replayed"] == 1, "{replayed}");
        self.mesh.start_again(Service::Worker).await?;
        self.all_done(&[job]).await
    }

    /// Both keys of the installation are rotated while calls go on; then everything starts again without the old ones.
    async fn keys_rotated(&mut self) -> Result<()> {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        #[expect(clippy::disallowed_methods, reason = "it calls while the test rotates")]
        let hammer = tokio::spawn(rotation::hammer(
            self.mesh.mcp_urls(),
            self.key.clone(),
            Arc::clone(&stop),
            Arc::clone(&calls),
        ));
        rotation::service_key(&self.mesh, &self.key).await?;
        rotation::the_sealing_key(&self.mesh).await?;
        stop.store(true, Ordering::SeqCst);
        hammer.await??;
        ensure!(calls.load(Ordering::SeqCst) > 10, "{calls:?} calls");
        self.know_secrets()?;
        self.mesh.kill(Service::RestApi).await?;
        self.mesh.start_again(Service::RestApi).await?;
        let jobs = self.enqueue(1).await?;
        self.all_done(&jobs).await
    }

    fn sealing_key_rotated_by_command(&mut self) -> Result<()> {
        for step in ["rotate", "status"] {
            let mut command = Command::new(binary("devmesh")?);
            command.env_clear().current_dir(self.mesh.dir());
            let data = self.mesh.data_dir();
            let done = command.args(["secrets", step, "--data"]).arg(data).output()?;
            ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            self.hunt.look("a command", &[done.stdout, done.stderr].concat());
        }
        self.know_secrets()
    }

    /// Postgres and Redis go in the middle of requests; Postgres comes back.
    async fn stores_away(&mut self, postgres: &Postgres, cache: &Cache) -> Result<()> {
        let session = self.mesh.mcp(&self.key).await?;
        cache.kill()?;
        postgres.kill()?;
        let admin = self.mesh.admin()?;
        let refused = || async {
            let answer = admin.request(http::Method::GET, "/tools").send().await?;
            ensure!(
                answer.status == http::StatusCode::SERVICE_UNAVAILABLE,
                "{}",
                answer.status
            );
            anyhow::Ok(format!("{:?} {}", answer.headers, answer.text()))
        };
        let answer = eventually(PATIENCE, refused).await?;
        self.hunt.look("an answer", answer.as_bytes());
        let said = session.call("alpha_leak", &json!({})).await;
        self.hunt.look("an answer", format!("{said:?}").as_bytes());
        let ready = self.mesh.process(Service::RestApi)?.url(Service::RestApi);
        let ready = format!("{}/health/ready", ready.context("no URL")?);
        let told = test_support::http::get(&ready).await?;
        self.hunt.look("an answer", told.text().as_bytes());
        postgres.start_again().await?;
        eventually(PATIENCE, || async { admin.get("/tools").await.map(drop) }).await
    }

    /// Looks at everything that is left, before and after the mesh ends.
    async fn end(mut self) -> Result<Hunt> {
        let Self { mesh, hunt, .. } = &mut self;
        let texts = |pages: Vec<e2e::ServicePage>| -> Vec<String> {
            pages.into_iter().map(|page| page.page.text).collect()
        };
        hunt.look_all("a metrics page", &texts(mesh.pages().await?));
        places::files(mesh, hunt)?;
        hunt.look_all("a log line", &mesh.stderr_lines());
        mesh.stop(PATIENCE).await?;
        let lines = mesh.stdout_lines();
        ensure!(
            lines.iter().any(|line| line.contains("\"DEBUG\"")),
            "no line of level debug"
        );
        hunt.look_all("a log line", &lines);
        hunt.look_all("a span", &mesh.otlp().texts());
        places::files(mesh, hunt)?;
        Ok(self.hunt)
    }

    /// From now on reads wait at the upstream until the gate is opened.
    fn hold(&self) -> Gate {
        let gate = Gate::new();
        let answer = Reply::json(200, &json!({"id": 1, "name": "lamp"}));
        self.shop.upstream().forget_requests();
        self.shop.upstream().on("GET", "/items/*", answer.held_by(&gate));
        gate
    }

    async fn enqueue(&self, count: usize) -> Result<Vec<Value>> {
        let (agent, mut jobs) = (self.agent()?, Vec::new());
        for _ in 0..count {
            jobs.push(agent.call_async(HELD, &json!({"id": 1})).await?);
        }
        Ok(jobs)
    }

    /// Waits until so many reads are at the upstream.
    async fn arrived(&self, count: usize) -> Result<()> {
        let arrived = || async { self.shop.upstream().requests_to("/items/1").len() >= count };
        eventually(PATIENCE, arrived).await
    }

    async fn all_done(&mut self, jobs: &[Value]) -> Result<()> {
        for job in jobs {
            let job = self.agent()?.finished(job).await?;
            ensure!(job["state"] == "done", "{job}");
            self.hunt.look("an answer", job.to_string().as_bytes());
        }
        Ok(())
    }
}
