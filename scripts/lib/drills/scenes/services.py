"""Services that are gone, and come back again and again."""

from ..processes import eventually
from ..registry import MENDED, arrives, scene


@scene("edge-gone", "MCPServerDown NoActiveInstances", "one replica of mcp-server is killed (SIGKILL), then the other one", quick=True,
       fires_within=40, ends_within=60)
def edge_gone(lab, stack):
    replicas = [lab["mcp-server-1"], lab["mcp-server-2"]]
    replicas[0].kill()
    yield arrives("MCPServerDown")
    replicas[1].kill()
    yield arrives("NoActiveInstances", held_back="MCPServerDown")
    for replica in replicas:
        replica.start()
    yield MENDED


@scene("worker-hangs", "ServiceDown", "one of two workers is frozen (SIGSTOP): it neither answers nor ends", quick=True, fires_within=40, ends_within=60)
def worker_hangs(lab, stack):
    lab["worker-2"].freeze()
    try:
        yield arrives()
    finally:
        lab["worker-2"].thaw()
    yield MENDED


@scene("worker-flaps", "ServiceFlapping", "a worker is killed five times, right after it was ready each time", fires_within=60)
def worker_flaps(lab, stack):
    started = f'process_start_time_seconds{{instance="{lab.address["worker-2"]}"}}'
    for _ in range(5):
        before = stack.value(started)
        lab["worker-2"].kill()
        lab["worker-2"].start()
        eventually(20, "the new start is scraped", lambda before=before: stack.value(started) not in (None, before))
    yield arrives()
    yield MENDED


@scene("prometheus-gone", "Watchdog", "Prometheus itself is killed: its Watchdog is no longer renewed, which is what a dead man's switch waits for",
       quick=True, fires_within=30, ends_within=60)
def prometheus_gone(lab, stack):
    yield arrives()
    stack.prometheus.kill()
    yield MENDED
