"""Reads traces back from Phoenix, by the trace ids of the audit records, and takes them apart.

    check_phoenix.py PHOENIX_URL API_URL API_KEY
"""

import json
import sys
import time
import urllib.request

# What has to be in the tree of a call, and of a call as a job: one span of each hop.
CALL = ["POST /mcp", "tools/call mesh_whoami", "ExecuteTool", "GET /api/v1/whoami"]
JOB = ["POST /api/v1/tools/{name}/calls", "send devmesh.jobs.normal", "process tool_call", "attempt 1", "ExecuteTool", "GET /api/v1/whoami"]
PATIENCE = 60


def get(url, key=None):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def spans(phoenix, trace):
    found, cursor = [], ""
    while cursor is not None:
        page = get(f"{phoenix}/v1/projects/default/spans?limit=500{cursor and '&cursor=' + cursor}")
        found += [span for span in page["data"] if span["context"]["trace_id"] == trace]
        cursor = page["next_cursor"]
    return found


def faults(found, hops):
    """What is wrong with the tree; nothing once all of it has arrived."""
    ids = {span["context"]["span_id"] for span in found}
    roots = [span["name"] for span in found if span["parent_id"] is None]
    orphans = [span["name"] for span in found if span["parent_id"] is not None and span["parent_id"] not in ids]
    missing = [hop for hop in hops if hop not in {span["name"] for span in found}]
    wrong = [f"no {hop}" for hop in missing] + [f"{orphan} has no parent" for orphan in orphans]
    return wrong + ([] if roots == hops[:1] else [f"the roots are {roots}"])


def whole(phoenix, name, trace, hops):
    deadline = time.monotonic() + PATIENCE
    while True:
        found = spans(phoenix, trace)
        wrong = faults(found, hops)
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    print(f"ok: {name} is one tree of {len(found)} spans" if not wrong else f"FAILED: {name}: {wrong}")


def main(phoenix, api, key):
    records = get(f"{api}/api/v1/audit?limit=50", key)["items"]
    traces = {record["action"]: record["trace_id"] for record in records if record.get("tool") == "mesh_whoami"}
    for name, action, hops in (("a call", "tools/call", CALL), ("a call as a job", "job/tool_call", JOB)):
        if action in traces:
            whole(phoenix, name, traces[action], hops)
        else:
            print(f"FAILED: no audit record of {action}: {sorted(traces)}")
    print("end")


main(*sys.argv[1:])
