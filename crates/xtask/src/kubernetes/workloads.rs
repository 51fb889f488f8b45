//! The programs of the pack in a cluster. The mesh itself is in the namespace `devmesh`.

use super::model::{Access, File, Workload};

/// A workload with nothing in it, for what most have alike.
const PLAIN: Workload = Workload {
    name: "",
    compose: "",
    image: None,
    replicas: 1,
    args: &[],
    env: &[],
    ports: &[],
    headless: false,
    user: 65534,
    config: None,
    secrets: &[],
    dashboards: None,
    runbooks: None,
    storage: None,
    ready: ("/", 0),
    memory: "256Mi",
    access: Access::Nothing,
};

const fn file(from: &'static str, to: &'static str) -> File {
    File {
        from,
        to,
        replaced: &[],
    }
}

/// Every workload; a new one is one function and one line.
pub(super) fn all() -> Vec<Workload> {
    vec![
        prometheus(),
        alertmanager(),
        grafana(),
        blackbox(),
        pushgateway(),
        kube_state_metrics(),
        collector(),
        load_balancer(),
        tempo(),
        loki(),
        alloy(),
    ]
}

fn prometheus() -> Workload {
    const FILES: &[File] = &[
        file("prometheus/prometheus.kubernetes.yml", "prometheus.yml"),
        file("prometheus/rules/", "rules/"),
        file("prometheus/alerts/", "alerts/"),
    ];
    Workload {
        name: "prometheus",
        compose: "prometheus",
        args: &[
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=40d",
            "--web.enable-lifecycle",
            "--enable-feature=exemplar-storage",
        ],
        ports: &[("metrics", 9090)],
        config: Some(("/etc/prometheus", FILES)),
        storage: Some(("/prometheus", "50Gi")),
        ready: ("/-/ready", 9090),
        memory: "2Gi",
        access: Access::Pods,
        ..PLAIN
    }
}

fn alertmanager() -> Workload {
    const FILES: &[File] = &[
        File {
            from: "alertmanager/alertmanager.yml",
            to: "alertmanager.yml",
            replaced: &[("http://127.0.0.1:8081", "http://rest-api.devmesh:8081")],
        },
        file("alertmanager/templates/devmesh.tmpl", "templates/devmesh.tmpl"),
    ];
    Workload {
        name: "alertmanager",
        compose: "alertmanager",
        args: &[
            "--config.file=/etc/alertmanager/alertmanager.yml",
            "--storage.path=/alertmanager",
            "--cluster.listen-address=",
        ],
        ports: &[("metrics", 9093)],
        config: Some(("/etc/alertmanager", FILES)),
        secrets: &["pagerduty_key", "slack_url", "smtp_password", "devmesh_key"],
        storage: Some(("/alertmanager", "1Gi")),
        ready: ("/-/ready", 9093),
        ..PLAIN
    }
}

fn grafana() -> Workload {
    const FILES: &[File] = &[
        file("grafana/grafana.ini", "grafana.ini"),
        file(
            "grafana/provisioning/dashboards/mcp.yml",
            "provisioning/dashboards/mcp.yml",
        ),
        file(
            "grafana/provisioning/datasources/mcp.yml",
            "provisioning/datasources/mcp.yml",
        ),
    ];
    Workload {
        name: "grafana",
        compose: "grafana",
        env: &[
            ("GF_PATHS_CONFIG", "/etc/grafana/grafana.ini"),
            (
                "GF_SECURITY_ADMIN_PASSWORD__FILE",
                "/etc/grafana/secrets/grafana_password",
            ),
        ],
        ports: &[("metrics", 3000)],
        user: 472,
        config: Some(("/etc/grafana", FILES)),
        secrets: &["grafana_password"],
        dashboards: Some("/var/lib/grafana/dashboards"),
        runbooks: Some("/usr/share/grafana/public/runbooks"),
        storage: Some(("/var/lib/grafana", "1Gi")),
        ready: ("/api/health", 3000),
        memory: "512Mi",
        ..PLAIN
    }
}

