//! The arrows between our crates: what a crate does not list it cannot name.

use cargo_metadata::{DependencyKind, Metadata};

use crate::Report;
use crate::repository::Repository;

/// What each crate may depend on besides the [`LEAVES`]. Every crate of the workspace has a line.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("telemetry", &[]),
    ("profiling", &[]),
    // Its `process` starts and flushes telemetry; `admin` serves profiles.
    ("runtime", &["telemetry", "profiling"]),
    ("proto", &[]),
    // Pure: it has nouns of its own, so that a decision can be tested and replayed without the product.
    ("routing", &[]),
    ("control", &["domain", "routing"]),
    ("frames", &[]),
    // For other people's programs: it knows the protocol and nothing else of ours.
    ("devmesh-agent", &["frames"]),
    ("storage", &["domain"]),
    ("queue", &["domain"]),
    ("cache", &["domain"]),
    ("connectors", &["domain"]),
    ("uplink", &["domain", "connectors"]),
    (
        "rest-api",
        &["domain", "routing", "control", "storage", "queue", "cache"],
    ),
    (
        "mcp-server",
        &["domain", "connectors", "cache", "uplink", "frames"],
    ),
    // Never storage: the worker reaches data over gRPC.
    ("worker", &["domain", "connectors", "queue", "cache", "uplink"]),
    ("devmesh", SHIPPED),
    ("test-support", &["domain"]),
    ("e2e", &["test-support"]),
    (
        "bench",
        &["test-support", "domain", "queue", "frames", "devmesh-agent"],
    ),
    ("xtask", &[]),
];

/// These know nothing of the product: anyone may use them, except the domain and one another.
const LEAVES: &[&str] = &["telemetry", "runtime", "proto"];

/// Crates that depend on nothing of ours at all.
const ALONE: &[&str] = &[
    "domain",
    "routing",
    "telemetry",
    "profiling",
    "proto",
    "frames",
    "xtask",
];

/// What devmesh joins.
const SHIPPED: &[&str] = &[
    "domain",
    "routing",
    "control",
    "storage",
    "queue",
    "cache",
    "connectors",
    "uplink",
    "rest-api",
    "mcp-server",
    "worker",
    "devmesh-agent",
];

/// One of our crates and those of ours that it depends on.
struct Manifest {
    name: String,
    depends_on: Vec<(String, DependencyKind)>,
}

/// Compares the manifests with the arrows.
pub(crate) fn check(repository: &Repository) -> anyhow::Result<Report> {
    let manifests = manifests(&repository.metadata()?);
    let looked_at = format!("{} crates", manifests.len());
    Ok(Report {
        looked_at,
        findings: manifests.iter().flat_map(findings).collect(),
    })
}

fn manifests(metadata: &Metadata) -> Vec<Manifest> {
    let packages = metadata.workspace_packages();
    let ours = |name: &str| packages.iter().any(|package| package.name.as_str() == name);
    let manifest = |package: &&cargo_metadata::Package| Manifest {
        name: package.name.to_string(),
        depends_on: package
            .dependencies
            .iter()
            .filter(|dependency| ours(&dependency.name) && dependency.name != package.name.as_str())
            .map(|dependency| (dependency.name.clone(), dependency.kind))
            .collect(),
    };
    packages.iter().map(manifest).collect()
}

fn findings(manifest: &Manifest) -> Vec<String> {
    let name = manifest.name.as_str();
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![format!(
            "{name} has no line in the arrows (crates/xtask/src/arrows.rs)"
        )];
    };
    let may_name = |other: &str, kind: DependencyKind| {
        name == "e2e"
            || allowed.contains(&other)
            || (LEAVES.contains(&other) && !ALONE.contains(&name))
            || (kind == DependencyKind::Development && other == "test-support")
    };
    let finding = |(other, kind): &(String, DependencyKind)| {
        let wrong = !may_name(other, *kind);
        wrong.then(|| format!("{name} must not depend on {other}{}", section(*kind)))
    };
    manifest.depends_on.iter().filter_map(finding).collect()
}

fn section(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Development => " (dev-dependencies)",
        DependencyKind::Build => " (build-dependencies)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use DependencyKind::{Build, Development, Normal};

    use super::*;

    fn found(name: &str, depends_on: &[(&str, DependencyKind)]) -> Vec<String> {
        let depends_on = depends_on
            .iter()
            .map(|(other, kind)| ((*other).to_owned(), *kind))
            .collect();
        findings(&Manifest {
            name: name.to_owned(),
            depends_on,
        })
    }

    #[test]
    fn the_arrows_as_designed_are_accepted() {
        assert!(found("domain", &[]).is_empty());
        assert!(
            found(
                "worker",
                &[("domain", Normal), ("queue", Normal), ("telemetry", Normal)]
            )
            .is_empty()
        );
        assert!(found("devmesh", &[("rest-api", Normal), ("runtime", Normal)]).is_empty());
        assert!(found("storage", &[("domain", Normal), ("test-support", Development)]).is_empty());
        assert!(found("e2e", &[("devmesh", Normal), ("storage", Development)]).is_empty());
    }

    #[test]
    fn an_arrow_that_the_design_does_not_have_is_refused_by_both_names() {
        assert_eq!(
            found("worker", &[("storage", Normal)]),
            ["worker must not depend on storage"]
        );
        assert_eq!(
            found("mcp-server", &[("storage", Normal), ("control", Normal)]).len(),
            2
        );
        assert_eq!(
            found("domain", &[("runtime", Normal)]),
            ["domain must not depend on runtime"]
        );
        assert_eq!(
            found("telemetry", &[("runtime", Normal)]),
            ["telemetry must not depend on runtime"]
        );
    }

    #[test]
    fn a_detour_over_build_or_dev_dependencies_is_refused_too() {
        assert_eq!(
            found("worker", &[("storage", Build)]),
            ["worker must not depend on storage (build-dependencies)"]
        );
        assert_eq!(
            found("worker", &[("storage", Development)]),
            ["worker must not depend on storage (dev-dependencies)"]
        );
    }

    #[test]
    fn what_is_never_shipped_is_in_no_shipped_crate() {
        assert_eq!(found("rest-api", &[("test-support", Normal)]).len(), 1);
        assert_eq!(
            found("devmesh", &[("xtask", Normal), ("e2e", Development)]).len(),
            2
        );
    }

    #[test]
    fn a_crate_without_a_line_is_refused() {
        assert!(found("brand-new", &[])[0].contains("brand-new has no line"));
    }
}
