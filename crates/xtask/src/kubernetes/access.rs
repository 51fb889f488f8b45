//! Who may read what in the cluster: a service account, a role and their binding.

use serde_json::{Value, json};

use super::model::{Access, Workload};

/// The objects; none for a workload that asks the cluster nothing.
pub(super) fn of(workload: &Workload) -> Vec<Value> {
    let rules = rules(workload.access);
    if rules.is_empty() {
        return Vec::new();
    }
    let name = workload.name;
    let role = format!("devmesh-monitoring-{name}");
    let labels = json!({"app.kubernetes.io/part-of": "devmesh-monitoring"});
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "labels": labels}}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": role, "labels": labels}, "rules": rules,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": role, "labels": labels},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        }),
    ]
}

fn rules(access: Access) -> Vec<Value> {
    let read = |group: &str, resources: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": ["get", "list", "watch"]});
    match access {
        Access::Nothing => Vec::new(),
        Access::Pods => vec![read("", &["pods"])],
        Access::Logs => vec![read("", &["pods", "pods/log", "namespaces", "events"])],
        // What kube-state-metrics is told to look at (--resources).
        Access::Everything => vec![
            read(
                "",
                &[
                    "pods",
                    "nodes",
                    "services",
                    "persistentvolumeclaims",
                    "resourcequotas",
                ],
            ),
            read(
                "apps",
                &["deployments", "statefulsets", "daemonsets", "replicasets"],
            ),
            read("batch", &["jobs", "cronjobs"]),
            read("autoscaling", &["horizontalpodautoscalers"]),
        ],
    }
}
