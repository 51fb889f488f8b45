//! HAProxy as compose ships it, before replicas that have addresses in place of names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use test_support::{Process, eventually, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const SHIPPED: &str = include_str!("../../../../deploy/proxy/haproxy.cfg");
const START: Duration = Duration::from_secs(20);

/// The proxy, until dropped.
pub(super) struct Proxy {
    url: String,
    socket: PathBuf,
    _home: tempfile::TempDir,
    _process: Process,
}

impl Proxy {
    /// Starts it before these replicas of mcp-server, each `http://HOST:PORT/mcp`.
    pub(super) async fn start(replicas: &[String]) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let (port, api, health) = (free_port()?, free_port()?, free_port()?);
        let socket = home.path().join("control");
        let config = configuration(replicas, [port, api, health], &socket)?;
        let file = home.path().join("haproxy.cfg");
        std::fs::write(&file, config)?;
        let process = Process::command("haproxy")
            .args(["-db", "-f"])
            .args([file.as_os_str()])
            .start()
            .context("haproxy does not start: is it installed?")?;
        let proxy = Self {
            url: format!("http://127.0.0.1:{port}/mcp"),
            socket,
            _home: home,
            _process: process,
        };
        for replica in 1..=replicas.len() {
            eventually(START, || proxy.is_up(replica)).await?;
        }
        Ok(proxy)
    }

    /// Where clients go.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A replica has another address: as its name would have, with DNS.
    pub(super) async fn moved(&self, replica: usize, url: &str) -> Result<()> {
        let (host, port) = address(url)?;
        let said = self
            .say(&format!(
                "set server mcp-server/r{replica} addr {host} port {port}"
            ))
            .await?;
        ensure!(!said.contains("rror"), "{said}");
        Ok(())
    }

    /// Whether it sends calls to a replica.
    pub(super) async fn is_up(&self, replica: usize) -> Result<()> {
        let all = self.say("show stat").await?;
        let name = format!("mcp-server,r{replica},");
        let line = all.lines().find(|line| line.starts_with(&name));
        let line = line.with_context(|| format!("no {name} in {all}"))?;
        // The status is the eighteenth column of its statistics.
        let status = line.split(',').nth(17).unwrap_or_default();
        ensure!(status == "UP", "r{replica} is {status}");
        Ok(())
    }

    async fn say(&self, words: &str) -> Result<String> {
        let mut socket = UnixStream::connect(&self.socket).await?;
        socket.write_all(format!("{words}\n").as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

/// The shipped configuration with this machine's addresses, and nothing else changed.
fn configuration(replicas: &[String], ports: [u16; 3], socket: &Path) -> Result<String> {
    let mut servers = String::new();
    for (number, url) in replicas.iter().enumerate() {
        let (host, port) = address(url)?;
        servers.push_str(&format!("    server r{} {host}:{port}\n", number + 1));
    }
    let [mcp, api, health] = ports;
    let changes = [
        ("    bind :8080\n", format!("    bind 127.0.0.1:{mcp}\n")),
        ("    bind :8081\n", format!("    bind 127.0.0.1:{api}\n")),
        (
            "    bind 127.0.0.1:8404\n",
            format!("    bind 127.0.0.1:{health}\n"),
        ),
        ("    server-template mcp-server 10 mcp-server:8080\n", servers),
        ("    server-template rest-api 5 rest-api:8081\n", String::new()),
        (" resolvers dns init-addr none resolve-prefer ipv4", String::new()),
        ("    parse-resolv-conf\n", String::new()),
        (
            "global\n",
            format!("global\n    stats socket {} level admin\n", socket.display()),
        ),
    ];
    let mut config = SHIPPED.to_owned();
    for (shipped, here) in changes {
        ensure!(
            config.contains(shipped),
            "deploy/proxy/haproxy.cfg has no `{}`",
            shipped.trim()
        );
        config = config.replacen(shipped, &here, 1);
    }
    Ok(config)
}

fn address(url: &str) -> Result<(String, u16)> {
    let url = url::Url::parse(url)?;
    let host = url.host_str().context("no host")?.to_owned();
    Ok((host, url.port().context("no port")?))
}
