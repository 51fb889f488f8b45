//! What both kinds of tests start.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Entity;
use mcp_server::catalogue::{Catalogue, CatalogueConfig, Gone, Watch};
use runtime::config::Secret;
use runtime::lifecycle::Lifecycle;
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};
use test_support::eventually;
use tracing::dispatcher::DefaultGuard;
use uplink::{ControlPlaneConfig, Target};

use crate::control_plane::{ControlPlane, SERVICE_KEY};
use crate::things::Tenant;

/// How long anything may take that should come at once.
pub const SOON: Duration = Duration::from_secs(5);

/// A catalogue that watches a control plane.
pub struct Watched {
    pub control_plane: ControlPlane,
    pub catalogue: Catalogue,
    pub gone: Arc<Mutex<Vec<Gone>>>,
    pub log: Log,
    life: Lifecycle,
    _telemetry: Telemetry,
    _logs: DefaultGuard,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.life.abandon();
    }
}

impl Watched {
    pub fn start(silence: Duration) -> Self {
        let life = Lifecycle::new("mcp-server");
        let control_plane = ControlPlane::start(&life);
        let (telemetry, log) = telemetry();
        let logs = tracing::dispatcher::set_default(&telemetry.dispatch());
        let catalogue = Catalogue::with_config(CatalogueConfig {
            silence: silence.into(),
            ..CatalogueConfig::default()
        });
        let target = Target::InProcess(control_plane.connector.clone());
        let link = uplink::connect(&control_plane_config(), target, &telemetry, &life).unwrap();
        let gone = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&gone);
        let watch = Watch::new(catalogue.clone(), link, &telemetry, move |gone| {
            if gone != Gone::default() {
                noted.lock().unwrap().push(gone);
            }
        });
        let stop = life.soft_stop();
        life.spawn_task(watch.run(stop));
        Self {
            control_plane,
            catalogue,
            gone,
            log,
            life,
            _telemetry: telemetry,
            _logs: logs,
        }
    }

    pub fn names(&self, tenant: &Tenant) -> Vec<String> {
        let tools = self.catalogue.tools(tenant.id);
        tools.iter().map(|tool| tool.name.clone()).collect()
    }

    /// Waits until the tenant has these tools.
    pub async fn has(&self, tenant: &Tenant, names: &[&str]) {
        eventually(SOON, || async {
            let has = self.names(tenant);
            if has == names {
                Ok(())
            } else {
                Err(format!("{has:?} instead of {names:?}"))
            }
        })
        .await
        .unwrap();
    }
}

/// Everything of a tenant.
pub fn entities(tenant: &Tenant) -> Vec<Entity> {
    let tools = tenant.tools.iter().cloned();
    let tools = tools.map(|tool| Entity::Tool(Box::new(tool)));
    let keys = tenant.keys.iter().cloned().map(Entity::Key);
    tools
        .chain(keys)
        .chain([Entity::Provider(tenant.provider.clone())])
        .collect()
}

pub fn control_plane_config() -> ControlPlaneConfig {
    ControlPlaneConfig {
        service_key: Secret::new(SERVICE_KEY),
        ..ControlPlaneConfig::default()
    }
}

/// The lines that were logged.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// How often this message was logged.
    pub fn count(&self, message: &str) -> usize {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter(|line| line.contains(message)).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn telemetry() -> (Telemetry, Log) {
    let info = ServiceInfo {
        name: "mcp-server",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".to_owned(),
        instance: "0".to_owned(),
    };
    let log = Log::default();
    let telemetry = Telemetry::start_with_output(info, &TelemetryConfig::default(), log.clone()).unwrap();
    (telemetry, log)
}
