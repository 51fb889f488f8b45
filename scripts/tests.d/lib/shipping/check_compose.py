"""docker-compose.production.yml, and docker-compose.monitoring.yml which it extends: against the Compose specification's schema,
docker-compose, and the code: every variable, port, path, name and file that they mention is there.

    check_compose.py SCHEMA PROGRAMS      compose.schema.json, and the folder with the built `devmesh`
"""

import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import jsonschema
import yaml

import compose
from repository import ROOT, SERVICES, USER, check, environment_file, finish, health_paths, made_secrets, text, unknown_variables

PROXY = "deploy/proxy/haproxy.cfg"
MONITORING = "deploy/monitoring/compose/production"
PINNED = re.compile(r".+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?(@sha256:[0-9a-f]{64})?")
SECRET_NAME = re.compile(r"PASSWORD|TOKEN|SECRET|_KEY|DATABASE.*URL|QUEUE.*URL|CACHE.*URL")


def schema(file):
    validator = jsonschema.Draft7Validator(json.loads(pathlib.Path(file).read_text()))
    for path in [compose.PRODUCTION, compose.MONITORING]:
        document = compose.load(path)
        wrong = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]
        check(not wrong, f"{path} fits the specification's schema", wrong)
        spoilt = copy.deepcopy(document)
        next(iter(spoilt["services"].values()))["imag"] = "x"
        check(any(validator.iter_errors(spoilt)), f"{path}: the schema finds a wrong field")


def docker_compose():
    """The old program knows no `name` and looks at all the rest, `extends` included."""
    with tempfile.TemporaryDirectory() as work:
        place = pathlib.Path(work)
        for path in [compose.PRODUCTION, compose.MONITORING]:
            (place / path).write_text(re.sub(r"^name: .*\n", "", text(path), flags=re.M))
        shutil.copytree(ROOT / "deploy/settings", place / "deploy/settings")
        said = subprocess.run(["docker-compose", "-f", compose.PRODUCTION, "config"], cwd=place, capture_output=True, text=True)
        if check(said.returncode == 0, "docker-compose takes the file", said.stderr):
            services = yaml.safe_load(said.stdout)["services"]
            ours = compose.resolved()["services"]
            check(set(services) == set(ours), "docker-compose sees the same services", set(services) ^ set(ours))
            for name in set(services) & set(ours):
                theirs = {key: str(value) for key, value in (services[name].get("environment") or {}).items()}
                check(theirs == ours[name]["environment"], f"{name}: docker-compose sees the same variables", theirs)


def services(document):
    networks = document["networks"]
    for name, service in document["services"].items():
        ours = name in SERVICES
        check(service.get("restart") == "unless-stopped" and service.get("logging", {}).get("options", {}).get("max-size"),
              f"{name} is started again, and its log is bounded")
        check("no-new-privileges:true" in service.get("security_opt", []), f"{name} gets no more rights")
        check(PINNED.fullmatch(service["image"]), f"{name}: the image has a version", service["image"])
        check(set(service["networks"]) <= set(networks), f"{name}: its networks are declared")
        if "profiles" not in service:
            check(service.get("healthcheck", {}).get("test"), f"{name} has a health check")
            check(service.get("deploy", {}).get("resources", {}).get("limits", {}).get("memory"), f"{name} has limits")
        loose = [key for key, value in service["environment"].items()
                 if SECRET_NAME.search(key) and not value.startswith("/run/secrets/")]
        check(not loose, f"{name}: secrets are files", loose)
        for dependency in service.get("depends_on", {}):
            other = document["services"][dependency]
            shared = set(service["networks"]) & set(other["networks"])
            check(shared and other.get("healthcheck"), f"{name} reaches {dependency} and can wait for it")
        if ours:
            check(service.get("read_only") and service["user"] == f"{USER}:{USER}" and service["cap_drop"] == ["ALL"],
                  f"{name} may write to its volumes only")


