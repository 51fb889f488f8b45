//! The shape `cluster`: each service a process, on PostgreSQL, RabbitMQ and Redis.

use std::path::PathBuf;

use anyhow::{Context, Result};
use test_support::{
    Process, ProcessBuilder, fresh_database, fresh_redis_prefix, fresh_vhost_or_prefix, redis_url,
};
use uuid::Uuid;

use super::environment::{common, settings};
use super::{Mesh, Running};
use crate::{Service, Setup};

/// Replicas of mcp-server.
const REPLICAS: usize = 2;

/// A corner of the servers that nobody else uses.
#[derive(Debug, Clone)]
pub(super) struct BackEnds {
    database: String,
    broker: String,
    cache: String,
    cache_prefix: String,
}

/// What a second cluster shares with the first.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour {
    backends: BackEnds,
    service_keys: PathBuf,
    sealing_keys: PathBuf,
}

/// A secret that no other test has.
pub fn unique(name: &str) -> String {
    format!("canary-{name}-{}", Uuid::new_v4().simple())
}

/// A line of the file of key-encryption keys.
pub fn sealing_key(name: &str) -> String {
    format!("{name} {}{}\n", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Where rest-api listens: on free ports at first.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) http: String,
    pub(super) grpc: String,
}

impl Default for Addresses {
    fn default() -> Self {
        let free = "127.0.0.1:0".to_owned();
        Self {
            http: free.clone(),
            grpc: free,
        }
    }
}

impl BackEnds {
    pub(super) fn broker(&self) -> &str {
        &self.broker
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    pub(super) async fn of(setup: &Setup) -> Result<Self> {
        match &setup.neighbour {
            Some(neighbour) => Ok(neighbour.backends.clone()),
            None => Self::fresh(setup).await,
        }
    }

    async fn fresh(setup: &Setup) -> Result<Self> {
        let broker = match &setup.broker {
            Some(url) => url.clone(),
            None => fresh_vhost_or_prefix().await?,
        };
        let database = match &setup.database {
            Some(url) => url.clone(),
            None => fresh_database().await?,
        };
        let cache = match &setup.cache {
            Some(url) => url.clone(),
            None => redis_url().await?,
        };
        Ok(Self {
            database,
            broker,
            cache,
            cache_prefix: fresh_redis_prefix(),
        })
    }
}

impl Mesh {
    pub(super) async fn start_cluster(&mut self) -> Result<()> {
        let (service_key, sealing_key) = match &self.setup.neighbour {
            Some(neighbour) => (
                std::fs::read_to_string(&neighbour.service_keys)?,
                std::fs::read_to_string(&neighbour.sealing_keys)?,
            ),
            None => (format!("{}\n", unique("service")), sealing_key("e2e")),
        };
        for of in ["rest-api", "clients"] {
            std::fs::write(self.service_keys(of), &service_key)?;
        }
        std::fs::write(self.sealing_keys(), sealing_key)?;
        self.start_rest_api().await?;
        for worker in 1..=self.setup.workers {
            self.start_worker(worker).await?;
        }
        for replica in 1..=REPLICAS {
            self.start_mcp_server(replica).await?;
        }
        Ok(())
    }

    pub(crate) fn neighbour(&self) -> Result<Neighbour> {
        Ok(Neighbour {
            backends: self.backends()?.clone(),
            service_keys: self.service_keys("rest-api"),
            sealing_keys: self.sealing_keys(),
        })
    }

    /// The file of service keys that `rest-api` accepts, or that its `clients` show.
    pub fn service_keys(&self, of: &str) -> PathBuf {
        self.dir.path().join(format!("service-keys-{of}"))
    }

    /// The file of key-encryption keys.
    pub fn sealing_keys(&self) -> PathBuf {
        self.dir.path().join("sealing-keys")
    }

    /// Starts one process of a service.
    pub(super) async fn start_one(&mut self, service: Service, replica: usize) -> Result<()> {
        match service {
            Service::RestApi => self.start_rest_api().await,
            Service::Worker => self.start_worker(replica).await,
            Service::McpServer => self.start_mcp_server(replica).await,
        }
    }

