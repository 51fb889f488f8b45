//! Copies of the monitoring pack for other surroundings: the same files with other addresses. The pack itself is for the
//! processes of one machine; a copy that no longer finds what it replaces is an error, so none goes stale unseen.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::repository::Repository;

const PACK: &str = "deploy/monitoring";

/// A file, where its copy goes, and what is different there.
struct Copy {
    from: &'static str,
    to: &'static str,
    replaced: &'static [(&'static str, &'static str)],
}

/// The mesh runs on the host, everything else in containers that know each other by name.
const COMPOSE: &[Copy] = &[
    Copy {
        from: "prometheus/prometheus.yml",
        to: "compose/prometheus.yml",
        replaced: &[
            ("[127.0.0.1:9093]", "[alertmanager:9093]"),
            ("127.0.0.1:9115", "blackbox-exporter:9115"),
        ],
    },
    Copy {
        from: "prometheus/targets/mcp-server.yml",
        to: "compose/targets/mcp-server.yml",
        replaced: &[HOST],
    },
    Copy {
        from: "prometheus/targets/rest-api.yml",
        to: "compose/targets/rest-api.yml",
        replaced: &[HOST],
    },
    Copy {
        from: "prometheus/targets/worker.yml",
        to: "compose/targets/worker.yml",
        replaced: &[HOST],
    },
    Copy {
        from: "prometheus/targets/blackbox-http.yml",
        to: "compose/targets/blackbox-http.yml",
        replaced: &[HOST],
    },
    Copy {
        from: "alertmanager/alertmanager.yml",
        to: "compose/alertmanager.yml",
        replaced: &[HOST],
    },
];
const HOST: (&str, &str) = ("127.0.0.1", "host.docker.internal");

/// All of the mesh in containers (docker-compose.production.yml): a name has as many addresses as replicas.
const PRODUCTION: &[Copy] = &[
    Copy {
        from: "prometheus/prometheus.yml",
        to: "compose/production/prometheus.yml",
        replaced: &[
            ("[127.0.0.1:9093]", "[alertmanager:9093]"),
            ("127.0.0.1:9115", "blackbox-exporter:9115"),
            (
                "file_sd_configs:\n      - files: [targets/mcp-server.yml]",
                "dns_sd_configs:\n      - {names: [mcp-server], type: A, port: 8080, refresh_interval: 10s}\n    \
                 relabel_configs:\n      - {target_label: service, replacement: mcp-server}",
            ),
            (
                "file_sd_configs:\n      - files: [targets/rest-api.yml]",
                "dns_sd_configs:\n      - {names: [rest-api], type: A, port: 8081, refresh_interval: 10s}\n    \
                 relabel_configs:\n      - {target_label: service, replacement: rest-api}",
            ),
            (
                "file_sd_configs:\n      - files: [targets/worker.yml]",
                "dns_sd_configs:\n      - {names: [worker], type: A, port: 8082, refresh_interval: 10s}\n    \
                 relabel_configs:\n      - {target_label: service, replacement: worker}",
            ),
        ],
    },
    Copy {
        from: "prometheus/targets/blackbox-http.yml",
        to: "compose/production/targets/blackbox-http.yml",
        replaced: &[
            ("127.0.0.1:8080", "mcp-server:8080"),
            ("127.0.0.1:8081", "rest-api:8081"),
            ("127.0.0.1:8082", "worker:8082"),
        ],
    },
    Copy {
        from: "alertmanager/alertmanager.yml",
        to: "compose/production/alertmanager.yml",
        replaced: &[("127.0.0.1:8081", "rest-api:8081")],
    },
];

/// The generated copies.
pub(crate) fn files(repository: &Repository) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let copies = COMPOSE.iter().chain(PRODUCTION);
    copies.map(|copy| of(repository, copy)).collect()
}

fn of(repository: &Repository, copy: &Copy) -> anyhow::Result<(PathBuf, String)> {
    let from = format!("{PACK}/{}", copy.from);
    let text = repository.text(&from).with_context(|| from.clone())?;
    let text = replaced(&text, copy.replaced).context(from)?;
    let head = format!(
        "# Generated from {} (cargo xtask generate); do not edit.\n",
        copy.from
    );
    Ok((format!("{PACK}/{}", copy.to).into(), head + &text))
}

fn replaced(text: &str, pairs: &[(&str, &str)]) -> anyhow::Result<String> {
    pairs.iter().try_fold(text.to_owned(), |text, (old, new)| {
        ensure!(text.contains(old), "`{old}` is not there to be replaced");
        Ok(text.replace(old, new))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_differs_in_what_is_replaced_and_nothing_else() {
        let text = "a: 127.0.0.1:1\nb: 127.0.0.1:2\n";
        assert_eq!(
            replaced(text, &[("127.0.0.1", "host")]).unwrap(),
            "a: host:1\nb: host:2\n"
        );
        assert!(replaced(text, &[("localhost", "host")]).is_err());
    }
}
