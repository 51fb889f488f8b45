//! The note in the data directory that says where the running mesh listens, for the command line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use serde::{Deserialize, Serialize};
use url::Url;

use super::data_dir::DataDir;
use super::host::{self, Host, Role};
use crate::failure::Failure;

/// Its name in the data directory.
pub(super) const FILE: &str = "running.json";

/// Where a mesh listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// The process.
    pub pid: u32,
    /// The MCP endpoint.
    pub mcp_url: Url,
    /// rest-api's HTTP API.
    pub api_url: Url,
    /// Health and metrics of the worker.
    pub worker_url: Url,
}

impl Running {
    /// Reads the note; none when no mesh runs on `data`, also where one was killed and left its note.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        let data = DataDir::at(data);
        if !data.is_in_use() {
            return None;
        }
        serde_json::from_str(&std::fs::read_to_string(data.join(FILE)).ok()?).ok()
    }

    pub(super) fn of(hosts: &[Host]) -> Result<Self, Failure> {
        let url = |role: Role, path: &str| {
            let host = host::of(hosts, role)?;
            let scheme = if host.tls { "https" } else { "http" };
            let text = format!("{scheme}://{}{path}", reachable(host.address));
            Url::parse(&text).map_err(|error| Failure::of(text, error))
        };
        Ok(Self {
            pid: std::process::id(),
            mcp_url: url(Role::McpServer, "/mcp")?,
            api_url: url(Role::RestApi, "")?,
            worker_url: url(Role::Worker, "")?,
        })
    }

    pub(super) fn write(&self, data: &DataDir) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Failure::of(FILE, error))?;
        data.write_private(FILE, &text)
    }
}

/// An address that one can connect to: a listener on all addresses is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
