"""The mesh of a drill: three services (mcp-server and worker twice) with a PostgreSQL, Redis and RabbitMQ of their own."""

import contextlib
import os
import pathlib
import secrets
import subprocess
import urllib.parse

from ..waiting import Missed, eventually, free_ports
from .processes import Process, Tree, descendants, listener
from .shop import Shop
from .traffic import Callers, call_async, call_tool, request

SERVICES = ("rest-api", "worker-1", "worker-2", "mcp-server-1", "mcp-server-2")
# The group limit that a process reads, in a mount namespace of its own: no cgroup of the machine is touched.
LIMITED = """mount -t tmpfs none /sys/fs/cgroup && echo {memory} >/sys/fs/cgroup/memory.max &&
echo "{quota} 100000" >/sys/fs/cgroup/cpu.max && exec "$@" """


def program_of(name):
    return name.removesuffix("-1").removesuffix("-2")


def started(server):
    """A child of a killed PostgreSQL may hold its shared memory for a moment; then it ends at once and is tried again."""
    process = server.start_again()
    try:
        process.wait(1)
        return None
    except subprocess.TimeoutExpired:
        return process


class Lab:
    def __init__(self, binaries, folder):
        self.binaries = pathlib.Path(binaries).absolute()
        self.folder = pathlib.Path(folder)
        self.postgres = os.environ["DEVMESH_TEST_POSTGRES_URL"]
        self.redis = os.environ["DEVMESH_TEST_REDIS_URL"]
        self.rabbitmq = os.environ["DEVMESH_TEST_RABBITMQ_URL"]
        self.rabbitmq_api = os.environ["DEVMESH_TEST_RABBITMQ_API_URL"]
        names = (*SERVICES, "grpc", "otlp")
        self.address = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)))}
        self.shop = Shop()
        self.processes = {}
        self.servers = []
        # Further variables of a service, by its name; before the start.
        self.more = {}
        self.service_key, self.sealing_key = secrets.token_hex(32), secrets.token_hex(32)

    def settings(self, name):
        service = program_of(name)
        common = {"DEVMESH_ENVIRONMENT": "drill", "DEVMESH_LISTEN__ADDRESS": self.address[name],
                  # Clients that stay without a word are not sent away while a drill looks at them.
                  "DEVMESH_LISTEN__HEADER_READ_TIMEOUT": "10m"}
        if service == "rest-api":
            return common | {
                "DEVMESH_GRPC__LISTEN__ADDRESS": self.address["grpc"], "DEVMESH_GRPC__SERVICE_KEY": self.service_key,
                "DEVMESH_DATA_DIR": str(self.folder / "data"), "DATABASE_URL": self.postgres, "QUEUE_URL": self.rabbitmq,
                "CACHE_URL": self.redis, "DEVMESH_DATABASE__MAX_CONNECTIONS": "8",
                "DEVMESH_CREDENTIALS__KEYS": f'[{{ id = "drill", key = "{self.sealing_key}" }}]'}
        client = common | {"DEVMESH_CONTROL_PLANE__URL": f"http://{self.address['grpc']}",
                           "DEVMESH_CONTROL_PLANE__SERVICE_KEY": self.service_key,
                           "DEVMESH_SPOOL__DIR": str(self.folder / f"audit-{name}")}
        if service == "worker":
            return client | {"QUEUE_URL": self.rabbitmq}
        # Short of room, so that minutes of a rest-api that is away are enough; the second replica goes on without records.
        return client | {"CACHE_URL": self.redis, "DEVMESH_SPOOL__MAX_SIZE": "1MiB", "DEVMESH_SPOOL__RESERVE": "64KiB",
                         "DEVMESH_SPOOL__WHEN_FULL": "drop" if name.endswith("2") else "refuse",
                         "DEVMESH_EGRESS__MAX_RESPONSE_BYTES": str(64 << 20), "DEVMESH_WEBSOCKET__PING_INTERVAL": "2s"}

    def start(self):
        (self.folder / "data").mkdir(mode=0o700, exist_ok=True)
        for name in SERVICES:
            self.processes[name] = Process(name, [self.binaries / program_of(name)], self.folder, self.settings(name) | self.more.get(name, {}),
                                           f"http://{self.address[name]}/health/ready").start()
        self.key = (self.folder / "data/bootstrap.key").read_text().strip()
        self.alerts_key = self.api("POST", "/keys", {"name": "alertmanager", "kind": "user", "scopes": ["alerts:write"]})["secret"]
        self.add("shop", {"timeout_ms": 30000, "concurrency": 500, "breaker": {"enabled": False}})
        self.add("fragile", {"timeout_ms": 5000})
        return self

    def stop(self):
        self.shop.close()
        for name in reversed(SERVICES):
            if name in self.processes:
                self.processes[name].stop()
        for server in self.servers:
            server.terminate()
            server.wait(30)

    def __getitem__(self, name):
        return self.processes[name]

    @staticmethod
    def targets():
        return len(SERVICES)

    @contextlib.contextmanager
    def limited(self, name, memory=64 << 30, cores=64.0):
        """A service that was started again where it sees these limits of its group."""
        process = self.processes[name]
        plain = process.command
        script = LIMITED.format(memory=memory, quota=round(cores * 100000))
        process.command = ["unshare", "-m", "sh", "-c", script, "sh", *plain]
        process.again()
        process.command = plain
        try:
            yield process
        finally:
            process.again()

    @contextlib.contextmanager
    def setting(self, name, **environment):
        """A service that was started again with these variables."""
        process = self.processes[name]
        plain = process.environment
        process.environment = plain | environment
        process.again()
        process.environment = plain
        try:
            yield process
        finally:
            process.again()

    @contextlib.contextmanager
    def beside(self, name, environment):
        """One more of a service, with these variables and doors of its own; its address."""
        http, grpc = (f"127.0.0.1:{port}" for port in free_ports(2))
        own = {"DEVMESH_LISTEN__ADDRESS": http, "DEVMESH_GRPC__LISTEN__ADDRESS": grpc} | environment
        process = Process(f"{name}-beside", [self.binaries / program_of(name)], self.folder, self.settings(name) | own,
                          f"http://{http}/health/ready").start()
        try:
            yield http
        finally:
            process.stop()

    def server(self, url):
        """The process tree of one of the three servers, which the parent of this process started."""
        return Tree(listener(urllib.parse.urlsplit(url).port, descendants(os.getppid())))

    def adopt(self, server):
        """Starts a server again that a drill killed; it is ended with the lab."""
        self.servers.append(eventually(20, "the server starts again", lambda: started(server)))

    # --- through the doors ---

    def api(self, method, path, body=None, expect=(200, 201, 202, 204)):
        status, answer = request(self.address["rest-api"], method, f"/api/v1{path}", self.key, body)
        if status not in expect:
            raise Missed(f"{method} {path}: {status} {answer}")
        return answer

    def add(self, name, limits):
        """Makes the shop a provider, and waits until its tools can be called at both replicas."""
        job = self.api("POST", "/providers", {
            "name": name, "source": {"type": "url", "url": f"{self.shop.url}/openapi.json"}, "base_url": self.shop.url,
            "allowed_hosts": ["127.0.0.1"], "limits": limits})
        eventually(60, f"provider {name}", lambda: self.api("GET", f"/jobs/{job['id']}")["state"] == "done")
        for replica in (1, 2):
            eventually(20, f"{name}_answer at {replica}", lambda replica=replica: self.call(f"{name}_answer", replica=replica)[0] == 200)

    def call(self, tool, arguments=None, replica=1, key=None, timeout=60):
        status, answer = call_tool(self.address[f"mcp-server-{replica}"], key or self.key, tool, arguments, timeout)
        if status == 200 and isinstance(answer, dict) and (answer.get("error") or answer.get("result", {}).get("isError")):
            return "error", answer
        return status, answer

    def later(self, tool, arguments=None):
        return call_async(self.address["rest-api"], self.key, tool, arguments)

    def calls(self, tool, threads=4, pause=0.2, replicas=(1, 2), **more):
        """Callers that call a tool at these replicas by turns."""
        turn = iter(range(1 << 30))
        return Callers(threads, pause, lambda: self.call(tool, replica=replicas[next(turn) % len(replicas)], **more))

    @staticmethod
    def calling(act, threads=2, pause=0.1):
        return Callers(threads, pause, act)

    def reads(self, path="/tools?limit=5", threads=2, pause=0.2, timeout=30):
        def act():
            return request(self.address["rest-api"], "GET", f"/api/v1{path}", self.key, timeout=timeout)

        return Callers(threads, pause, act)

    @contextlib.contextmanager
    def everyday(self):
        """A little of everything, so that shares of it mean something."""
        with self.calls("shop_answer", threads=2, pause=0.3), self.reads(threads=1, pause=0.3):
            yield
