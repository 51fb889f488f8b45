//! The pack's files as ConfigMaps, and how they come into a pod.

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};

use super::model::{File, Workload};
use crate::dashboards;
use crate::repository::Repository;

const PACK: &str = "deploy/monitoring";

/// The runbooks, which Grafana serves to the dashboards' links.
pub(super) fn of_runbooks(repository: &Repository) -> Value {
    let pages = repository
        .files()
        .filter(|file| file.starts_with("docs/runbooks/"));
    let data: Map<_, _> = pages
        .filter_map(|file| Some((file.rsplit('/').next()?.to_owned(), repository.text(file)?.into())))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "runbooks", "labels": {"app.kubernetes.io/part-of": "devmesh-monitoring"}},
        "data": data,
    })
}

/// A file of a ConfigMap: its key, where it stands in the pod, its text.
struct Entry {
    key: String,
    to: String,
    text: String,
}

/// The ConfigMap of a workload's files.
pub(super) fn of(repository: &Repository, workload: &Workload) -> anyhow::Result<Vec<Value>> {
    let entries = entries(repository, workload)?;
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let data: Map<_, _> = entries
        .into_iter()
        .map(|entry| (entry.key, entry.text.into()))
        .collect();
    Ok(vec![json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("{}-config", workload.name), "labels": {"app.kubernetes.io/part-of": "devmesh-monitoring"}},
        "data": data,
    })])
}

fn entries(repository: &Repository, workload: &Workload) -> anyhow::Result<Vec<Entry>> {
    let files = workload.config.map_or(&[][..], |(_, files)| files);
    let mut entries = Vec::new();
    for file in files {
        let path = format!("{PACK}/{}", file.from);
        let in_folder = |found: &&str| file.from.ends_with('/') && found.starts_with(&path);
        let found: Vec<_> = repository.files().filter(in_folder).collect();
        let several = if found.is_empty() {
            vec![path.as_str()]
        } else {
            found
        };
        for one in several {
            entries.push(entry(repository, file, &path, one)?);
        }
    }
    Ok(entries)
}

/// A key is the path with `.` for `/`: it has no folders.
fn entry(repository: &Repository, file: &File, folder: &str, path: &str) -> anyhow::Result<Entry> {
    let text = repository.text(path).with_context(|| path.to_owned())?;
    let text = file.replaced.iter().try_fold(text, |text, (old, new)| {
        ensure!(text.contains(old), "{path}: `{old}` is not there to be replaced");
        Ok(text.replace(old, new))
    })?;
    let to = format!("{}{}", file.to, path.strip_prefix(folder).unwrap_or_default());
    Ok(Entry {
        key: to.replace('/', "."),
        to,
        text,
    })
}

/// A dashboard by itself, with the label that Grafana's side-car of the usual charts looks for.
pub(super) fn of_dashboard(name: &str, text: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/part-of": "devmesh-monitoring", "grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "MCP"},
        },
        "data": {format!("{name}.json"): text},
    })
}

/// Mounts and volumes: the configuration with its secrets as one folder, the dashboards, the data, and room for scratch.
pub(super) fn volumes(
    repository: &Repository,
    workload: &Workload,
) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let mut mounts = vec![json!({"name": "scratch", "mountPath": "/tmp"})];
    let mut volumes = vec![json!({"name": "scratch", "emptyDir": {}})];
    if let Some((place, _)) = workload.config {
        mounts.push(json!({"name": "config", "mountPath": place, "readOnly": true}));
        volumes.push(json!({"name": "config", "projected": {"sources": sources(repository, workload)?}}));
    }
    if let Some((place, _)) = workload.storage {
        mounts.push(json!({"name": "data", "mountPath": place}));
    }
    if let Some(place) = workload.dashboards {
        mounts.push(json!({"name": "dashboards", "mountPath": place, "readOnly": true}));
        let source = |name| json!({"configMap": {"name": name}});
        let sources: Vec<_> = dashboards::names().map(source).collect();
        volumes.push(json!({"name": "dashboards", "projected": {"sources": sources}}));
    }
    if let Some(place) = workload.runbooks {
        mounts.push(json!({"name": "runbooks", "mountPath": place, "readOnly": true}));
        volumes.push(json!({"name": "runbooks", "configMap": {"name": "runbooks"}}));
    }
    Ok((mounts, volumes))
}

fn sources(repository: &Repository, workload: &Workload) -> anyhow::Result<Vec<Value>> {
    let item = |entry: Entry| json!({"key": entry.key, "path": entry.to});
    let items: Vec<_> = entries(repository, workload)?.into_iter().map(item).collect();
    let mut sources =
        vec![json!({"configMap": {"name": format!("{}-config", workload.name), "items": items}})];
    if !workload.secrets.is_empty() {
        let item = |name: &&str| json!({"key": name, "path": format!("secrets/{name}")});
        let items: Vec<_> = workload.secrets.iter().map(item).collect();
        sources.push(json!({"secret": {"name": "monitoring-secrets", "items": items}}));
    }
    Ok(sources)
}
