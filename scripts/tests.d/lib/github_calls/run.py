"""Calls every operation of a description through the mesh, and judges each request that reached the mock.

Usage: run.py DEREFERENCED ARGUMENTS REFUSALS PRISM   with MESH_URL and KEY; the recorder's address is said first, and the
run goes on when a line comes back (the mesh has imported the description by then).
"""

import hashlib
import json
import os
import re
import sys
import traceback
from collections import Counter
from urllib.parse import urlsplit

from expected import differences, operations
from mesh import Mesh
from recorder import Recorder

ACCEPTED = 0.99


def refusal(seen):
    """What the mock had against a request; nothing when it took it."""
    mine = [v for v in seen["violations"] if v["location"][0] == "request" and v["severity"] == "Error"]
    if mine:
        return "; ".join(f"{'.'.join(map(str, v['location']))}: {v['message']}" for v in mine)
    problem = seen["answer"][:2000].decode(errors="replace")
    return problem if "stoplight.io/prism/errors" in problem else None


def judge(operation, given, mesh, recorder):
    """`(verdict, why)` of one call: accepted, refused (by the mock), mesh (refused before it left), differs."""
    if "arguments" not in given:
        return "no arguments", given["reason"]
    recorder.take()
    answer = mesh.call(operation["tool"], given["arguments"])
    # The mesh asks now and then whether the provider is there.
    seen = [one for one in recorder.take() if one["target"] != "/" or operation["operation"].path == "/"]
    if len(seen) != 1:
        targets = [f"{one['method']} {one['target']}" for one in seen]
        return "mesh", f"{len(seen)} requests {targets}; the mesh said: {json.dumps(answer)[:600]}"
    found = differences(operation["operation"], given["arguments"], seen[0])
    if found:
        return "differs", "; ".join(found)
    if why := refusal(seen[0]):
        return "refused", why
    return "accepted", None


def main():
    description, arguments, refusals, prism = sys.argv[1:]
    with open(description) as file:
        described = operations(json.load(file))
    known = json.load(open(refusals))
    recorder = Recorder(urlsplit(prism).netloc)
    print(f"listening on http://{recorder.address}", flush=True)
    sys.stdin.readline()
    mesh = Mesh(os.environ["MESH_URL"], os.environ["KEY"])
    by_tool = {tool_name(name, operation): operation for name, operation in described.items()}
    counts, verdicts = Counter(), []
    for line in open(arguments):
        tool = json.loads(line)
        operation = {"tool": tool["name"], "operation": by_tool.pop(tool["name"])}
        for kind in ("required", "all"):
            try:
                verdict, why = judge(operation, tool[kind], mesh, recorder)
            except Exception:
                verdict, why = "differs", traceback.format_exc()
            counts[verdict] += 1
            if verdict != "accepted":
                verdicts.append({"tool": tool["name"], "fields": kind, "verdict": verdict, "why": why, "given": tool[kind]})
    report(counts, verdicts, known, by_tool)


def tool_name(operation_id, operation):
    """The words of the id; a long one is cut at a word, and a hash of method and path ends it."""
    name = "github_" + re.sub("[^a-z0-9]+", "_", operation_id.lower()).strip("_")
    if len(name) <= 64:
        return name
    digest = hashlib.sha256(f"{operation.method} {operation.path}".encode()).hexdigest()[:8]
    return name[:55].rpartition("_")[0] + "_" + digest


def report(counts, verdicts, known, missing):
    with open(os.environ["VERDICTS"], "w") as file:
        json.dump(verdicts, file, indent=1)
    calls = counts.total()
    print(f"{calls} calls: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()))
    say("every operation is a tool and was called", not missing, sorted(missing)[:5])
    say("each request is what was asked", not counts["differs"], pick(verdicts, "differs"))
    say("at least 99 % of the calls were accepted by the mock", counts["accepted"] >= ACCEPTED * calls, counts)
    used = [explanation(verdict, known) for verdict in verdicts]
    unexplained = [verdict for verdict, entry in zip(verdicts, used) if entry is None]
    say("each refusal is explained", not unexplained, unexplained[:5])
    unused = [entry["says"] for entry in known if entry not in used]
    say("each explanation is still of use", not unused, unused)
    print("end")


def explanation(verdict, known):
    """The entry of the committed list that says why the mock refused; only refusals have one."""
    given = verdict["given"].get("arguments", {})
    fits = (
        entry
        for entry in known
        if verdict["verdict"] == "refused" and entry["says"] in verdict["why"] and given | entry["given"] == given
    )
    return next(fits, None)


def pick(verdicts, verdict):
    return [v for v in verdicts if v["verdict"] == verdict][:5]


def say(what, holds, otherwise):
    print(f"ok: {what}" if holds else f"FAILED: {what}: {json.dumps(otherwise)}", flush=True)


main()
