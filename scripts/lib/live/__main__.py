"""See scripts/tests.d/full/live-queries.sh."""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from ..drills import sockets
from ..drills.lab import Lab
from ..drills.processes import end_in_order
from ..drills.scenes import work
from ..drills.stack import Stack
from ..guides import verdicts
from ..waiting import Missed, eventually
from . import agents, doctor, incidents, questions, quick, table
from .inquiry import Inquiry

# What needs 2 GB of memory in one process, and the minutes to fill them: asked in the full tier, and when the table is written.
LARGE = ("mcp:memory:usage_mb > 2048", 'ALERTS{alertname=~"MCP.*"')


def said(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def course(lab, stack, inquiry, large):
    with lab.everyday(), incidents.stream(lab), sockets.agents(lab), agents.at_work(lab), lab.calls("pcf_answer", threads=1, pause=0.5):
        incidents.jobs(lab)
        incidents.limits(lab)
        inquiry.ask_for(5)
        said(f"traffic: {len(inquiry.open)} queries are open")
        with incidents.memory_and_tasks(lab, large):
            worse(lab, stack, inquiry)
            said(f"upstream: {len(inquiry.open)} open")
            inquiry.ask_for(180 if large else 0, lambda: not inquiry.missing("usage_mb >") and not inquiry.missing("ALERTS{alertname=~"))
        said(f"leaks: {len(inquiry.open)} open")
        inquiry.failures += replica(lab, stack, inquiry)
        said(f"replica: {len(inquiry.open)} open")
        work.cut_off_a_write(lab)
        inquiry.ask_for(30, lambda: not inquiry.missing("mcp_jobs_in_doubt"))
        said(f"write: {len(inquiry.open)} open")
        database(lab, inquiry)
        said(f"database: {len(inquiry.open)} open")
        redis(lab, inquiry)
        inquiry.ask_for(15, lambda: not inquiry.open)


def replica(lab, stack, inquiry):
    """Twice, since the first of a count makes its series, and the second is the first that moves it."""
    found = []

    def look():
        inquiry.ask_for(20, lambda: not inquiry.missing("== 0"))
        found.extend(doctor.prometheus(lab, stack, {"target mcp-server": "down: "}))

    incidents.replica_killed(lab, stack, look)
    incidents.unreadable_message(lab)
    incidents.replica_killed(lab, stack, lambda: None)
    inquiry.ask_for(20, lambda: not inquiry.missing("alertmanager_"))
    return found


def worse(lab, stack, inquiry):
    """An upstream that is slow and fails, for calls and jobs, and one that a breaker watches."""
    with (lab.calls("shop_answer", threads=30, pause=0.1), lab.calls("fragile_answer", threads=6, pause=0.1),
          lab.calls("pcf_answer", threads=4), incidents.clients_that_wait(lab)):
        lab.shop.behave(broken=3, late=1, delay=2.6)
        lab.later("shop_answer", {"n": "again"})
        inquiry.ask_for(25, lambda: not inquiry.missing(":p95 > 2"))
        lab.shop.behave(broken=1)
        lab.later("shop_answer", {"n": "again"})
        incidents.unreadable_message(lab)
        inquiry.ask_for(6)
        lab["rest-api"].freeze()
        try:
            inquiry.ask_for(40, lambda: stack.value("mcp_audit_records_lost_total"))
            inquiry.ask_for(4)
        finally:
            lab["rest-api"].thaw()
    lab.shop.behave()
    lab["rest-api"].wait_ready()


def database(lab, inquiry):
    incidents.database_killed(lab)
    incidents.psql(lab, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    with incidents.locked_table(lab):
        inquiry.ask_for(20, lambda: not inquiry.missing("pool_utilization_percent > 80") and not inquiry.missing(") > 0.05"))
    eventually(30, "rest-api answers", lambda: lab.api("GET", "/tools?limit=1"))
    incidents.slow_statement(lab)
    for one in [one for one in inquiry.open if one.language == "sql"]:
        inquiry.answered("sql", one.query, brief(incidents.psql(lab, one.row["query"])))


def redis(lab, inquiry):
    """The guides' commands, as they print them, at this Redis; every command counts as slow for a moment."""
    alias = f'redis-cli() {{ command redis-cli -u "{lab.redis}" "$@"; }}; '
    run = lambda command: subprocess.run(["bash", "-c", alias + command], text=True, capture_output=True, check=False).stdout.strip()  # noqa: E731
    run("redis-cli CONFIG SET slowlog-log-slower-than 0")
    incidents.limits(lab)
    for one in [one for one in inquiry.open if one.language == "redis"]:
        inquiry.answered("redis", one.query, brief(run(one.row["query"])))


def brief(text):
    return " ".join(text.split())[:100]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    for flag in ("--quick", "--record", "--large"):
        parser.add_argument(flag, action="store_true")
    arguments = parser.parse_args()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="devmesh-live-") as folder:
        try:
            if arguments.quick:
                inquiry, failures = quick.run(arguments.binaries, pathlib.Path(folder))
            else:
                inquiry, failures = whole(arguments, pathlib.Path(folder))
        except Missed as miss:
            print(f"FAILED: {miss}\n0 passed, 1 failed")
            return 1
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"{len(inquiry.all) - len(inquiry.open)} passed, {len(failures)} failed")
    return 1 if failures else 0


def whole(arguments, folder):
    """Everything, with every incident: the inquiry with its answers, and what is wrong."""
    large = arguments.large or arguments.record
    failures = counts()
    with contextlib.ExitStack() as ends:
        lab = Lab(arguments.binaries, folder)
        ends.callback(lab.stop)
        lab.more["mcp-server-2"] = {"DEVMESH_SPOOL__MAX_SIZE": "256KiB"}
        lab.more["worker-2"] = {"ENABLE_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{lab.address['otlp']}"}
        lab.start()
        lab.add("pcf", {"concurrency": 1})
        lab.add("hoard", {"timeout_ms": 120000, "concurrency": 200, "max_response_bytes": 16 << 20, "breaker": {"enabled": False}})
        (folder / "stack").mkdir()
        stack = Stack(lab, folder / "stack", 0)
        ends.callback(stack.stop)
        stack.start()
        asked = questions.shipped() + questions.printed() + questions.nearest()
        inquiry = Inquiry(stack, [one for one in asked if large or not any(part in one.query for part in LARGE)])
        try:
            eventually(30, "every target is up", lambda: stack.value("count(up == 1)") == lab.targets())
            inquiry.remember()
            course(lab, stack, inquiry, large)
            failures += early(stack) + doctor.prometheus(lab, stack, {}) + doctor.weekly(lab, stack)
        except Missed as miss:
            failures.append(str(miss))
    return inquiry, failures + inquiry.problems() + table.compare(inquiry.all, arguments.record, large)


def counts():
    rows = json.loads(questions.GUIDES.read_text())
    printed = sum(len(row["printed"]) for row in rows)
    found = [] if (printed, len(rows)) == (verdicts.PRINTED, verdicts.DIFFERENT) else [f"{printed} queries, {len(rows)} different"]
    without = sum(verdicts.verdict(row)[0] == "no meaning" for row in rows)
    return found + ([f"{without} queries without a meaning"] if without > 10 else [])


def early(stack):
    """What is said to come later must not answer yet."""
    return [f"answers already: {row['query']}" for row in questions.later() if questions.finite(stack.query(verdicts.runnable(row)))]


sys.exit(main())
