//! Where secrets could be: the places that the test does not hold in its hands anyway.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, Shape, binary};
use lapin::options::BasicGetOptions;
use lapin::{Connection, ConnectionProperties};
use test_support::Redis;

use super::hunt::Hunt;

/// Files that hold a secret because it is theirs to hold.
const OWN_PLACES: [&str; 5] = [
    "bootstrap.key",
    "credentials.key",
    "service-keys-rest-api",
    "service-keys-clients",
    "sealing-keys",
];

/// A Redis with a password, and every command that reached it.
pub struct Cache {
    redis: Redis,
    password: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Cache {
    pub async fn start(password: &str) -> Result<Self> {
        let redis = Redis::start().await?;
        let mut monitor = TcpStream::connect(("127.0.0.1", redis.port()))?;
        monitor.write_all(format!("CONFIG SET requirepass {password}\r\n").as_bytes())?;
        let mut said = [0; 5];
        monitor.read_exact(&mut said)?;
        ensure!(&said == b"+OK\r\n", "{said:?}");
        monitor.write_all(b"MONITOR\r\n")?;
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut part = [0; 1 << 16];
            while let Ok(size @ 1..) = monitor.read(&mut part) {
                locked(&kept).extend_from_slice(&part[..size]);
            }
        });
        Ok(Self {
            redis,
            password: password.to_owned(),
            heard,
        })
    }

    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/", self.password, self.redis.port())
    }

    pub fn password(&self) -> &str {
        &self.password
    }

    /// Ends it, as a crash would.
    pub fn kill(&self) -> Result<()> {
        self.redis.kill()
    }

    /// The commands, with every key and value that was ever written.
    pub fn heard(&self) -> Vec<u8> {
        locked(&self.heard).clone()
    }
}

fn locked(heard: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The messages that lie in the queues now, with their headers; they are put back.
pub async fn queues(mesh: &Mesh, hunt: &mut Hunt) -> Result<()> {
    let broker = mesh.broker_url().context("no broker")?;
    let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let some = || async {
        let mut texts = Vec::new();
        for queue in ["critical", "high", "normal", "low", "dead"] {
            let name = format!("devmesh.jobs.{queue}");
            while let Some(message) = channel
                .basic_get(name.as_str().into(), BasicGetOptions::default())
                .await?
            {
                texts.push(format!(
                    "{:?} {}",
                    message.delivery.properties,
                    String::from_utf8_lossy(&message.delivery.data)
                ));
            }
        }
        ensure!(!texts.is_empty(), "no message yet");
        anyhow::Ok(texts)
    };
    let texts = test_support::eventually(e2e::PATIENCE, some).await?;
    hunt.look_all("a queue", &texts);
    // What was not acknowledged goes back.
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// Every file that the mesh keeps, byte for byte: the spools, the journals of spans, and of `up` the ring of traces and the
/// database with its log.
pub fn files(mesh: &Mesh, hunt: &mut Hunt) -> Result<()> {
    below(mesh.dir(), hunt)
}

fn below(dir: &Path, hunt: &mut Hunt) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            below(&path, hunt)?;
            continue;
        }
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // A file of the spool may have been sent, and be gone, in between.
        let (false, Ok(bytes)) = (OWN_PLACES.contains(&name), std::fs::read(&path)) else {
            continue;
        };
        let place = match name.rsplit('.').next() {
            Some("audit") => "a spool",
            Some("spans") => "a journal of spans",
            Some("traces") => "a ring of traces",
            _ => "a file",
        };
        hunt.look(place, &bytes);
    }
    Ok(())
}

/// What `pg_dump` writes of the database; `server` is its server, for one who may read everything.
pub fn backup(mesh: &Mesh, server: &str, hunt: &mut Hunt) -> Result<()> {
    let mut url = url::Url::parse(server)?;
    let own = url::Url::parse(mesh.database_url().context("no database")?)?;
    url.set_path(own.path());
    let versions = std::fs::read_dir("/usr/lib/postgresql")?.flatten();
    let found = versions
        .map(|version| version.path().join("bin/pg_dump"))
        .find(|path| path.is_file());
    let dump = Command::new(found.context("no pg_dump")?)
        .arg(url.as_str())
        .output()?;
    ensure!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    ensure!(
        dump.stdout.windows(11).any(|part| part == b"credentials"),
        "no table of credentials"
    );
    hunt.look("a back-up", &dump.stdout);
    Ok(())
}

/// What the command line prints, when it works and when it does not.
pub fn commands(mesh: &Mesh, hunt: &mut Hunt) -> Result<()> {
    let (key, wrong) = (mesh.admin_key()?, e2e::unique("cli"));
    hunt.canaries.add("key of the command line", &wrong);
    let (api, mcp) = (mesh.api_url()?, mesh.mcp_urls().remove(0));
    let run = |key: &str, api: &str, arguments: &[&str]| -> Result<Vec<u8>> {
        let mut command = Command::new(binary("devmesh")?);
        command.args(arguments).env_clear().current_dir(mesh.dir());
        command
            .env("DEVMESH_URL", api)
            .env("DEVMESH_MCP_URL", &mcp)
            .env("DEVMESH_API_KEY", key);
        if arguments.contains(&"rest-api") {
            command.env(
                "DEVMESH_GRPC__SERVICE_KEY",
                mesh.secrets()?.pop().context("no secret")?,
            );
            if let Some(database) = mesh.database_url() {
                command.env("DATABASE_URL", database);
            }
            if let (Some(broker), Shape::Cluster) = (mesh.broker_url(), mesh.shape()) {
                command
                    .env("QUEUE_URL", broker)
                    .env("DEVMESH_CREDENTIALS__FILE", mesh.sealing_keys());
            }
        }
        let done = command.output()?;
        Ok([done.stdout, done.stderr].concat())
    };
    let ready = format!("{api}/health/ready");
    let list: [&[&str]; 14] = [
        &["keys", "list"],
        &["--output", "json", "keys", "list"],
        &["tools", "list"],
        &["tools", "call", "alpha_echo"],
        &["tools", "call", "alpha_leak"],
        &["tools", "call", "nothing"],
        &["jobs", "list"],
        &["--output", "json", "jobs", "list"],
        &["audit"],
        &["doctor"],
        &["config", "show", "--for", "rest-api"],
        &["config", "check", "--for", "rest-api", "--set", "grpc.nonsense=1"],
        &["secrets", "status", "--for", "rest-api"],
        &["probe", &ready],
    ];
    for arguments in list {
        hunt.look("a command", &run(&key, &api, arguments)?);
        hunt.look("a command", &run(&wrong, &api, arguments)?);
        hunt.look("a command", &run(&wrong, "http://127.0.0.1:9", arguments)?);
    }
    let made = run(&key, &api, &["keys", "create", "of the command line"])?;
    let text = String::from_utf8_lossy(&made);
    let secret = text
        .lines()
        .find(|line| line.starts_with("dm_"))
        .context("no key")?;
    hunt.canaries.add("made by a command", secret);
    hunt.look_but("a command", "made by a command", &made);
    Ok(())
}