fn blackbox() -> Workload {
    const FILES: &[File] = &[file("blackbox/blackbox.yml", "blackbox.yml")];
    Workload {
        name: "blackbox-exporter",
        compose: "blackbox-exporter",
        args: &["--config.file=/etc/blackbox/blackbox.yml"],
        ports: &[("metrics", 9115)],
        config: Some(("/etc/blackbox", FILES)),
        secrets: &["synthetic_key"],
        ready: ("/-/healthy", 9115),
        memory: "64Mi",
        ..PLAIN
    }
}

fn pushgateway() -> Workload {
    Workload {
        name: "pushgateway",
        compose: "pushgateway",
        ports: &[("metrics", 9091)],
        ready: ("/-/ready", 9091),
        memory: "128Mi",
        ..PLAIN
    }
}

fn kube_state_metrics() -> Workload {
    Workload {
        name: "kube-state-metrics",
        image: Some("registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.16.0"),
        args: &[
            "--resources=pods,nodes,services,persistentvolumeclaims,resourcequotas,deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs,horizontalpodautoscalers",
        ],
        ports: &[("metrics", 8080)],
        ready: ("/healthz", 8080),
        access: Access::Everything,
        ..PLAIN
    }
}

const OTLP: &[(&str, u16)] = &[("otlp-grpc", 4317), ("otlp-http", 4318), ("zipkin", 9411)];

fn collector() -> Workload {
    const FILES: &[File] = &[file("otel/collector.yaml", "collector.yaml")];
    Workload {
        name: "otel-collector",
        compose: "otel-collector",
        replicas: 2,
        args: &["--config=/etc/otelcol/collector.yaml"],
        ports: &[
            ("otlp-grpc", 4317),
            ("otlp-http", 4318),
            ("zipkin", 9411),
            ("statsd", 8125),
            ("metrics", 8888),
            ("received", 8889),
        ],
        headless: true,
        user: 10001,
        config: Some(("/etc/otelcol", FILES)),
        storage: Some(("/var/lib/otelcol", "5Gi")),
        ready: ("/", 13133),
        memory: "1Gi",
        ..PLAIN
    }
}

/// The door for the mesh's spans: `OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-loadbalancer.monitoring:4317`.
fn load_balancer() -> Workload {
    const FILES: &[File] = &[file("otel/loadbalancer.yaml", "loadbalancer.yaml")];
    Workload {
        name: "otel-loadbalancer",
        compose: "otel-collector",
        args: &["--config=/etc/otelcol/loadbalancer.yaml"],
        ports: OTLP,
        user: 10001,
        config: Some(("/etc/otelcol", FILES)),
        ready: ("/", 13133),
        memory: "512Mi",
        ..PLAIN
    }
}

fn tempo() -> Workload {
    const FILES: &[File] = &[file("tempo/tempo.yml", "tempo.yml")];
    Workload {
        name: "tempo",
        compose: "tempo",
        args: &["-config.file=/etc/tempo/tempo.yml"],
        ports: &[("metrics", 3200), ("otlp-grpc", 4317)],
        user: 10001,
        config: Some(("/etc/tempo", FILES)),
        storage: Some(("/var/tempo", "20Gi")),
        ready: ("/ready", 3200),
        memory: "1Gi",
        ..PLAIN
    }
}

fn loki() -> Workload {
    const FILES: &[File] = &[file("loki/loki.yml", "loki.yml")];
    Workload {
        name: "loki",
        compose: "loki",
        args: &["-config.file=/etc/loki/loki.yml"],
        ports: &[("metrics", 3100)],
        user: 10001,
        config: Some(("/etc/loki", FILES)),
        storage: Some(("/loki", "20Gi")),
        ready: ("/ready", 3100),
        memory: "1Gi",
        ..PLAIN
    }
}

/// One replica: it reads logs through the API, and two would read each line twice.
fn alloy() -> Workload {
    const FILES: &[File] = &[file("logs/alloy.kubernetes.alloy", "config.alloy")];
    Workload {
        name: "alloy",
        compose: "alloy",
        args: &[
            "run",
            "--storage.path=/tmp/alloy",
            "--server.http.listen-addr=0.0.0.0:12345",
            "/etc/alloy/config.alloy",
        ],
        ports: &[("metrics", 12345)],
        user: 473,
        config: Some(("/etc/alloy", FILES)),
        ready: ("/-/ready", 12345),
        memory: "512Mi",
        access: Access::Logs,
        ..PLAIN
    }
}
