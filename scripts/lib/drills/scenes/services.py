"""Services that are gone, and come back again and again."""

from ..processes import eventually
from ..registry import scene


@scene("edge-gone", "MCPServerDown NoActiveInstances", "both replicas of mcp-server are killed (SIGKILL)", quick=True, fires_within=40, ends_within=60)
def edge_gone(lab, stack):
    replicas = [lab["mcp-server-1"], lab["mcp-server-2"]]
    for replica in replicas:
        replica.kill()
    yield
    for replica in replicas:
        replica.start()
    yield


@scene("worker-gone", "ServiceDown", "the worker is frozen (SIGSTOP): it neither answers nor ends", quick=True, fires_within=40, ends_within=60)
def worker_gone(lab, stack):
    lab["worker"].freeze()
    try:
        yield
    finally:
        lab["worker"].thaw()
    yield


@scene("worker-flaps", "ServiceFlapping", "the worker is killed five times, right after it was ready each time", fires_within=60)
def worker_flaps(lab, stack):
    for _ in range(5):
        before = stack.value('process_start_time_seconds{service="worker"}')
        lab["worker"].kill()
        lab["worker"].start()
        eventually(20, "the new start is scraped", lambda: stack.value('process_start_time_seconds{service="worker"}') not in (None, before))
    yield
    yield


@scene("prometheus-gone", "Watchdog", "Prometheus itself is killed: its Watchdog is no longer renewed, which is what a dead man's switch waits for",
       quick=True, fires_within=30, ends_within=60)
def prometheus_gone(lab, stack):
    yield
    stack.prometheus.kill()
    yield
