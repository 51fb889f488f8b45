"""The mesh of a drill: three services (mcp-server twice) with a PostgreSQL, Redis and RabbitMQ of their own."""

import contextlib
import os
import pathlib
import secrets
import urllib.parse

from .processes import Missed, Process, Tree, command_of, descendants, eventually, free_ports
from .shop import Shop
from .traffic import Callers, call_async, call_tool, request

SERVICES = ("rest-api", "worker", "mcp-server-1", "mcp-server-2")
# The group limit that a process reads, in a mount namespace of its own: no cgroup of the machine is touched.
LIMITED = """mount -t tmpfs none /sys/fs/cgroup && echo {memory} >/sys/fs/cgroup/memory.max &&
echo "{cores}00000 100000" >/sys/fs/cgroup/cpu.max && exec "$@" """


class Lab:
    def __init__(self, binaries, folder):
        self.binaries = pathlib.Path(binaries).absolute()
        self.folder = pathlib.Path(folder)
        self.postgres = os.environ["DEVMESH_TEST_POSTGRES_URL"]
        self.redis = os.environ["DEVMESH_TEST_REDIS_URL"]
        self.rabbitmq = os.environ["DEVMESH_TEST_RABBITMQ_URL"]
        self.rabbitmq_api = os.environ["DEVMESH_TEST_RABBITMQ_API_URL"]
        names = ("rest-api", "grpc", "worker", "mcp-server-1", "mcp-server-2", "otlp")
        self.address = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)))}
        self.shop = Shop()
        self.processes = {}
        self.service_key, self.sealing_key = secrets.token_hex(32), secrets.token_hex(32)

    def settings(self, name):
        service = name.rsplit("-", 1)[0] if name.startswith("mcp-server") else name
        common = {"DEVMESH_ENVIRONMENT": "drill", "DEVMESH_LISTEN__ADDRESS": self.address[name],
                  # Clients that stay without a word are not sent away while a drill looks at them.
                  "DEVMESH_LISTEN__HEADER_READ_TIMEOUT": "10m"}
        if service == "rest-api":
            return common | {
                "DEVMESH_GRPC__LISTEN__ADDRESS": self.address["grpc"], "DEVMESH_GRPC__SERVICE_KEY": self.service_key,
                "DEVMESH_DATA_DIR": str(self.folder / "data"), "DATABASE_URL": self.postgres, "QUEUE_URL": self.rabbitmq,
                "CACHE_URL": self.redis,
                "DEVMESH_CREDENTIALS__KEYS": f'[{{ id = "drill", key = "{self.sealing_key}" }}]'}
        client = common | {"DEVMESH_CONTROL_PLANE__URL": f"http://{self.address['grpc']}",
                           "DEVMESH_CONTROL_PLANE__SERVICE_KEY": self.service_key,
                           "DEVMESH_SPOOL__DIR": str(self.folder / f"audit-{name}")}
        if service == "worker":
            return client | {"QUEUE_URL": self.rabbitmq}
        # Short of room, so that minutes of a rest-api that is away are enough; the second replica goes on without records.
        return client | {"CACHE_URL": self.redis, "DEVMESH_SPOOL__MAX_SIZE": "1MiB", "DEVMESH_SPOOL__RESERVE": "64KiB",
                         "DEVMESH_SPOOL__WHEN_FULL": "drop" if name.endswith("2") else "refuse",
                         "DEVMESH_EGRESS__MAX_RESPONSE_BYTES": str(64 << 20)}

    def start(self):
        (self.folder / "data").mkdir(mode=0o700, exist_ok=True)
        for name in SERVICES:
            program = self.binaries / ("mcp-server" if name.startswith("mcp-server") else name)
            self.processes[name] = Process(name, [program], self.folder, self.settings(name),
                                           f"http://{self.address[name]}/health/ready").start()
        self.key = (self.folder / "data/bootstrap.key").read_text().strip()
        self.add("shop", {"timeout_ms": 30000, "concurrency": 500, "breaker": {"enabled": False}})
        self.add("fragile", {"timeout_ms": 5000})
        return self

    def stop(self):
        self.shop.close()
        for name in reversed(SERVICES):
            if name in self.processes:
                self.processes[name].stop()

    def __getitem__(self, name):
        return self.processes[name]

    def limited(self, name, memory, cores):
        """Starts a service again where it sees these limits of its group."""
        process = self.processes[name]
        process.stop()
        plain = process.command
        process.command = ["unshare", "-m", "sh", "-c", LIMITED.format(memory=memory, cores=cores), "sh", *plain]
        process.start()
        process.command = plain

    def server(self, url):
        """The process tree of one of the three servers, found by the port in its command line."""
        port = str(urllib.parse.urlsplit(url).port)
        ours = descendants(os.getppid())
        for pid in ours:
            words = command_of(pid)
            if port in words and any(f"{sign}{port}" in words for sign in ("-p ", "--port ", "127.0.0.1:", "test")):
                return Tree(pid)
        raise Missed(f"no process for port {port}")

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
            eventually(20, f"{name}_answer at {replica}", lambda: self.call(f"{name}_answer", replica=replica)[0] == 200)

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

    def reads(self, path="/tools?limit=5", threads=2, pause=0.2, timeout=30):
        def act():
            return request(self.address["rest-api"], "GET", f"/api/v1{path}", self.key, timeout=timeout)

        return Callers(threads, pause, act)

    @contextlib.contextmanager
    def everyday(self):
        """A little of everything, so that shares of it mean something."""
        with self.calls("shop_answer", threads=2, pause=0.3), self.reads(threads=1, pause=0.3):
            yield
