//! The shape `up`: the binary `devmesh up` with a data directory of its own.

use anyhow::Result;
use test_support::Process;

use super::environment::{common, settings, variable};
use super::{Mesh, Running};
use crate::Service;

impl Mesh {
    pub(super) async fn start_up(&mut self) -> Result<()> {
        if let Some(data) = self.setup.data.take() {
            std::fs::rename(data, self.data_dir())?;
        }
        let command = Process::command(self.program("devmesh")?)
            .args(["up", "--data"])
            .args([self.data_dir()]);
        let mut command = common(command, &self.setup, self.otlp.endpoint());
        for service in Service::ALL {
            let prefix = format!("DEVMESH_{}__", service.name().replace('-', "_").to_uppercase());
            command = command.env(&variable(&prefix, "listen.address"), "127.0.0.1:0");
            command = settings(command, &self.setup, service, &prefix);
            if let (Some(dir), true) = (&self.setup.spools, service != Service::RestApi) {
                command = command.env(&variable(&prefix, "spool.dir"), dir.join(service.name()));
            }
        }
        let running = Running::ready(command.start()?, &Service::ALL, 1).await?;
        self.processes.push(running);
        Ok(())
    }
}
