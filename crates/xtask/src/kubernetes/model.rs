//! What runs, and the objects that make it run.

use serde_json::{Map, Value, json};

use crate::repository::Repository;

/// One program of the pack.
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// Its name in the Compose file.
    pub(super) compose: &'static str,
    /// Of what the Compose file has not.
    pub(super) image: Option<&'static str>,
    pub(super) replicas: u32,
    pub(super) args: &'static [&'static str],
    pub(super) env: &'static [(&'static str, &'static str)],
    pub(super) ports: &'static [(&'static str, u16)],
    /// Whether each replica has an address of its own.
    pub(super) headless: bool,
    /// The user in its image.
    pub(super) user: u32,
    /// Where its configuration stands, and the files of the pack in it: path in the pack, path there, what is replaced.
    pub(super) config: Option<(&'static str, &'static [File])>,
    /// Files of the secret `monitoring-secrets`, below `secrets` of the configuration.
    pub(super) secrets: &'static [&'static str],
    /// Where all dashboards are mounted.
    pub(super) dashboards: Option<&'static str>,
    /// Where the runbooks are mounted.
    pub(super) runbooks: Option<&'static str>,
    /// A volume that outlives the pod: where, and how big.
    pub(super) storage: Option<(&'static str, &'static str)>,
    /// What says that it is ready: path and port.
    pub(super) ready: (&'static str, u16),
    pub(super) memory: &'static str,
    pub(super) access: Access,
}

/// A file of the configuration.
pub(super) struct File {
    /// In the pack; a folder (with `/` at the end) gives all of its files.
    pub(super) from: &'static str,
    /// Below the configuration's place.
    pub(super) to: &'static str,
    pub(super) replaced: &'static [(&'static str, &'static str)],
}

/// What a workload may read in the cluster.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Nothing,
    Pods,
    Logs,
    Everything,
}

/// The workload itself and its service.
pub(super) fn objects(
    repository: &Repository,
    workload: &Workload,
    image: &str,
) -> anyhow::Result<Vec<Value>> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata(workload.name, workload),
        "spec": {"selector": selector(workload), "ports": service_ports(workload)},
    });
    let mut objects = vec![runner(workload, pod(repository, workload, image)?), service];
    if workload.headless {
        let name = format!("{}-headless", workload.name);
        objects.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata(&name, workload),
            "spec": {"clusterIP": "None", "selector": selector(workload), "ports": service_ports(workload)},
        }));
    }
    Ok(objects)
}

fn metadata(name: &str, workload: &Workload) -> Value {
    json!({"name": name, "labels": selector(workload)})
}

fn selector(workload: &Workload) -> Value {
    json!({"app.kubernetes.io/name": workload.name, "app.kubernetes.io/part-of": "devmesh-monitoring"})
}

fn service_ports(workload: &Workload) -> Vec<Value> {
    let port = |(name, port): &(&str, u16)| json!({"name": name, "port": port, "targetPort": name, "protocol": protocol(name)});
    workload.ports.iter().map(port).collect()
}

fn protocol(name: &str) -> &'static str {
    if name == "statsd" { "UDP" } else { "TCP" }
}

fn runner(workload: &Workload, pod: Value) -> Value {
    let (kind, own) = match workload.storage {
        Some((_, size)) => (
            "StatefulSet",
            json!({"serviceName": workload.name, "volumeClaimTemplates": [claim(size)]}),
        ),
        None => ("Deployment", json!({})),
    };
    let mut spec = json!({
        "replicas": workload.replicas,
        "selector": {"matchLabels": selector(workload)},
        "template": {"metadata": {"labels": selector(workload)}, "spec": pod},
    });
    merge(&mut spec, own);
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata(workload.name, workload), "spec": spec})
}

fn claim(size: &str) -> Value {
    json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    })
}

fn pod(repository: &Repository, workload: &Workload, image: &str) -> anyhow::Result<Value> {
    let (mounts, volumes) = super::config_maps::volumes(repository, workload)?;
    let mut pod = json!({
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": workload.user, "fsGroup": workload.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(workload, image, &mounts)],
        "volumes": volumes,
    });
    let own = match workload.access {
        Access::Nothing => json!({"automountServiceAccountToken": false}),
        _ => json!({"serviceAccountName": workload.name}),
    };
    merge(&mut pod, own);
    Ok(pod)
}

fn container(workload: &Workload, image: &str, mounts: &[Value]) -> Value {
    let port =
        |(name, port): &(&str, u16)| json!({"name": name, "containerPort": port, "protocol": protocol(name)});
    let variable = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
    let (path, ready) = workload.ready;
    json!({
        "name": workload.name,
        "image": image,
        "args": workload.args,
        "env": workload.env.iter().map(variable).collect::<Vec<_>>(),
        "ports": workload.ports.iter().map(port).collect::<Vec<_>>(),
        "readinessProbe": {"httpGet": {"path": path, "port": ready}, "periodSeconds": 10, "timeoutSeconds": 3},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": workload.memory}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend::<Map<String, Value>>(from);
    }
}
