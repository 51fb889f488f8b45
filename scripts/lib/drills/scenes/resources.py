"""Memory, CPU and tasks."""

import contextlib
import socket
import threading
import time

from ...waiting import eventually
from ..registry import MENDED, arrives, scene


@scene("memory-taken", "MemoryLeak HighMemoryUsage MCPHighMemoryUsage",
       "170 calls whose upstream sends 15 MB each and never the end, at a replica that may use 2.6 GB", fires_within=240, ends_within=240)
def memory_taken(lab, stack):
    lab.shop.released.clear()
    with lab.limited("mcp-server-2", memory=int(2.6e9)):
        lab.add("hoard", {"timeout_ms": 300000, "concurrency": 200, "max_response_bytes": 16 << 20, "breaker": {"enabled": False}})
        held = [threading.Thread(target=held_call, args=(lab,), daemon=True) for _ in range(170)]
        for thread in held:
            thread.start()
            time.sleep(0.4)  # a leak comes bit by bit; its slope is what MemoryLeak sees
        yield arrives()
        lab.shop.released.set()
        for thread in held:
            thread.join(60)
        yield MENDED  # The same process: it has given the memory back.
    lab.api("DELETE", "/providers/hoard")


def held_call(lab):
    with contextlib.suppress(OSError):
        lab.call("hoard_hoard", replica=2, timeout=300)


@scene("tasks-pile-up", "TaskLeak", "clients open 40 connections a second and close none", fires_within=240, ends_within=240)
def tasks_pile_up(lab, stack):
    host, port = lab.address["mcp-server-2"].split(":")
    stopped = threading.Event()
    connections = []

    def pile_up():
        while not stopped.wait(0.025):
            connections.append(socket.create_connection((host, int(port)), timeout=10))

    thread = threading.Thread(target=pile_up, daemon=True)
    thread.start()
    try:
        yield arrives()
    finally:
        stopped.set()
        thread.join(10)
        for connection in connections:
            connection.close()
    yield MENDED


@scene("cpu-taken", "HighCpuUsage", "more calls than a replica that may use 0.2 cores can take", fires_within=120, ends_within=90)
def cpu_taken(lab, stack):
    with lab.limited("mcp-server-2", cores=0.2):
        with lab.calls("shop_answer", threads=16, pause=0.0, replicas=(2,)):
            yield arrives()
        eventually(30, "calls are served", lambda: lab.call("shop_answer", replica=2)[0] == 200)
        yield MENDED