def of_the_mesh(document, programs):
    for name, port in SERVICES.items():
        service = document["services"][name]
        variables = service["environment"]
        unknown = unknown_variables(name, variables)
        check(not unknown, f"{name}: docs/configuration.md has its variables", unknown)
        check(unknown_variables(name, ["DEVMESH_NO_SUCH__KEY"]), "a variable that no setting has is found")
        check(variables["DEVMESH_LISTEN__ADDRESS"] == f"0.0.0.0:{port}", f"{name} listens on {port}")
        program, verb, address = service["healthcheck"]["test"][1:]
        path = re.fullmatch(rf"http://127\.0\.0\.1:{port}(/.*)", address)
        check(program == f"/usr/local/bin/{name}" and verb == "probe" and path and path[1] in health_paths(),
              f"{name} is asked for its health", address)
        mounted = set(compose.secret_mounts(service).values())
        named = {value for value in variables.values() if value.startswith("/run/secrets/")}
        check(mounted == named, f"{name} is given the secrets that it names, and no others", mounted ^ named)
        for variable in ("DEVMESH_DATA_DIR", "DEVMESH_SPOOL__DIR"):
            place = variables.get(variable)
            targets = [compose.target_of(mount) for mount in service["volumes"]]
            check(not place or any((place + "/").startswith(target + "/") for target in targets), f"{name}: {place} is on a volume")
        grace = int(service["stop_grace_period"].rstrip("s"))
        notice = int(variables.get("DEVMESH_DRAIN_NOTICE", "0s").rstrip("s"))
        check(grace >= notice + 25 + 5, f"{name} has longer to stop than it takes to drain (25 s)", grace)
    edges = [document["services"][name]["environment"]["DEVMESH_CONTROL_PLANE__URL"] for name in ("mcp-server", "worker")]
    grpc = document["services"]["rest-api"]["environment"]["DEVMESH_GRPC__LISTEN__ADDRESS"].rsplit(":", 1)[1]
    check(set(edges) == {f"https://rest-api:{grpc}"}, "the others find rest-api's gRPC, over TLS", edges)
    settings_fit(document, programs)


def settings_fit(document, programs):
    """`devmesh config check` with the very variables; secrets are where scripts/secrets has just made them."""
    with tempfile.TemporaryDirectory() as work:
        secrets = f"{work}/secrets"
        made_secrets(secrets)
        for name in SERVICES:
            variables = document["services"][name]["environment"]
            local = {key: value.replace("/run/secrets", secrets) for key, value in variables.items()}

            def fits(more):
                return subprocess.run([f"{programs}/devmesh", "config", "check", "--for", name], cwd=work, capture_output=True,
                                      text=True, env={"PATH": os.environ["PATH"], "HOME": work} | local | more)

            said = fits({})
            check(said.returncode == 0, f"{name} takes these settings", said.stdout + said.stderr)
            check(fits({"DEVMESH_LISTEN__ADRESS": "x"}).returncode == 2, f"{name}: a misspelt setting is found")


def names(document):
    """Who is where: the proxy's, Prometheus's and the secrets' ideas of it."""
    proxy = text(PROXY)
    for name, port in [("mcp-server", 8080), ("rest-api", 8081)]:
        check(re.search(rf"^backend {name}\n.*?server-template {name} \d+ {name}:{port}$", proxy, re.M | re.S), f"the proxy finds {name}")
        published = [one for one in document["services"]["proxy"]["ports"] if one.endswith(f":{port}:{port}")]
        check(published == [f"127.0.0.1:{port}:{port}"] and f"bind :{port}" in proxy, f"{port} is published, on loopback")
        check(set(document["services"]["proxy"]["networks"]) & set(document["services"][name]["networks"]), f"the proxy reaches {name}")
    said = subprocess.run(["/usr/sbin/haproxy", "-c", "-f", str(ROOT / PROXY)], capture_output=True, text=True)
    check(said.returncode == 0 and "WARNING" not in said.stderr, "haproxy takes its configuration", said.stderr)
    path = re.search(r"http-check send meth GET uri (\S+)", proxy)[1]
    every, times = map(int, re.search(r"check inter (\d+)s fall (\d+)", proxy).groups())
    for name in ("mcp-server", "rest-api"):
        notice = document["services"][name]["environment"]["DEVMESH_DRAIN_NOTICE"]
        check(int(notice.rstrip("s")) >= 2 * every * times, f"the proxy hears in time that {name} stops", notice)
    check(path in health_paths(), "the proxy asks for a health path that is there", path)
    prometheus = yaml.safe_load(text(f"{MONITORING}/prometheus.yml"))
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    for name, port in SERVICES.items():
        found = jobs[name]["dns_sd_configs"]
        check(found[0]["names"] == [name] and found[0]["port"] == port, f"Prometheus finds the replicas of {name}", found)
        check("devmesh" in document["services"][name]["networks"], f"Prometheus reaches {name}")
    for file in ["prometheus.yml", "targets/blackbox-http.yml", "alertmanager.yml"]:
        for host, port in re.findall(r"(?:http://|\[)([a-z][a-z-]+):(\d+)", text(f"{MONITORING}/{file}")):
            check(host in document["services"] and SERVICES.get(host, int(port)) == int(port), f"{file}: {host}:{port}")
    check("host.docker.internal" not in "".join(text(f"{MONITORING}/{file}") for file in ["prometheus.yml", "alertmanager.yml"]),
          "the containers watch containers")


