//! For clusters with the Prometheus operator: the rules as PrometheusRules, the scraping as a PodMonitor and a ServiceMonitor.

use anyhow::Context;
use serde_json::{Value, json};

use crate::repository::Repository;

/// The folders whose files are rules.
const RULES: &[&str] = &[
    "deploy/monitoring/prometheus/rules/",
    "deploy/monitoring/prometheus/alerts/",
];

/// The operator's objects.
pub(super) fn objects(repository: &Repository) -> anyhow::Result<Vec<Value>> {
    let mut objects = vec![pod_monitor(), service_monitor()];
    for file in repository
        .files()
        .filter(|file| RULES.iter().any(|folder| file.starts_with(folder)))
    {
        let text = repository.text(file).with_context(|| file.to_owned())?;
        let rules: Value = serde_saphyr::from_str(&text).with_context(|| file.to_owned())?;
        let stem = file
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".yml"))
            .unwrap_or(file);
        let folder = file.rsplit('/').nth(1).unwrap_or_default();
        objects.push(json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
            "metadata": metadata(&format!("devmesh-{folder}-{stem}")), "spec": {"groups": rules["groups"]},
        }));
    }
    Ok(objects)
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "labels": {"app.kubernetes.io/part-of": "devmesh-monitoring"}})
}

/// Every pod of the mesh by its port `metrics`; its component is the job, by which the alerts know it.
fn pod_monitor() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": metadata("devmesh"),
        "spec": {
            "namespaceSelector": {"any": true},
            "selector": {"matchLabels": {"app.kubernetes.io/part-of": "devmesh"}},
            "podMetricsEndpoints": [{
                "port": "metrics", "path": "/metrics", "interval": "15s", "honorLabels": true,
                "relabelings": component("__meta_kubernetes_pod_label_app_kubernetes_io_component"),
            }],
        },
    })
}

/// What the pack itself runs: its services' ports `metrics`.
fn service_monitor() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": metadata("devmesh-monitoring"),
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/part-of": "devmesh-monitoring"}},
            "endpoints": [{"port": "metrics", "path": "/metrics", "interval": "30s", "honorLabels": true}],
        },
    })
}

fn component(label: &str) -> Value {
    let to = |target: &str| json!({"sourceLabels": [label], "targetLabel": target, "action": "replace"});
    json!([to("job"), to("service")])
}
