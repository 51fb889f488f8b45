"""What happens to the mesh while it is asked: ordinary traffic of every kind, and the incidents that some panels are there for."""

import contextlib
import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.parse

from ..drills import traffic
from ..waiting import Missed, eventually


@contextlib.contextmanager
def stream(lab):
    """A session of an older era with its stream open."""
    connection = http.client.HTTPConnection(lab.address["mcp-server-1"], timeout=30)
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "live", "version": "1"}}}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18",
               "authorization": f"Bearer {lab.key}", "content-type": "application/json"}
    connection.request("POST", "/mcp", json.dumps(body), headers)
    answer = connection.getresponse()
    session = answer.getheader("mcp-session-id")
    answer.read()
    # The other replica finds the session in the cache, and not one that nobody opened.
    listed = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    other = session[:-1] + ("0" if session[-1] != "0" else "1")
    for one in (session, other):
        traffic.request(lab.address["mcp-server-2"], "POST", "/mcp", lab.key, listed, {**headers, "mcp-session-id": one})
    connection.request("GET", "/mcp", headers={**headers, "mcp-session-id": session})
    connection.getresponse()
    try:
        yield
    finally:
        connection.close()


def limits(lab):
    """Each kind of limit refuses something: what an earlier one refuses while it is being taken away does not count."""
    def refused(kind):
        _, page = traffic.request(lab.address["mcp-server-1"], "GET", "/metrics")
        lines = (line for line in page.splitlines() if line.startswith(f"mcp_rate_limit_{kind}_exceeded_total{{"))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    for subject, kind in (("tenant", "tenant"), ("key:bootstrap", "agent"), ("tool:pcf_answer", "capability")):
        path, before = f"/limits/{urllib.parse.quote(subject, safe='')}", refused(kind)
        lab.api("PUT", path, {"rate": "1/s", "burst": 1})
        eventually(60, f"the limit of {subject} refuses",
                   lambda kind=kind, before=before: lab.call("pcf_answer")[0] == "error" and refused(kind) > before)
        lab.api("DELETE", path)


def jobs(lab):
    """Jobs that are done, tried again, and cut off; and a message that nobody can read."""
    for number in range(5):
        lab.later("shop_answer", {"n": str(number)})
    unreadable_message(lab)


def unreadable_message(lab):
    parts = urllib.parse.urlsplit(lab.rabbitmq_api)
    traffic.request(f"{parts.hostname}:{parts.port}", "POST", "/api/exchanges/%2F/amq.default/publish", None,
                    {"properties": {}, "routing_key": "devmesh.jobs.normal", "payload": "no job", "payload_encoding": "string"},
                    {"authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})


@contextlib.contextmanager
def clients_that_wait(lab):
    """One at Redis for a list that stays empty; some at rest-api for jobs that take their time."""
    def waited():
        job = lab.later("shop_answer", {"n": "1"})[1]["id"]
        return traffic.request(lab.address["rest-api"], "GET", f"/api/v1/jobs/{job}?wait_seconds=5", lab.key)

    blocked = subprocess.Popen(["redis-cli", "-u", lab.redis, "BLPOP", "nothing", "0"], stdout=subprocess.DEVNULL)
    try:
        with lab.calling(waited, threads=2):
            yield
    finally:
        blocked.terminate()
        blocked.wait()


def replica_killed(lab, stack, meanwhile):
    """A replica is killed and comes back; the mesh hears of the alert and of its end, and somebody says that it was false."""
    def heard(ended):
        return [one for one in lab.api("GET", "/alerts?alertname=MCPServerDown")["items"] if bool(one["ended_at"]) == ended and not one["verdict"]]

    lab["mcp-server-2"].kill()
    eventually(30, "the mesh hears that a replica is gone", lambda: heard(False))
    meanwhile()
    lab["mcp-server-2"].start()
    # A busy machine may have missed the other one for a moment too.
    for alert in eventually(60, "the mesh hears that the replica is back", lambda: heard(True)):
        lab.api("POST", f"/alerts/{alert['id']}/review", {"verdict": "false_positive"})


def database_killed(lab):
    """PostgreSQL is killed under load and comes back, now with pg_stat_statements."""
    server = lab.server(lab.postgres)
    with lab.reads(threads=24, pause=0.05):
        server.kill()
        time.sleep(4)  # how long it is away
        server.command += ["-c", "shared_preload_libraries=pg_stat_statements"]
        lab.adopt(server)
        lab["rest-api"].wait_ready()


def psql(lab, statement):
    done = subprocess.run(["psql", "-At", "-F", " | ", lab.postgres, "-c", statement], text=True, capture_output=True, check=False)
    if done.returncode:
        raise Missed(f"{statement}: {done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def transaction(lab, statement):
    """Somebody else's open transaction, which has done this statement."""
    session = subprocess.Popen(["psql", "-qAt", lab.postgres], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        session.stdin.write(f"BEGIN; {statement}; SELECT 'there';\n")
        session.stdin.flush()
        while "there" not in (line := session.stdout.readline()):
            if not line:
                raise Missed(f"{statement} failed")
        yield session
    finally:
        session.kill()
        session.wait()


@contextlib.contextmanager
def locked_table(lab):
    """Every connection of rest-api waits for a lock."""
    with transaction(lab, "LOCK TABLE tools IN ACCESS EXCLUSIVE MODE") as session, lab.reads(threads=16, pause=0.05):
        yield
        session.kill()


def slow_statement(lab):
    """A change over the API has to wait for a row that somebody else holds."""
    change = threading.Thread(target=lab.api, args=("PUT", "/limits/tenant", {"rate": "20000/s", "burst": 20000}))
    lab.api("PUT", "/limits/tenant", {"rate": "10000/s", "burst": 10000})
    psql(lab, "SELECT pg_stat_statements_reset()")
    with transaction(lab, "SELECT 1 FROM rate_limits FOR UPDATE"):
        change.start()
        time.sleep(1)  # how long it waits
    change.join()


@contextlib.contextmanager
def memory_and_tasks(lab, large):
    """mcp-server-1 holds answers that do not end (2.4 GB, or 0.3), and more connections every moment."""
    lab.shop.released.clear()

    def hoard():
        with contextlib.suppress(OSError):
            lab.call("hoard_hoard", timeout=120)

    held = [threading.Thread(target=hoard, daemon=True) for _ in range(170 if large else 20)]
    host, port = lab.address["mcp-server-1"].split(":")
    connections = []
    for thread in held:
        thread.start()
        connections.append(socket.create_connection((host, int(port)), timeout=10))
        time.sleep(0.03 if large else 0.2)  # a leak has a slope
    try:
        yield
    finally:
        lab.shop.released.set()
        for connection in connections:
            connection.close()
        for thread in held:
            thread.join(30)
