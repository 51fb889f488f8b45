"""docker-compose.production.yml, run without an engine: each service in a network of its own with the file's variables, secrets,
mounts and health checks, started in the order of `depends_on`; ours in the root file systems of their images. mcp-server has
three replicas, rest-api two. Then a person's first minutes, through the published ports.

    check_deployment.py PROGRAMS      the folder with the built programs; as root
"""

import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import compose
import image
import server
from container import Container
from network import Networks, own_name_spaces, publish
from repository import ROOT, SERVICES, USER, check, finish, made_secrets

REPLICAS = {"mcp-server": 3, "rest-api": 2}
OPTIONAL = ["prometheus"]


class Deployment:
    def __init__(self, work, programs):
        self.work, self.programs = work, programs
        self.document = compose.resolved(given={"DEVMESH_SECRETS": str(work / "secrets")})
        made_secrets(work / "secrets")
        # Looked at each minute otherwise, which is long for a test.
        self.document["services"]["rest-api"]["environment"]["DEVMESH_GRPC__LISTEN__TLS__RELOAD"] = "1s"
        self.stages = image.stages()
        self.networks = Networks([*self.document["networks"]])
        self.running = {}

    def order(self):
        services, done = self.document["services"], []
        wanted = [name for name, service in services.items() if "profiles" not in service] + OPTIONAL
        while len(done) < len(wanted):
            done += [name for name in wanted if name not in done and set(services[name].get("depends_on", {})) <= set(done)]
        return done

    def mounts(self, name, service, container):
        files = {secret: self.work / "secrets" / secret for secret in self.document["secrets"]}
        for secret, target in compose.secret_mounts(service).items():
            yield files[secret], target, False
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":") if ":" in volume else (container, volume)
            if source.startswith(("./", "/")):
                yield (ROOT / source).resolve(), target, mode != ["ro"]
            elif name in SERVICES:
                yield self.volume(name, source, target), target, True

    def volume(self, name, source, target):
        """A new volume begins as what the image has there, with its owner."""
        place = self.work / "volumes" / source
        if not place.exists():
            inside = self.work / "roots" / name / target.lstrip("/")
            shutil.copytree(inside, place)
            os.chown(place, inside.stat().st_uid, inside.stat().st_gid)
        return place

    def start(self, name, number=1):
        service = self.document["services"][name]
        container = f"{name}-{number}" if name in REPLICAS else name
        link = self.networks.attach(container, name, service["networks"])
        log = self.work / f"{container}.log"
        if name not in SERVICES:
            self.running[container] = server.start(name, service, self.work, list(self.mounts(name, service, container)), link)
            return container
        root = self.work / "roots" / name
        if not root.exists():
            image.assemble(self.stages[name], self.programs, root)
            (root / "etc/resolv.conf").write_text("nameserver 127.0.0.11\noptions ndots:0\n")
            (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        self.running[container] = Container(container, root, self.stages[name].entrypoint, service["environment"],
                                            list(self.mounts(name, service, container)), log, link)
        return container

    def up(self):
        for name in self.order():
            service = self.document["services"][name]
            begun = time.monotonic()
            containers = [self.start(name, number + 1) for number in range(REPLICAS.get(name, 1))]
            for container in containers:
                box = self.running[container]
                well = box.well_within(120, service["healthcheck"]["test"][1:])
                if not check(well, f"{container} is well by its own health check", box.said()):
                    return False
            print(f"{name}: well after {time.monotonic() - begun:.1f} s", flush=True)
        return True

    def address(self, container):
        return next(iter(self.networks.members[container][1].values()))

    def down(self):
        for container in reversed([*self.running]):
            box = self.running.pop(container)
            gone = box.process.poll()
            code = box.stop()
            if isinstance(box, Container) and gone is None:
                check(code == 0, f"{container} ends with 0", f"{code}: {box.said()}")


def answer(url, key=None, body=None, headers=None):
    request = urllib.request.Request(url, data=body, headers={"authorization": f"Bearer {key}"} | (headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def tools(key):
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "check", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream",
               "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}
    return answer("http://127.0.0.1:8080/mcp", key, json.dumps(message).encode(), headers)


def first_minutes(deployment):
    publish(8080, deployment.address("proxy"))
    publish(8081, deployment.address("proxy"))
    control = deployment.running["rest-api-1"]
    said = control.run(["/usr/local/bin/devmesh", "keys", "recover", "--for", "rest-api"])
    key = said.stdout.strip()
    if not check(key.startswith("dm_"), "`devmesh keys recover` in rest-api's container prints an admin key", said.stderr):
        return
    check(answer("http://127.0.0.1:8081/api/v1/tools", key)[0] == 200, "the HTTP API answers through the proxy")
    check(answer("http://127.0.0.1:8081/api/v1/tools", "dm_wrong")[0] == 401, "but not everybody")
    check(tools(key)[0] == 200, "MCP answers through the proxy", tools(key))
    check(answer("http://127.0.0.1:8081/admin/log-level", (deployment.work / "secrets/admin-token").read_text().strip())[0] == 200,
          "the admin token is the one of the file")
    a_tool(deployment, key)
    certificate(deployment)
    replicas(deployment, key)


def a_tool(deployment, key):
    """A provider with a credential, called through MCP and as a job: gRPC over TLS, Redis, RabbitMQ and Postgres are in its way."""
    (deployment.work / "key").write_text(key)
    (deployment.work / "openapi.json").write_text(answer("http://127.0.0.1:8081/openapi.json")[1])

    def devmesh(*words):
        environment = {"PATH": os.environ["PATH"], "HOME": str(deployment.work), "DEVMESH_URL": "http://127.0.0.1:8081",
                       "DEVMESH_MCP_URL": "http://127.0.0.1:8080/mcp", "DEVMESH_API_KEY_FILE": str(deployment.work / "key")}
        done = subprocess.run([f"{deployment.programs}/devmesh", "--output", "json", *words], env=environment, cwd=deployment.work,
                              capture_output=True, text=True, timeout=90)
        return done.returncode == 0, done.stdout + done.stderr

    check(*named("a provider is added", devmesh(
        "tools", "add", "own", "--openapi", str(deployment.work / "openapi.json"), "--base-url", "http://rest-api:8081",
        "--auth", "bearer", "--secret-file", str(deployment.work / "key"), "--allow", "whoami", "--allow-host", "rest-api:8081")))
    for turn in range(4):
        well, said = devmesh("tools", "call", "own_whoami")
        check(well and '"admin"' in said, f"its tool answers ({turn + 1})", said)
    well, said = devmesh("tools", "call", "own_whoami", "--async", "--wait")
    check(well and '"admin"' in said, "and as a job", said)


def certificate(deployment):
    """`scripts/secrets --renew` while all runs: every replica shows the new certificate."""
    places = [(deployment.address(name), 9081) for name in deployment.running if name.startswith("rest-api-")]
    before = {ssl.get_server_certificate(place) for place in places}
    subprocess.run([str(ROOT / "scripts/secrets"), "--renew", str(deployment.work / "secrets")], check=True, capture_output=True)
    new = (deployment.work / "secrets/tls.crt").read_text()

    def shown():
        now = {ssl.get_server_certificate(place).strip() for place in places}
        return now == {new.strip()}, now

    check(len(before) == 1 and new not in before and eventually(20, shown)[0], "a renewed certificate is taken over")


def named(what, outcome):
    return outcome[0], what, outcome[1]


def calls(deployment, container):
    page = answer(f"http://{deployment.address(container)}:8080/metrics")[1]
    return sum(float(count) for count in re.findall(r"^http_requests_total\{[^}]*/mcp[^}]*\} (\S+)", page, re.M))


def replicas(deployment, key):
    for _ in range(10):
        tools(key)
    both = {name: calls(deployment, name) for name in deployment.running if name.startswith("mcp-server-")}
    check(all(both.values()), "the proxy gives each replica work", both)
    if prometheus := deployment.running.get("prometheus"):
        query = ["curl", "-fsS", "http://127.0.0.1:9090/api/v1/query?query=up==1"]

        def found():
            results = json.loads(prometheus.run(query).stdout or '{"data":{"result":[]}}')["data"]["result"]
            jobs = sorted(one["metric"]["job"] for one in results)
            return [job for job in jobs if job in SERVICES] == ["mcp-server"] * 3 + ["rest-api"] * 2 + ["worker"], jobs

        check(*named("Prometheus finds every replica by name", eventually(60, found)))
    owner = {path.stat().st_uid for path in (deployment.work / "volumes").rglob("*")}
    check(owner == {USER}, "what is written is the user's", owner)
    drained(deployment, "mcp-server-3", lambda: tools(key))
    drained(deployment, "rest-api-2", lambda: answer("http://127.0.0.1:8081/api/v1/tools", key))
    lost = deployment.running.pop("mcp-server-2")
    lost.kill()
    deployment.networks.leave("mcp-server-2")
    well = eventually(20, lambda: (all(tools(key)[0] == 200 for _ in range(5)), "calls fail"))
    check(*named("a replica that is killed is no longer asked", well))


def drained(deployment, container, request):
    """One replica is told to stop, as for a new version, under calls: none fails."""
    failures, answered, over = [], [], threading.Event()

    def call():
        while not over.is_set():
            try:
                status, said = request()
            except OSError as error:
                status, said = 0, str(error)
            (answered if status == 200 else failures).append((status, said[:200]))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(20, lambda: (len(answered) > 50,))
    leaving = deployment.running.pop(container)
    code = leaving.stop()
    deployment.networks.leave(container)
    count = len(answered)
    eventually(20, lambda: (len(answered) > count + 100,))
    over.set()
    for thread in threads:
        thread.join()
    check(code == 0 and not failures, f"{container} drains under calls and none of {len(answered)} fails", (code, failures[:3]))
    print(f"{container} stopped under calls: {len(answered)} answered, {len(failures)} failed", flush=True)


def eventually(seconds, probe):
    end = time.monotonic() + seconds
    while not (outcome := probe())[0] and time.monotonic() < end:
        time.sleep(0.5)
    return outcome


own_name_spaces()
programs = pathlib.Path(sys.argv[1]).resolve()
scratch = programs.parent / "tmp"
scratch.mkdir(exist_ok=True)
with tempfile.TemporaryDirectory(dir=scratch) as folder:
    os.chmod(folder, 0o755)
    deployment = Deployment(pathlib.Path(folder), programs)
    try:
        if deployment.up():
            first_minutes(deployment)
    finally:
        deployment.down()
finish()
