//! What to start.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::Mesh;
use crate::mesh::Neighbour;

/// On which back ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `devmesh up`: everything in one process, on SQLite.
    Up,
    /// rest-api, worker and two replicas of mcp-server, on PostgreSQL, RabbitMQ and Redis.
    Cluster,
}

/// One of the services, which are processes in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The control plane.
    RestApi,
    /// The agents' edge.
    McpServer,
    /// Runs jobs.
    Worker,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RestApi, Self::McpServer, Self::Worker];

    /// Its name: the binary's, and the label `service`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RestApi => "rest-api",
            Self::McpServer => "mcp-server",
            Self::Worker => "worker",
        }
    }
}

/// A mesh that is to be started.
#[derive(Debug, Clone)]
pub struct Setup {
    pub(crate) shape: Shape,
    pub(crate) settings: Vec<(Service, &'static str, String)>,
    pub(crate) log_level: Option<String>,
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) workers: usize,
    pub(crate) database: Option<String>,
    pub(crate) broker: Option<String>,
    pub(crate) cache: Option<String>,
    pub(crate) spools: Option<PathBuf>,
    pub(crate) programs: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) neighbour: Option<Neighbour>,
    pub(crate) certificates: Option<PathBuf>,
}

impl Setup {
    /// As `devmesh up`.
    pub fn up() -> Self {
        Self::new(Shape::Up)
    }

    /// As separate processes.
    pub fn cluster() -> Self {
        Self::new(Shape::Cluster)
    }

    fn new(shape: Shape) -> Self {
        Self {
            shape,
            settings: Vec::new(),
            log_level: None,
            variables: Vec::new(),
            workers: 1,
            database: None,
            broker: None,
            cache: None,
            spools: None,
            programs: None,
            data: None,
            neighbour: None,
            certificates: None,
        }
    }

    /// A second cluster on the back ends of `mesh`, with its secrets: the two are replicas of each other.
    ///
    /// # Errors
    /// When `mesh` is no cluster.
    pub fn beside(mesh: &Mesh) -> Result<Self> {
        let mut setup = Self::cluster();
        setup.neighbour = Some(mesh.neighbour()?);
        Ok(setup)
    }

    /// Which of the two it is.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Changes one setting of a service, `section.key`.
    #[must_use]
    pub fn set(mut self, service: Service, key: &'static str, value: &str) -> Self {
        self.settings.push((service, key, value.to_owned()));
        self
    }

    /// What every process logs (`LOG_LEVEL`), instead of the default.
    #[must_use]
    pub fn with_log_level(mut self, level: &str) -> Self {
        self.log_level = Some(level.to_owned());
        self
    }

    /// A variable in the environment of every process.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Lost workers are noticed within a second or two instead of half a minute.
    #[must_use]
    pub fn with_short_leases(self) -> Self {
        self.set(Service::Worker, "jobs.lease", "1s")
            .set(Service::RestApi, "jobs.sweep_interval", "200ms")
    }

    /// Runs so many workers (a cluster only) instead of one.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Uses this database (a cluster only) instead of a fresh one at the run's server.
    #[must_use]
    pub fn with_database(mut self, url: String) -> Self {
        self.database = Some(url);
        self
    }

    /// Uses this Redis (a cluster only) instead of the run's.
    #[must_use]
    pub fn with_cache(mut self, url: String) -> Self {
        self.cache = Some(url);
        self
    }

    /// Uses this broker (a cluster only) instead of the run's.
    #[must_use]
    pub fn with_broker(mut self, url: String) -> Self {
        self.broker = Some(url);
        self
    }

    /// Keeps the audit spools here, instead of where the rest is.
    #[must_use]
    pub fn with_spools_in(mut self, dir: &Path) -> Self {
        self.spools = Some(dir.to_owned());
        self
    }

    /// Starts the programs in this folder, another version's, instead of those of this build.
    #[must_use]
    pub fn with_programs(mut self, dir: &Path) -> Self {
        self.programs = Some(dir.to_owned());
        self
    }

    /// Begins with this data directory (`up` only), which it takes over, instead of an empty one.
    #[must_use]
    pub fn with_data(mut self, dir: &Path) -> Self {
        self.data = Some(dir.to_owned());
        self
    }

    /// Lets services speak to rest-api over mutual TLS (a cluster only): it has `server.crt` and `server.key` of this
    /// directory, they have `client.crt` and `client.key`, and all trust `ca.crt`.
    #[must_use]
    pub fn with_mutual_tls(mut self, certificates: &Path) -> Self {
        self.certificates = Some(certificates.to_owned());
        self.set(Service::RestApi, "grpc.listen.tls.reload", "200ms")
            .set(Service::RestApi, "grpc.listen.tls.client_grace", "2s")
            .set(Service::McpServer, "control_plane.reload", "200ms")
            .set(Service::Worker, "control_plane.reload", "200ms")
    }

    /// Starts it; it is ready when this returns.
    ///
    /// # Errors
    /// When a binary is missing, or does not become ready; with what it printed.
    pub async fn start(self) -> Result<Mesh> {
        // Boxed: what it is made of is deeper than the compiler looks into the futures of those who await it.
        Box::pin(Mesh::start(self)).await
    }
}
