//! `kubernetes/monitoring`: the monitoring pack as Kubernetes objects, all of it made from the pack's own files. The images are
//! those of `docker-compose.monitoring.yml`.
//!
//! `kubectl apply -k kubernetes/monitoring`; its folder `operator` is for clusters with the Prometheus operator.

mod access;
mod config_maps;
mod model;
mod operator;
mod workloads;

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use crate::repository::Repository;
use model::Workload;

const TOP: &str = "kubernetes/monitoring";

/// The generated files: an object list for each workload, one for each dashboard, the operator's, and what binds them together.
pub(crate) fn files(
    repository: &Repository,
    dashboards: &[(PathBuf, String)],
) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for workload in workloads::all() {
        let mut objects = config_maps::of(repository, &workload)?;
        objects.extend(access::of(&workload));
        let image = image(repository, &workload)?;
        objects.extend(model::objects(repository, &workload, &image)?);
        files.push((format!("{}.yaml", workload.name), documents(&objects)?));
    }
    for (path, text) in dashboards {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let object = config_maps::of_dashboard(name, text);
        files.push((format!("dashboard-{name}.yaml"), documents(&[object])?));
    }
    let runbooks = config_maps::of_runbooks(repository);
    files.push(("runbooks.yaml".to_owned(), documents(&[runbooks])?));
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    files.push((
        "kustomization.yaml".to_owned(),
        documents(&[kustomization(&names)])?,
    ));
    let operator = operator::objects(repository)?;
    files.push(("operator/objects.yaml".to_owned(), documents(&operator)?));
    let bound = kustomization(&["objects.yaml".to_owned()]);
    files.push(("operator/kustomization.yaml".to_owned(), documents(&[bound])?));
    Ok(files
        .into_iter()
        .map(|(name, text)| (format!("{TOP}/{name}").into(), text))
        .collect())
}

fn kustomization(resources: &[String]) -> Value {
    json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "monitoring",
        "resources": resources,
    })
}

/// The image of the same name in the Compose file; of what is not there, the workload's own.
fn image(repository: &Repository, workload: &Workload) -> anyhow::Result<String> {
    if let Some(image) = workload.image {
        return Ok(image.to_owned());
    }
    let file = "docker-compose.monitoring.yml";
    let text = repository.text(file).context(file)?;
    let compose: Value = serde_saphyr::from_str(&text).context(file)?;
    let image = compose["services"][workload.compose]["image"].as_str();
    Ok(image
        .with_context(|| format!("{file} has no {}", workload.compose))?
        .to_owned())
}

/// YAML documents in one file.
fn documents(objects: &[Value]) -> anyhow::Result<String> {
    let mut text = "# Generated from deploy/monitoring (cargo xtask generate); do not edit.\n".to_owned();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(object)?);
    }
    Ok(text)
}
