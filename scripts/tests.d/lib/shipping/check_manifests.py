"""kubernetes/: each overlay is built, held against the API descriptions of several versions of Kubernetes and the pod security
standard "restricted", and compared with the settings, ports, paths, secrets, metrics and images of the rest of the repository.

    check_manifests.py PROGRAMS      the folder with the built `devmesh`
"""

import copy
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

import compose
from kustomize import build, objects_of
from pods import breaches, fits, may_talk, template
from repository import ROOT, SERVICES, USER, check, finish, health_paths, text, unknown_variables

# The oldest that knows all we use (preStop.sleep is on from 1.30), one between, and the newest.
VERSIONS = ["1.32", "1.35", "1.37"]
# Of others; scripts/tests.d/lib/check_kubernetes.mjs holds the operator's against their types.
FOREIGN = ("monitoring.coreos.com/", "gateway.networking.k8s.io/")
PROBES = {"startupProbe": ("/health/startup", 0, 5, 3, None, 30), "readinessProbe": ("/health/ready", 10, 5, 3, 1, 3),
          "livenessProbe": ("/health/live", 30, 10, 5, None, 3)}
ALLOWED = [("mcp-server", "rest-api", 9081), ("worker", "rest-api", 9081), ("rest-api", "postgres", 5432), ("rest-api", "rabbitmq", 5672),
           ("worker", "rabbitmq", 5672), ("rest-api", "redis", 6379), ("mcp-server", "redis", 6379)]


def valid(name, objects):
    ours = [one for one in objects if not one["apiVersion"].startswith(FOREIGN)]
    for version in VERSIONS:
        wrong = []
        for one in ours:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                wrong.append(f"{one['kind']} {one['metadata']['name']}: {'/'.join(map(str, error.path))}: {error.message}")
        check(not wrong and ours, f"{name} fits Kubernetes {version} ({len(ours)} objects)", wrong[:5])
    spoilt = copy.deepcopy(next(one for one in ours if one["kind"] in ("Deployment", "Namespace")))
    spoilt["specs"] = {}
    try:
        kubernetes_validate.validate(spoilt, VERSIONS[-1], strict=True)
        check(False, f"{name}: a wrong field is found")
    except kubernetes_validate.ValidationError:
        check(True, f"{name}: a wrong field is found")


def of(objects, kind):
    return {re.sub(r"-[a-z0-9]{10}$", "", one["metadata"]["name"]): one for one in objects if one["kind"] == kind}


def secure(name, objects):
    pods = [one for one in objects if template(one)]
    for one in pods:
        found = breaches(one)
        check(not found, f"{name}: {one['metadata']['name']} is restricted", found)
        labels = {f"app.kubernetes.io/{label}" for label in ("name", "part-of")}
        check(labels <= set(one["metadata"].get("labels", {})), f"{name}: {one['metadata']['name']} has the usual labels")
    spoilt = copy.deepcopy(pods[0])
    del template(spoilt)["spec"]["securityContext"]
    check(len(breaches(spoilt)) >= 2, f"{name}: a pod without a security context is found")
    check({one["metadata"].get("namespace") for one in objects if one["kind"] != "Namespace"} == {"devmesh"}, f"{name} is in its namespace")


