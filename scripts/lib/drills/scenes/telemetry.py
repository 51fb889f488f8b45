"""Telemetry that is not all that happened."""

from ...waiting import eventually
from ..registry import MENDED, arrives, scene

TOOLS = 30


@scene("collector-gone", "TelemetryDropping", "spans go to a collector that does not answer", fires_within=90, ends_within=90)
def collector_gone(lab, stack):
    collector = f"http://{lab.address['otlp']}"
    with lab.setting("mcp-server-2", ENABLE_TRACING="true", OTEL_EXPORTER_OTLP_ENDPOINT=collector):
        yield arrives()
    yield MENDED


@scene("more-tools-than-labels", "LabelOverflow", "agents call 30 tools at a replica that tells 10 apart", fires_within=90, ends_within=240)
def more_tools_than_labels(lab, stack):
    lab.shop.more = TOOLS
    lab.add("wide", {})
    with lab.setting("mcp-server-2", DEVMESH_MONITORING__METRICS__VALUES_PER_LABEL="10"):
        eventually(20, "the tools are there", lambda: lab.call(f"wide_more_{TOOLS - 1}", replica=2)[0] == 200)
        turn = iter(range(1 << 30))
        with lab.calling(lambda: lab.call(f"wide_more_{next(turn) % TOOLS}", replica=2)):
            yield arrives()
    yield MENDED
    lab.shop.more = 0
    lab.api("DELETE", "/providers/wide")