    async fn start_rest_api(&mut self) -> Result<()> {
        let backends = self.backends()?;
        let command = self
            .service(Service::RestApi)?
            .env("DEVMESH_DATA_DIR", self.data_dir())
            .env("DEVMESH_LISTEN__ADDRESS", &self.rest_api.http)
            .env("DEVMESH_GRPC__LISTEN__ADDRESS", &self.rest_api.grpc)
            .env("DEVMESH_GRPC__SERVICE_KEY_FILE", self.service_keys("rest-api"))
            .env("DEVMESH_CREDENTIALS__FILE", self.sealing_keys())
            .env("DATABASE_URL", &backends.database)
            .env("QUEUE_URL", &backends.broker)
            .env("CACHE_URL", &backends.cache)
            .env("DEVMESH_CACHE__PREFIX", &backends.cache_prefix);
        let certificates = [
            ("CERTIFICATE", "server.crt"),
            ("KEY", "server.key"),
            ("CLIENT_CA_FILE", "ca.crt"),
        ];
        let command = self.with_certificates(command, "DEVMESH_GRPC__LISTEN__TLS__", certificates);
        self.run(command, Service::RestApi, 1).await?;
        // Started again it must be where the others look for it.
        self.rest_api = self.process(Service::RestApi)?.addresses()?;
        Ok(())
    }

    async fn start_worker(&mut self, replica: usize) -> Result<()> {
        let spool = self.spool(Service::Worker, replica);
        let command = self
            .client_of_rest_api(Service::Worker)?
            .env("DEVMESH_SPOOL__DIR", spool)
            .env("QUEUE_URL", &self.backends()?.broker);
        self.run(command, Service::Worker, replica).await
    }

    async fn start_mcp_server(&mut self, replica: usize) -> Result<()> {
        let backends = self.backends()?;
        let spool = self.spool(Service::McpServer, replica);
        let command = self
            .client_of_rest_api(Service::McpServer)?
            .env("DEVMESH_SPOOL__DIR", spool)
            .env("CACHE_URL", &backends.cache)
            .env("DEVMESH_CACHE__PREFIX", &backends.cache_prefix);
        self.run(command, Service::McpServer, replica).await
    }

    fn spool(&self, service: Service, replica: usize) -> PathBuf {
        let dir = self.setup.spools.as_deref().unwrap_or(self.dir.path());
        dir.join(format!("audit-{}-{replica}", service.name()))
    }

    fn client_of_rest_api(&self, service: Service) -> Result<ProcessBuilder> {
        let scheme = self.setup.certificates.as_ref().map_or("http", |_| "https");
        let command = self
            .service(service)?
            .env(
                "DEVMESH_CONTROL_PLANE__URL",
                format!("{scheme}://{}", self.rest_api.grpc),
            )
            .env(
                "DEVMESH_CONTROL_PLANE__SERVICE_KEY_FILE",
                self.service_keys("clients"),
            );
        let certificates = [
            ("CERTIFICATE_FILE", "client.crt"),
            ("KEY_FILE", "client.key"),
            ("CA_FILE", "ca.crt"),
        ];
        Ok(self.with_certificates(command, "DEVMESH_CONTROL_PLANE__", certificates))
    }

    fn with_certificates(
        &self,
        command: ProcessBuilder,
        section: &str,
        files: [(&str, &str); 3],
    ) -> ProcessBuilder {
        let dir = self.setup.certificates.iter();
        dir.flat_map(|dir| files.map(|(key, file)| (key, dir.join(file))))
            .fold(command, |command, (key, file)| {
                command.env(&format!("{section}{key}"), file)
            })
    }

    fn service(&self, service: Service) -> Result<ProcessBuilder> {
        let command = common(
            Process::command(self.program(service.name())?),
            &self.setup,
            self.otlp.endpoint(),
        )
        .current_dir(self.dir.path())
        .env("DEVMESH_LISTEN__ADDRESS", "127.0.0.1:0");
        Ok(settings(command, &self.setup, service, "DEVMESH_"))
    }

    async fn run(&mut self, command: ProcessBuilder, service: Service, replica: usize) -> Result<()> {
        let running = Running::ready(command.start()?, &[service], replica).await?;
        self.processes.push(running);
        // The first replica stays the first one, however often it is started again.
        self.processes.sort_by_key(|running| running.replica);
        Ok(())
    }

    fn backends(&self) -> Result<&BackEnds> {
        self.backends.as_ref().context("not a cluster")
    }
}
