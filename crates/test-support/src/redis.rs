//! A private Redis.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    authority::CertificateFiles,
    server_process::{Home, ServerProcess, find_program},
    wait::free_port,
};

/// A Redis of its own, on a free port of the loopback interface, ended when dropped.
pub struct Redis {
    home: Home,
    process: ServerProcess,
    port: u16,
    has_tls: bool,
}

impl Redis {
    /// Starts an empty Redis (about 50 ms).
    ///
    /// # Errors
    /// When Redis is not installed or does not come up; with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_in(Home::new("redis")?, false).await
    }

    /// As [`Self::start`], with this certificate: it takes no plain text.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with_tls(certificate: &CertificateFiles) -> Result<Self> {
        let home = Home::new("redis")?;
        home.take_certificate(certificate)?;
        Self::start_in(home, true).await
    }

    async fn start_in(home: Home, has_tls: bool) -> Result<Self> {
        let process = ServerProcess::new(&home, "redis");
        let redis = Self {
            home,
            process,
            port: free_port()?,
            has_tls,
        };
        redis.start_again().await?;
        Ok(redis)
    }

    /// Starts it again on the same port and data after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// When it runs already or does not come up.
    pub async fn start_again(&self) -> Result<()> {
        let mut command = self
            .home
            .command(find_program("redis-server", &[], "redis-server")?);
        command.args(["--bind", "127.0.0.1"]);
        let port = self.port.to_string();
        if self.has_tls {
            command.args(["--port", "0", "--tls-port", &port]);
            command.args(["--tls-cert-file", "server.crt", "--tls-key-file", "server.key"]);
            command.args(["--tls-auth-clients", "no"]);
        } else {
            command.args(["--port", &port]);
        }
        command.args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "no",
            "--daemonize",
            "no",
        ]);
        self.process.spawn(&self.home, command)?;
        self.process
            .wait_ready(Duration::from_secs(10), || self.answers())
            .await
    }

    /// Starts it again on the same port with nothing in it, as where it keeps nothing on disk.
    ///
    /// # Errors
    /// When it runs already or does not come up.
    pub async fn start_empty(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.home.path().join("appendonlydir")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => self.start_again().await,
        }
    }

    /// Stops it in order; its data stays for [`Self::start_again`].
    ///
    /// # Errors
    /// When it is not running or had to be killed.
    pub async fn stop(&self) -> Result<()> {
        self.process.stop().await
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&self) -> Result<()> {
        self.process.kill()
    }

    /// The port it listens on, also while it is stopped.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:PORT/`, or `rediss://…`.
    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/", self.port)
    }

    /// Over TLS it is enough that it listens.
    async fn answers(&self) -> Result<()> {
        if self.has_tls {
            TcpStream::connect(("127.0.0.1", self.port)).await?;
            return Ok(());
        }
        answers_ping(self.port).await
    }
}

async fn answers_ping(port: u16) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await?;
    ensure!(
        &answer == b"+PONG\r\n",
        "answers {:?}",
        String::from_utf8_lossy(&answer)
    );
    Ok(())
}
