//! A private RabbitMQ: the node and, because an Erlang node needs one, an `epmd` of its own.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use tokio::net::TcpStream;

use crate::{
    authority::CertificateFiles,
    http::Request,
    server_process::{Home, ServerProcess, find_program},
    wait::free_port,
};

/// A RabbitMQ of its own, on free ports of the loopback interface, ended when dropped.
///
/// It takes 10 to 15 seconds to start: share one over a run (`test-servers run`) and take a fresh virtual host
/// for each test ([`crate::fresh_vhost_or_prefix`]).
pub struct RabbitMq {
    home: Home,
    node: ServerProcess,
    epmd: ServerProcess,
    ports: Ports,
    has_tls: bool,
}

struct Ports {
    amqp: u16,
    api: u16,
    epmd: u16,
    distribution: u16,
}

impl RabbitMq {
    /// Starts an empty broker with the management API.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or does not come up; with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_in(Home::new("rabbitmq")?, false).await
    }

    /// As [`Self::start`], with this certificate: it takes no AMQP in plain text.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with_tls(certificate: &CertificateFiles) -> Result<Self> {
        let home = Home::new("rabbitmq")?;
        home.take_certificate(certificate)?;
        Self::start_in(home, true).await
    }

    async fn start_in(home: Home, has_tls: bool) -> Result<Self> {
        let ports = Ports {
            amqp: free_port()?,
            api: free_port()?,
            epmd: free_port()?,
            distribution: free_port()?,
        };
        home.write("enabled_plugins", "[rabbitmq_management].\n")?;
        let listener = if has_tls {
            tls_listener(&home, &ports)
        } else {
            format!("listeners.tcp.1 = 127.0.0.1:{}\n", ports.amqp)
        };
        home.write("rabbitmq.conf", &(listener + &config(&ports)))?;
        home.create_dir("mnesia")?;
        home.create_dir("log")?;
        let node = ServerProcess::new(&home, "rabbitmq");
        let epmd = ServerProcess::new(&home, "epmd");
        let broker = Self {
            home,
            node,
            epmd,
            ports,
            has_tls,
        };
        broker.start_epmd().await?;
        broker.start_again().await?;
        Ok(broker)
    }

    /// Starts it again on the same ports and data after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// When it runs already or does not come up.
    pub async fn start_again(&self) -> Result<()> {
        let script = find_program(
            "rabbitmq-server",
            &[PathBuf::from("/usr/lib/rabbitmq/bin")],
            "rabbitmq-server",
        )?;
        let mut command = self.home.command(script);
        self.set_environment(&mut command);
        self.node.spawn(&self.home, command)?;
        // Both listeners open at the end of the boot; the API answers when the broker is whole.
        self.node
            .wait_ready(Duration::from_secs(120), || self.is_ready())
            .await
    }

    /// Stops it in order; durable queues and persistent messages stay.
    ///
    /// # Errors
    /// When it is not running or had to be killed.
    pub async fn stop(&self) -> Result<()> {
        self.node.stop().await
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&self) -> Result<()> {
        self.node.kill()
    }

    /// The AMQP port, also while it is stopped.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// The default virtual host as an AMQP URL.
    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "amqps" } else { "amqp" };
        format!("{scheme}://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// A virtual host's URL for a user of its own, with this password.
    ///
    /// # Errors
    /// When the broker does not make one.
    pub async fn with_user(&self, vhost_url: &str, password: &str) -> Result<String> {
        create_user(vhost_url, &self.api_url(), "mesh", password).await
    }

    /// Where the management API is: `http://guest:guest@127.0.0.1:PORT`.
    pub fn api_url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}", self.ports.api)
    }

    /// Creates an empty virtual host and returns its AMQP URL.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn vhost(&self, name: &str) -> Result<String> {
        create_vhost(&self.url(), &self.api_url(), name).await
    }

    async fn start_epmd(&self) -> Result<()> {
        let mut command = self.home.command(find_program("epmd", &[], "erlang-base")?);
        command.args(["-port", &self.ports.epmd.to_string(), "-address", "127.0.0.1"]);
        self.epmd.spawn(&self.home, command)?;
        let ready = || async {
            TcpStream::connect(("127.0.0.1", self.ports.epmd)).await?;
            Ok(())
        };
        self.epmd.wait_ready(Duration::from_secs(10), ready).await
    }

    fn set_environment(&self, command: &mut Command) {
        let home = self.home.path();
        command
            .env("RABBITMQ_NODENAME", format!("test{}@localhost", self.ports.amqp))
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", home.join("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
    }

    async fn is_ready(&self) -> Result<()> {
        TcpStream::connect(("127.0.0.1", self.ports.amqp)).await?;
        let answer = api(&self.api_url(), Method::GET, "/api/overview").await?;
        ensure!(answer == StatusCode::OK, "the API answers {answer}");
        Ok(())
    }
}

