//! What `devmesh up` decides because everything is in one process and one data directory.

use std::path::PathBuf;

use control::{Entropy, SystemEntropy};
use runtime::config::Secret;

use super::config::Config;
use super::data_dir::DataDir;
use crate::failure::Failure;

/// Fills in the service key, the paths below the data directory, and what the services share.
pub(super) fn complete(mut config: Config, data: &DataDir) -> Result<Config, Failure> {
    refuse_elsewhere(&config)?;
    let plain = Config::default();
    // Nobody but this process uses it, and only for as long as it runs.
    let service_key = fresh_secret();
    config.rest_api.grpc.service_key = service_key.clone();
    config.worker.control_plane.service_key = service_key.clone();
    config.mcp_server.control_plane.service_key = service_key;
    config.rest_api.grpc.service_key_file = None;
    config.worker.control_plane.service_key_file = None;
    config.mcp_server.control_plane.service_key_file = None;
    if config.rest_api.database.url.expose() == plain.rest_api.database.url.expose() {
        config.rest_api.database.url = Secret::new(format!("sqlite:{}", data.join("devmesh.db").display()));
    }
    let paths: [(&mut PathBuf, &PathBuf, &str); 3] = [
        (&mut config.rest_api.data_dir, &plain.rest_api.data_dir, ""),
        (
            &mut config.worker.spool.dir,
            &plain.worker.spool.dir,
            "audit-worker",
        ),
        (
            &mut config.mcp_server.spool.dir,
            &plain.mcp_server.spool.dir,
            "audit-mcp-server",
        ),
    ];
    for (path, default, name) in paths {
        if path == default {
            *path = if name.is_empty() {
                data.path().to_owned()
            } else {
                data.join(name)
            };
        }
    }
    Ok(config)
}

/// Gives the services without an admin token the one in `admin.key`, which the first start makes: log levels and profiles
/// are there at once, for who can read the data directory.
pub(super) fn open_admin(config: &mut Config, data: &DataDir) -> Result<(), Failure> {
    let tokens = [
        &mut config.rest_api.admin_token,
        &mut config.worker.admin_token,
        &mut config.mcp_server.admin_token,
    ];
    if tokens.iter().all(|token| token.is_some()) {
        return Ok(());
    }
    let path = data.join("admin.key");
    if !path.exists() {
        data.write_private("admin.key", &format!("{}\n", fresh_secret().expose()))?;
    }
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::of(path.display(), error))?;
    if text.trim().is_empty() {
        let advice = format!(
            "{}: empty; take it away and the next start makes another",
            path.display()
        );
        return Err(Failure::Usage(advice));
    }
    for token in tokens {
        token.get_or_insert_with(|| Secret::new(text.trim()));
    }
    Ok(())
}

/// One process has one log and one exporter: a section of a service that says otherwise would be ignored silently.
fn refuse_elsewhere(config: &Config) -> Result<(), Failure> {
    let sections = [
        (
            "rest_api",
            &config.rest_api.environment,
            &config.rest_api.monitoring,
            &config.rest_api.tracing,
        ),
        (
            "mcp_server",
            &config.mcp_server.environment,
            &config.mcp_server.monitoring,
            &config.mcp_server.tracing,
        ),
        (
            "worker",
            &config.worker.environment,
            &config.worker.monitoring,
            &config.worker.tracing,
        ),
    ];
    let plain = Config::default();
    for (name, environment, monitoring, tracing) in sections {
        let own = [
            ("environment", *environment != plain.environment),
            ("monitoring", *monitoring != plain.monitoring),
            ("tracing", *tracing != plain.tracing),
        ];
        if let Some((key, _)) = own.into_iter().find(|(_, differs)| *differs) {
            let advice = format!(
                "`{name}.{key}`: set `{key}` at the top instead; with `devmesh up` the services share it"
            );
            return Err(Failure::Usage(advice));
        }
    }
    Ok(())
}

fn fresh_secret() -> Secret {
    let mut bytes = [0_u8; 32];
    SystemEntropy.fill(&mut bytes);
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_data_directory_unless_they_are_set() {
        let data = DataDir::at("/srv/mesh".as_ref());
        let mut config = Config::default();
        config.worker.spool.dir = "/elsewhere".into();
        let complete = complete(config, &data).unwrap();
        assert_eq!(
            complete.rest_api.database.url.expose(),
            "sqlite:/srv/mesh/devmesh.db"
        );
        assert_eq!(complete.rest_api.data_dir, PathBuf::from("/srv/mesh"));
        assert_eq!(
            complete.mcp_server.spool.dir,
            PathBuf::from("/srv/mesh/audit-mcp-server")
        );
        assert_eq!(complete.worker.spool.dir, PathBuf::from("/elsewhere"));
    }

    #[test]
    fn each_start_has_a_service_key_of_its_own_that_all_three_know() {
        let data = DataDir::at("/srv/mesh".as_ref());
        let (one, two) = (
            complete(Config::default(), &data).unwrap(),
            complete(Config::default(), &data).unwrap(),
        );
        let key = one.rest_api.grpc.service_key.expose();
        assert_eq!(key.len(), 64);
        assert_eq!(key, one.worker.control_plane.service_key.expose());
        assert_eq!(key, one.mcp_server.control_plane.service_key.expose());
        assert_ne!(key, two.rest_api.grpc.service_key.expose());
    }

    #[test]
    fn an_admin_token_is_made_once_and_never_replaces_one_that_is_set() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::at(dir.path());
        let start = || {
            let mut config = Config::default();
            config.worker.admin_token = Some(Secret::new("mine"));
            open_admin(&mut config, &data).unwrap();
            assert_eq!(config.worker.admin_token.unwrap().expose(), "mine");
            config.rest_api.admin_token.unwrap().expose().to_owned()
        };
        let first = start();
        assert_eq!(first.len(), 64);
        assert_eq!(first, start());
    }

    #[test]
    fn logging_of_one_service_alone_is_refused_by_name() {
        let mut config = Config::default();
        config.worker.monitoring.logging.level = "debug".to_owned();
        let refused = complete(config, &DataDir::at("/srv/mesh".as_ref())).unwrap_err();
        assert!(refused.to_string().contains("`worker.monitoring`"), "{refused}");
        assert_eq!(refused.code(), 2);
    }
}