def secrets(document):
    with tempfile.TemporaryDirectory() as work:
        made = made_secrets(f"{work}/secrets")
        before = {name: path.read_bytes() for name, path in made.items()}
        check({name: path.read_bytes() for name, path in made_secrets(f"{work}/secrets").items()} == before, "a second time changes nothing")
        for name, secret in document["secrets"].items():
            check(pathlib.Path(secret["file"]).name == name and name in made, f"scripts/secrets makes {name}")
            check(any(name in compose.secret_mounts(service) for service in document["services"].values()), f"somebody uses {name}")
        modes = {path.stat().st_mode & 0o777 for path in made.values()}
        check(modes == {0o444} and pathlib.Path(f"{work}/secrets").stat().st_mode & 0o777 == 0o700, "their folder is closed", modes)
        hosts = {name: re.search(r"@([a-z]+):", made[name].read_text())[1] for name in ("database-url", "queue-url", "cache-url")}
        check(hosts == {"database-url": "postgres", "queue-url": "rabbitmq", "cache-url": "redis"}, "the addresses are the services'", hosts)
        if os.geteuid() == 0:
            readable(made)
        verify = subprocess.run(["openssl", "verify", "-CAfile", made["ca.crt"], "-verify_hostname", "rest-api", made["tls.crt"]],
                                capture_output=True, text=True)
        check(verify.returncode == 0, "the certificate is rest-api's", verify.stderr)
        authority_rotated(f"{work}/secrets", made)


def authority_rotated(folder, made):
    """As docs/operations.md says: a certificate is of an authority that is trusted after every step."""
    def step(option):
        return subprocess.run([str(ROOT / "scripts/secrets"), option, folder], capture_output=True, text=True)

    def trusted(purpose="any"):
        said = [subprocess.run(["openssl", "verify", "-purpose", purpose, "-CAfile", made["ca.crt"], made[f"{name}.crt"]], capture_output=True)
                for name in (["mcp-server", "worker"] if purpose == "sslclient" else ["tls"] if purpose == "sslserver" else ["tls", "mcp-server", "worker"])]
        return all(one.returncode == 0 for one in said)

    old = made["ca.crt"].read_text().strip()
    check(trusted("sslclient") and trusted("sslserver"), "the certificates are for clients and for servers")
    check(step("--new-authority").returncode == 0 and trusted(), "with a new authority the old certificates are good still")
    check(step("--forget-authority").returncode != 0 and trusted(), "an authority that is needed is not forgotten")
    check(step("--renew").returncode == 0 and trusted() and old in made["ca.crt"].read_text(), "renewed certificates are of the new authority")
    check(step("--forget-authority").returncode == 0 and trusted() and old not in made["ca.crt"].read_text(), "then the old one is forgotten")


def readable(made):
    """As a container sees them: each bound into a root of its own, opened by the images' user."""
    script = 'mkdir /run/secrets -p; mount -t tmpfs x /run/secrets; for file; do to=/run/secrets/${file##*/}; : >"$to"; ' \
             f'mount --bind "$file" "$to"; setpriv --reuid={USER} --regid={USER} --clear-groups cat "$to" >/dev/null || exit 1; done'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *map(str, made.values())], capture_output=True, text=True)
    check(done.returncode == 0, f"user {USER} can read each in its container", done.stderr)
    away = subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "cat", str(made["service-key"])],
                          capture_output=True)
    check(away.returncode != 0, "outside of it nobody else can")


def files(document):
    for name, service in document["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0] if isinstance(mount, str) else mount.get("source", "")
            if source.startswith("./") and "/.devmesh/" not in source and "/.monitoring/" not in source:
                check((ROOT / source).exists(), f"{name}: {source} is there")
            elif re.match(r"[a-z]", source) and ":" in mount:
                check(source in document["volumes"], f"{name}: the volume {source} is declared")
        if "build" in service:
            check(re.search(rf"^FROM \S+ AS {service['build']['target']}$", text(service["build"]["dockerfile"]), re.M),
                  f"{name}: the image's target is there")


document = compose.resolved()
schema(sys.argv[1])
docker_compose()
services(document)
of_the_mesh(document, sys.argv[2])
names(document)
secrets(document)
files(document)
finish()