/// Small limits on what the broker insists to have free: it shares the machine with a build.
fn config(ports: &Ports) -> String {
    format!(
        "management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {}\n\
         disk_free_limit.absolute = 64MB\n\
         vm_memory_high_watermark.absolute = 1GiB\n\
         log.console.level = warning\n",
        ports.api
    )
}

fn tls_listener(home: &Home, ports: &Ports) -> String {
    let file = |name| home.path().join(name).display().to_string();
    format!(
        "listeners.tcp = none\n\
         listeners.ssl.1 = 127.0.0.1:{}\n\
         ssl_options.certfile = {}\n\
         ssl_options.keyfile = {}\n\
         ssl_options.verify = verify_none\n",
        ports.amqp,
        file("server.crt"),
        file("server.key")
    )
}

/// Creates the virtual host `name` and returns the AMQP URL of it.
pub(crate) async fn create_vhost(amqp_url: &str, api_url: &str, name: &str) -> Result<String> {
    let answer = api(api_url, Method::PUT, &format!("/api/vhosts/{name}")).await?;
    ensure!(
        answer.is_success(),
        "the RabbitMQ API answers {answer} to the creation of vhost {name}"
    );
    let mut url = url::Url::parse(amqp_url)?;
    url.set_path(name);
    Ok(url.into())
}

/// Creates a user who may do everything in the virtual host of `vhost_url`; the URL as that user.
pub(crate) async fn create_user(
    vhost_url: &str,
    api_url: &str,
    name: &str,
    password: &str,
) -> Result<String> {
    let mut url = url::Url::parse(vhost_url)?;
    let vhost = url.path().trim_start_matches('/').to_owned();
    let user = serde_json::json!({"password": password, "tags": ""});
    let permissions = serde_json::json!({"configure": ".*", "write": ".*", "read": ".*"});
    for (path, body) in [
        (format!("/api/users/{name}"), user),
        (format!("/api/permissions/{vhost}/{name}"), permissions),
    ] {
        let answer = put(api_url, &path, &body).await?;
        ensure!(answer.is_success(), "the RabbitMQ API answers {answer} to {path}");
    }
    url.set_username(name).ok().context("the URL has no host")?;
    url.set_password(Some(password))
        .ok()
        .context("the URL has no host")?;
    Ok(url.into())
}

async fn put(api_url: &str, path: &str, body: &serde_json::Value) -> Result<StatusCode> {
    let request = as_guest(api_url, Method::PUT, path)?.json(body);
    let answer = request.send().await.context("the RabbitMQ API does not answer")?;
    Ok(answer.status)
}

async fn api(api_url: &str, method: Method, path: &str) -> Result<StatusCode> {
    let request = as_guest(api_url, method, path)?;
    let answer = request.send().await.context("the RabbitMQ API does not answer")?;
    Ok(answer.status)
}

fn as_guest(api_url: &str, method: Method, path: &str) -> Result<Request> {
    let url = url::Url::parse(api_url)?.join(path)?;
    let login = STANDARD.encode(format!(
        "{}:{}",
        url.username(),
        url.password().unwrap_or_default()
    ));
    Ok(Request::new(method, url.as_str()).header("authorization", &format!("Basic {login}")))
}
