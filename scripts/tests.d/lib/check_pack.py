"""The files of the monitoring pack that other tools read, as far as those tools or their schemas are at hand here.

Prometheus's are read by promtool, and the discovery in Kubernetes by a real Prometheus that is given pods' labels; Compose's by
docker-compose; Alertmanager's and the blackbox exporter's by themselves (elsewhere). Of the rest: that they are well-formed, and
that what they name inside and among each other is there. The import into Grafana goes to a recorder.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import hcl2
import yaml

from lib.waiting import free_ports, seen_within
from recorders import Http

PACK = pathlib.Path("deploy/monitoring")
failures = 0


def check(condition, what, seen=""):
    global failures
    failures += not condition
    print(f"ok: {what}" if condition else f"FAILED: {what}: {seen}", flush=True)


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def load(path):
    return yaml.safe_load((PACK / path).read_text())


def prometheus():
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work) / "prometheus"
        shutil.copytree(PACK / "prometheus", folder)
        base = load("prometheus/prometheus.yml")
        for name in ["thanos", "m3", "surroundings"]:
            example = load(f"prometheus/examples/{name}.yml")
            merged = dict(base) | {key: value for key, value in example.items() if key not in ("global", "scrape_configs")}
            merged["global"] = base["global"] | example.get("global", {})
            merged["scrape_configs"] = base["scrape_configs"] + example.get("scrape_configs", [])
            (folder / "merged.yml").write_text(yaml.safe_dump(merged))
            check(*named(f"promtool takes prometheus.yml with {name}.yml", run("promtool", "check", "config", str(folder / "merged.yml"))))
        for name in ["prometheus.yml", "examples/federation.yml"]:
            check(*named(f"promtool takes {name}", run("promtool", "check", "config", str(folder / name))))
        shutil.copytree(PACK / "compose", folder / "compose")
        for part in ["rules", "alerts"]:
            shutil.copytree(folder / part, folder / "compose" / part)
        check(*named("promtool takes the copy for Compose", run("promtool", "check", "config", str(folder / "compose/prometheus.yml"))))
        kubernetes(folder)
    bucket = load("prometheus/examples/thanos-objstore.yml")
    check(bucket["type"] == "S3" and {"bucket", "endpoint"} <= set(bucket["config"]), "Thanos's bucket has a type and an address")


def named(what, outcome):
    return outcome[0], what, outcome[1]


def kubernetes(folder):
    """Debian's Prometheus is built without the discovery itself: its labels are given to it from a file."""
    config = load("prometheus/prometheus.kubernetes.yml")
    job = next(one for one in config["scrape_configs"] if one["job_name"] == "devmesh")
    discovery = job.pop("kubernetes_sd_configs")
    check(discovery == [{"role": "pod", "selectors": [{"role": "pod", "label": "app.kubernetes.io/part-of=devmesh"}]}],
          "pods of the mesh are discovered", discovery)
    pod = {"__meta_kubernetes_pod_label_app_kubernetes_io_component": "mcp-server", "__meta_kubernetes_namespace": "devmesh",
           "__meta_kubernetes_pod_container_port_name": "metrics", "__meta_kubernetes_pod_phase": "Running",
           "__meta_kubernetes_pod_name": "mcp-server-0"}
    pods = [pod, pod | {"__meta_kubernetes_pod_container_port_name": "http"}, pod | {"__meta_kubernetes_pod_phase": "Succeeded"}]
    (folder / "pods.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{9 + at}"], "labels": one} for at, one in enumerate(pods)]))
    job["file_sd_configs"] = [{"files": ["pods.json"]}]
    (folder / "kubernetes.yml").write_text(yaml.safe_dump(config))
    check(*named("promtool takes prometheus.kubernetes.yml", run("promtool", "check", "config", str(folder / "kubernetes.yml"))))
    [port] = free_ports(1)
    process = subprocess.Popen(["prometheus", f"--config.file={folder}/kubernetes.yml", f"--storage.tsdb.path={folder}/tsdb",
                                f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found, _ = seen_within(20, lambda: [target for target in ask(port)["activeTargets"] if target["scrapePool"] == "devmesh"])
        labels = [target["labels"] for target in found or []]
        check(len(labels) == 1 and {"job": "mcp-server", "service": "mcp-server", "namespace": "devmesh", "pod": "mcp-server-0"}.items()
              <= labels[0].items(), "a running pod's port `metrics` is scraped under its component's name, nothing else", labels)
    finally:
        process.terminate()
        process.wait(20)


def ask(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=5) as answer:
        return json.loads(answer.read())["data"]


def collectors():
    for name, alternatives in [("otel/collector.yaml", {"otlp/jaeger"}), ("otel/loadbalancer.yaml", set()), ("jaeger/jaeger.yaml", set())]:
        config = load(name)
        used = {kind: set() for kind in ["receivers", "processors", "exporters"]}
        for pipeline in config["service"]["pipelines"].values():
            for kind in used:
                used[kind] |= set(pipeline.get(kind, []))
        for kind, names in used.items():
            defined = set(config.get(kind) or {})
            check(names <= defined and defined - names <= alternatives, f"{name}: the {kind} of its pipelines are those that it defines",
                  names ^ defined)
        check(set(config["service"]["extensions"]) == set(config["extensions"]), f"{name}: its extensions run")
    policies = {policy["name"]: policy for policy in load("otel/collector.yaml")["processors"]["tail_sampling"]["policies"]}
    check(set(policies) == {"errors", "slow", "debug", "ratio"}, "the collector keeps errors, slow and debug traces and a share", policies)
    check(load("otel/loadbalancer.yaml")["exporters"]["loadbalancing"]["routing_key"] == "traceID", "spans are spread by their trace")


def logs():
    promtail = load("logs/promtail.yml")["scrape_configs"][0]
    stages = {key: value for stage in promtail["pipeline_stages"] for key, value in stage.items()}
    check(promtail["static_configs"][0]["labels"]["job"] == "mcp-services" and {"level", "service", "app"} <= set(stages["labels"]),
          "Promtail sets the stream labels that the dashboards ask for")
    fluent = load("logs/fluent-bit.yaml")["pipeline"]
    outputs = {output["name"]: output for output in fluent["outputs"]}
    check(set(outputs) == {"loki", "kafka", "es"} and "$service,$level,$app" in outputs["loki"]["label_keys"],
          "Fluent Bit sets them too, and has Kafka and Elasticsearch", outputs.keys())
    alloy = (PACK / "logs/alloy.alloy").read_text()
    defined = set(re.findall(r'^([a-z._]+) "([a-z_]+)" \{', alloy, re.M))
    referred = {tuple(found.rsplit(".", 1)) for found in re.findall(r"\b((?:loki|local|discovery)\.[a-z._]+)\.(?:receiver|targets)\b", alloy)}
    check(referred <= defined and alloy.count("{") == alloy.count("}"), "Alloy's components find each other", referred - defined)
    for name, output in [("filebeat", "elasticsearch"), ("filebeat-redis", "redis")]:
        config = load(f"logs/{name}.yml")
        check(config["filebeat.inputs"][0]["type"] == "filestream" and f"output.{output}" in config, f"{name}.yml leads to {output}")
    for name, store in [("loki", "filesystem"), ("loki-s3", "s3"), ("loki-gcs", "gcs")]:
        config = load(f"loki/{name}.yml")
        period = config["schema_config"]["configs"][-1]
        check(store in config["common"]["storage"] and period["object_store"] == store
              and config["compactor"]["delete_request_store"] == store and period["schema"] == "v13", f"{name}.yml keeps all in {store}")


def compose():
    files = ["-f", "docker-compose.monitoring.yml"]
    profiles = ["--profile", "traces", "--profile", "logs", "--profile", "jaeger"]
    well, said = run("docker-compose", *files, *profiles, "config", env=os.environ | {"MONITORING_SECRETS": "/secrets"})
    check(well, "docker-compose takes docker-compose.monitoring.yml", said)
    services = yaml.safe_load(said)["services"] if well else {}
    for name, service in services.items():
        check(re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), f"{name} is pinned to a version", service["image"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0] if isinstance(volume, str) else volume["source"]
            if "deploy/monitoring" in source or "docs/" in source:
                check(pathlib.Path(source).exists(), f"{name} finds {pathlib.Path(source).name}", source)
    addresses = (PACK / "grafana/provisioning/datasources/mcp.yml").read_text()
    hosts = set(re.findall(r"url: http://([a-z-]+):", addresses))
    check(hosts <= set(services), "Grafana's data sources are services of it", hosts)


def grafana():
    """What is sent is Grafana's documented API; whether it is taken was not seen here, where there is no Grafana."""
    recorder = Http()
    well, said = run("scripts/setup-monitoring.sh", "--grafana", recorder.url, env=os.environ | {"GRAFANA_TOKEN": "a-token"})
    check(well, "setup-monitoring.sh --grafana succeeds", said)
    sent = recorder.of("/api/dashboards/db")
    files = sorted(path.stem for path in (PACK / "grafana/dashboards").glob("*.json"))
    check([body["dashboard"]["uid"] for _, body in sent] == files, "every dashboard is sent", said)
    check(all(body["overwrite"] and body["folderUid"] == "mcp" and body["dashboard"]["id"] is None for _, body in sent),
          "into the folder, in place of an older one")
    check(all(headers["Authorization"] == "Bearer a-token" for headers, _ in sent), "with the token")
    check([body["homeDashboardUID"] for _, body in recorder.of("/api/org/preferences")] == ["grafana-mcp-overview"], "the Overview becomes home")
    recorder.server.shutdown()
    recorder.server.server_close()
    well, said = run("scripts/setup-monitoring.sh", "--grafana", recorder.url)
    check(not well and "does not answer" in said, "a Grafana that does not answer is told", said)


def terraform():
    """That it is HCL, and names the folder of the dashboards."""
    with open(PACK / "grafana/terraform/main.tf") as file:
        config = hcl2.load(file)
    text = json.dumps(config)
    check("fileset" in text and (PACK / "grafana/terraform/../dashboards").is_dir() and "grafana_dashboard" in text, "the Terraform example is HCL")


def kustomize():
    """The objects in another namespace, as setup-monitoring.sh moves them: only a kubectl of 1.21 or newer can build that."""
    with tempfile.TemporaryDirectory() as work:
        overlay = pathlib.Path(work)
        relative = os.path.relpath("kubernetes/monitoring", overlay.resolve())
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "elsewhere", "resources": [relative]}))
        if not shutil.which("kubectl") or not run("kubectl", "kustomize", "kubernetes/monitoring")[0]:
            print("there is no kubectl of 1.21 or newer here: the kustomization was not built")
            return
        well, said = run("kubectl", "kustomize", work)
        built = [one for one in yaml.safe_load_all(said)] if well else []
        bindings = [one for one in built if one["kind"] == "ClusterRoleBinding"]
        check(len(built) > 40 and bindings and all(one["subjects"][0]["namespace"] == "elsewhere" for one in bindings),
              "kubectl builds the kustomization for another namespace, bindings included", said[:300])


