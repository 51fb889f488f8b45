//! What can be seen on this machine: settings, data directory, keys, ports.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::finding::Finding;
use crate::connection::Connection;
use crate::mesh::config::Config;
use crate::mesh::data_dir::DataDir;
use crate::settings::SettingsArgs;

pub(super) fn look(settings: &SettingsArgs, connection: &Connection) -> Vec<Finding> {
    let config = settings.mesh(&[]);
    let file = settings.file().map_or_else(
        || "defaults, no file".to_owned(),
        |path| path.display().to_string(),
    );
    let mut findings = vec![match &config {
        Ok(_) => Finding::ok("settings", file),
        Err(failure) => Finding::fail(
            "settings",
            failure,
            "mend it; `devmesh config check` says the same",
        ),
    }];
    let data = DataDir::at(&connection.data);
    findings.push(directory(&data));
    findings.extend(secrets(&data));
    if data.is_in_use() {
        findings.push(Finding::ok(
            "running",
            format!("a mesh runs on {}", data.path().display()),
        ));
    } else if let Ok(config) = config {
        findings.extend(ports(&config));
    }
    findings
}

fn directory(data: &DataDir) -> Finding {
    let path = data.path();
    match fs::metadata(path) {
        Err(_) => Finding::warn(
            "data directory",
            format!("{} is not there", path.display()),
            "`devmesh up` makes it",
        ),
        Ok(found) if !found.is_dir() => Finding::fail(
            "data directory",
            format!("{} is no directory", path.display()),
            "name another one with --data",
        ),
        Ok(found) if found.permissions().readonly() => Finding::fail(
            "data directory",
            format!("{} cannot be written", path.display()),
            "give it to the user who runs the mesh",
        ),
        Ok(found) if found.permissions().mode() & 0o077 != 0 => Finding::warn(
            "data directory",
            format!(
                "mode {:o}: others can look into it",
                found.permissions().mode() & 0o777
            ),
            format!("chmod 700 {}", path.display()),
        ),
        Ok(_) => Finding::ok("data directory", path.display()),
    }
}

/// The files that others must not read.
fn secrets(data: &DataDir) -> Vec<Finding> {
    let files = ["bootstrap.key", "admin.key", "credentials.key", "devmesh.db"].map(|name| data.join(name));
    files.iter().filter_map(|path| private(path)).collect()
}

fn private(path: &Path) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let name = path.file_name()?.to_string_lossy().into_owned();
    // The directory is 0700, so a file that its group may read is hidden by it as long as nobody opens that up.
    let open = mode & 0o077 != 0 && name.ends_with(".key");
    Some(if open {
        Finding::fail(
            name,
            format!("mode {mode:o}: others can read it"),
            format!("chmod 600 {}", path.display()),
        )
    } else {
        Finding::ok(name, format!("mode {mode:o}"))
    })
}

/// Whether the addresses are free that the mesh would listen on.
fn ports(config: &Config) -> Vec<Finding> {
    let listeners = [
        ("mcp-server", &config.mcp_server.listen.address, "--mcp-port"),
        ("rest-api", &config.rest_api.listen.address, "--api-port"),
        ("worker", &config.worker.listen.address, "--worker-port"),
    ];
    let look = |(service, address, flag): (&str, &String, &str)| {
        let check = format!("port of {service}");
        match TcpListener::bind(address.as_str()) {
            Ok(_) => Finding::ok(check, format!("{address} is free")),
            Err(error) => Finding::warn(
                check,
                format!("{address}: {error}"),
                format!("if it is not a mesh of yours: `devmesh up {flag} PORT`, or end what listens there"),
            ),
        }
    };
    listeners.into_iter().map(look).collect()
}