def services(name, objects):
    deployments, accounts, secrets = of(objects, "Deployment"), of(objects, "ServiceAccount"), of(objects, "Secret")
    drain = int(re.search(r"`drain` \| duration \| `\"(\d+)s\"`", text("docs/configuration.md"))[1])
    for service, port in SERVICES.items():
        pod = template(deployments[service])["spec"]
        container = pod["containers"][0]
        settings = settings_of(objects, container)
        check(not unknown_variables(service, settings), f"{name}: {service} knows its settings", unknown_variables(service, settings))
        check(settings["DEVMESH_LISTEN__ADDRESS"] == f"0.0.0.0:{port}" and {"name": "metrics", "containerPort": port} in container["ports"],
              f"{name}: {service} listens on {port}, where Prometheus looks")
        for probe, (path, *numbers) in PROBES.items():
            found = container[probe]
            keys = ["initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold"]
            check(found["httpGet"] == {"path": path, "port": "metrics"} and [found.get(key) for key in keys] == numbers
                  and path in health_paths(), f"{name}: {service}: {probe}", found)
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        check(pod["terminationGracePeriodSeconds"] >= pause + drain + 5, f"{name}: {service} has time to drain")
        check(container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsUser"] == USER, f"{name}: {service} is read-only")
        check(pod["serviceAccountName"] in accounts, f"{name}: {service} has an account")
        volume = next(one for one in pod["volumes"] if one["name"] == "secrets")["secret"]
        items = {f"/run/secrets/{item['path']}" for item in volume["items"]}
        named = {value for value in settings.values() if value.startswith("/run/secrets/")}
        check(items == named, f"{name}: {service} is given the secrets that it names", items ^ named)
        keys = {item["key"] for item in volume["items"]}
        held = secrets.get("devmesh")
        check(held is None or keys <= set(held.get("data") or held["stringData"]), f"{name}: they are in the Secret")
        check(keys <= {path.name for path in MADE.iterdir()}, f"{name}: scripts/secrets makes them")
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for variable in ("DEVMESH_DATA_DIR", "DEVMESH_SPOOL__DIR"):
            place = settings.get(variable, "/tmp") + "/"
            check(any(place.startswith(mount + "/") for mount in mounts), f"{name}: {service}: {place} can be written")
        fit(name, service, settings)


def settings_of(objects, container):
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    names = [source["configMapRef"]["name"] for source in container["envFrom"]]
    return {key: value for one in names for key, value in maps[one].items()}


def fit(name, service, settings):
    local = {key: value.replace("/run/secrets", str(MADE)) for key, value in settings.items()}
    said = subprocess.run([f"{sys.argv[1]}/devmesh", "config", "check", "--for", service], cwd=MADE, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": str(MADE)} | local)
    check(said.returncode == 0, f"{name}: {service} takes its settings", said.stdout + said.stderr)


def bound(name, objects):
    """What objects name among each other."""
    pods = {one["metadata"]["name"]: template(one) for one in objects if template(one)}
    for service, one in of(objects, "Service").items():
        chosen = [pod for pod in pods.values() if fits({"matchLabels": one["spec"]["selector"]}, pod["metadata"]["labels"])]
        ports = {port["name"] for pod in chosen for container in pod["spec"]["containers"] for port in container.get("ports", [])}
        check(len(chosen) == 1 and {port["targetPort"] for port in one["spec"]["ports"]} <= ports, f"{name}: the service {service} finds its pods")
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for policy, one in of(objects, kind).items():
            selector = one["spec"].get("selector" if kind == "PodDisruptionBudget" else "podSelector")
            check(any(fits(selector, pod["metadata"]["labels"]) for pod in pods.values()), f"{name}: {kind} {policy} is for somebody")
    for scaler, one in of(objects, "HorizontalPodAutoscaler").items():
        target = of(objects, "Deployment")[one["spec"]["scaleTargetRef"]["name"]]
        check("replicas" not in target["spec"], f"{name}: nobody but the autoscaler says how many {scaler} there are")
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    known = {one["metadata"]["name"] for one in objects}
    for pod in pods.values():
        for volume in pod["spec"].get("volumes", []):
            if "configMap" in volume:
                check(volume["configMap"]["name"] in known, f"{name}: the ConfigMap {volume['configMap']['name']} is there")
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                if named := variable.get("valueFrom", {}).get("configMapKeyRef"):
                    check(named["key"] in maps.get(named["name"], {}), f"{name}: {variable['name']} is in the ConfigMap {named['name']}")
    talk(name, objects, pods)


def talk(name, objects, pods):
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    labels = {pod: template["metadata"]["labels"] for pod, template in pods.items()}
    for source in labels:
        for target in labels:
            for port in (5432, 5672, 6379, 8080, 8081, 8082, 9081):
                wanted = (source, target, port) in ALLOWED
                seen = may_talk(policies, labels[source], labels[target], port)
                check(seen == wanted, f"{name}: {source} to {target}:{port} is {'open' if wanted else 'closed'}")


def images(objects):
    ours = {service["image"] for service in compose.resolved()["services"].values()}
    for one in objects:
        if pod := template(one):
            for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
                image = container["image"]
                check(image in ours or image.startswith("curlimages/curl:"), f"{image} is also the Compose file's")


def metrics(objects):
    documented_metrics = set(re.findall(r"^\| `([a-z_]+)`", text("docs/metrics.md"), re.M))
    adapter = text("kubernetes/examples/prometheus-adapter.yaml")
    for scaler in of(objects, "HorizontalPodAutoscaler").values():
        for one in scaler["spec"]["metrics"]:
            for kind in ("pods", "external"):
                if kind in one:
                    metric = one[kind]["metric"]["name"]
                    check(metric in documented_metrics and f"'{metric}{{" in adapter, f"{metric} is emitted, and the adapter has it")
    check(sum(len(one["spec"]["metrics"]) for one in of(objects, "HorizontalPodAutoscaler").values()) == 5, "load-metrics adds two")


def examples(objects):
    there = {(name, port["port"]) for name, one in of(objects, "Service").items() for port in one["spec"]["ports"]}
    named = {(name, port["name"]) for name, one in of(objects, "Service").items() for port in one["spec"]["ports"]}
    ingress = yaml.safe_load(text("kubernetes/examples/ingress.yaml"))
    kubernetes_validate.validate(ingress, VERSIONS[-1], strict=True)
    doors = {"/mcp", "/ws", "/auth", "/api"}
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    check({path["path"] for path in paths} == doors, "the Ingress has every public door")
    for path in paths:
        service = path["backend"]["service"]
        check((service["name"], service["port"]["name"]) in named, f"the Ingress finds {service['name']}")
    routed = set()
    for one in yaml.safe_load_all(text("kubernetes/examples/gateway.yaml")):
        for rule in one["spec"].get("rules", []):
            routed |= {match["path"]["value"] for match in rule["matches"]}
            for backend in rule["backendRefs"]:
                check((backend["name"], backend["port"]) in there, f"the HTTPRoute finds {backend['name']}")
    check(doors <= routed, "the HTTPRoute has every public door")
    issued = of(yaml.safe_load_all(text("kubernetes/examples/cert-manager.yaml")), "Certificate")
    check({"mcp-server", "worker"} == {name for name, one in issued.items() if "client auth" in one["spec"].get("usages", [])},
          "cert-manager has certificates for both clients of rest-api")
    check(set(issued["rest-api"]["spec"]["dnsNames"]) >= {"rest-api", "rest-api.devmesh.svc"} and "rest-api" in of(objects, "Service"),
          "cert-manager's certificate has the names of rest-api's service")
    for host, namespace, port in re.findall(r"http://([a-z-]+)\.(devmesh):(\d+)", text("deploy/monitoring/prometheus/prometheus.kubernetes.yml")):
        check((host, int(port)) in there, f"the blackbox exporter finds {host}")
    for _, data in of(yaml.safe_load_all(text("kubernetes/examples/prometheus-adapter.yaml")), "ConfigMap").items():
        check(set(yaml.safe_load(data["data"]["config.yaml"])) == {"rules", "externalRules"}, "the adapter's rules are well-formed")


with tempfile.TemporaryDirectory() as folder:
    top = pathlib.Path(folder)
    for part in ("kubernetes", "deploy"):
        shutil.copytree(ROOT / part, top / part, ignore=shutil.ignore_patterns("secrets"))
    MADE = top / "kubernetes/overlays/dev/secrets"
    for given in ({}, {"SERVERS_CA": f"{MADE}/ca.crt"}):
        subprocess.run([str(ROOT / "scripts/secrets"), str(MADE)], check=True, capture_output=True, env=os.environ | given)
    whole = top / "kubernetes/overlays/production/kustomization.yaml"
    with_components = top / "kubernetes/overlays/whole"
    shutil.copytree(whole.parent, with_components)
    uncommented = re.sub(r"^# (components:|  - \.\./\.\./components/)", r"\1", whole.read_text(), flags=re.M)
    (with_components / "kustomization.yaml").write_text(uncommented)
    for name in ["dev", "production", "whole"]:
        place = top / "kubernetes/overlays" / name
        objects, builder = build(place)
        valid(name, objects)
        secure(name, objects)
        services(name, objects)
        bound(name, objects)
        images(objects)
        examples(objects)
        small = objects_of(place)
        check(len(small) == len(objects) and set(of(small, "NetworkPolicy")) == set(of(objects, "NetworkPolicy")), f"{name}: both builders agree")
    metrics(objects)
    for name in ["overlays/monitoring", "monitoring/operator"]:
        objects, builder = build(top / "kubernetes" / name)
        if name != "monitoring/operator":
            valid(name, objects)
    print(f"built by {builder}")
finish()