def pushgateway(path):
    """The script of a CronJob, as the container would run it, to a real Pushgateway: for two environments, so that neither takes
    the other's place, one of them with a name that no address can have as it is."""
    [job] = [one for one in yaml.safe_load_all(pathlib.Path(path).read_text()) if one["kind"] == "CronJob"]
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    asked = {one["name"] for one in container["env"]}
    check(asked == {"PUSHGATEWAY_URL", "DEVMESH_ENVIRONMENT"}, f"{path}: the script is told of its environment", asked)
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        seen_within(20, lambda: urllib.request.urlopen(f"{url}/-/ready", timeout=2).status == 200)
        for place in ["production", "north/ü ÿ"]:
            env = {"PUSHGATEWAY_URL": url, "DEVMESH_ENVIRONMENT": place, "PATH": os.environ["PATH"]}
            well, said = run(*container["command"], container["args"][0], env=env)
            check(well, f"{path}: it pushes for {place}", said)
        pushed = pushes(url)
        check(set(pushed) == {"production", "north/ü ÿ"} and all(abs(at - time.time()) < 60 for at in pushed.values()),
              f"{path}: each environment has its own series, of now", pushed)
    finally:
        process.terminate()
        process.wait(10)


def pushes(url):
    """When each environment's backup was made."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    line = r'^backup_last_success_timestamp_seconds\{environment="([^"]+)",instance="",job="devmesh-backup"\} (\S+)$'
    return {place: float(at) for place, at in re.findall(line, page, re.M)}


def absent():
    """Without containers or a cluster the script says so and does nothing."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    for mode in ["compose", "kubernetes"]:
        tool = {"compose": "docker", "kubernetes": "kubectl"}[mode]
        with tempfile.TemporaryDirectory() as work:
            well, said = run("scripts/setup-monitoring.sh", f"--{mode}", "--dir", f"{work}/run", env=bare)
            told = re.search(rf"^{tool} (is not installed|reaches no cluster|does not answer|has no compose plugin)", said, re.M)
            check(not well and told and not pathlib.Path(f"{work}/run").exists(), f"--{mode} says that {tool} cannot be used", said)


for path in sorted(PACK.rglob("*.y*ml")):
    list(yaml.safe_load_all(path.read_text()))
prometheus()
collectors()
logs()
compose()
grafana()
terraform()
kustomize()
pushgateway("deploy/monitoring/kubernetes/cronjob-pushgateway.yaml")
pushgateway("kubernetes/components/backup/backup.yaml")
absent()
print("end")
sys.exit(1 if failures else 0)
