"""See scripts/tests.d/full/live-queries.sh."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from ..drills.lab import Lab
from ..drills.processes import Missed, end_in_order, eventually
from ..drills.stack import Stack
from ..guides import verdicts
from . import incidents, questions, table


# What needs 2 GB of memory in one process, and the minutes to fill them: asked in the full tier, and when the table is written.
LARGE = ("mcp:memory:usage_mb > 2048", 'ALERTS{alertname=~"MCP.*"')


class Inquiry:
    """Asks all that is still without an answer, as often as it is told to."""

    def __init__(self, lab, stack, large):
        self.lab, self.stack, self.large = lab, stack, large
        self.open = [one for one in questions.shipped() + questions.printed() + questions.nearest()
                     if large or not any(part in one.query for part in LARGE)]
        self.all = list(self.open)
        self.failures = [f"{one.where} makes its data up: {one.query}" for one in self.all if questions.made_up(one.query)]

    def ask(self):
        for one in self.open:
            if one.language == "promql":
                questions.ask(one, self.stack)
        self.open = [one for one in self.open if one.answer is None]

    def ask_for(self, seconds, until=lambda: False):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not until():
            self.ask()
            time.sleep(0.5)

    def missing(self, text):
        return any(text in one.query for one in self.open)

    def answered(self, language, text, answer):
        for one in self.open:
            if one.language == language and text in one.query and answer:
                one.answer = answer
        self.open = [one for one in self.open if one.answer is None]


def said(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def course(lab, stack, inquiry):
    with lab.everyday(), incidents.stream(lab), lab.calls("pcf_answer", threads=1, pause=0.5):
        incidents.jobs(lab)
        incidents.limits(lab)
        inquiry.ask_for(5)
        said(f"traffic: {len(inquiry.open)} queries are open")
        with incidents.memory_and_tasks(lab, inquiry.large):
            worse(lab, stack, inquiry)
            said(f"upstream: {len(inquiry.open)} open")
            inquiry.ask_for(180 if inquiry.large else 0, lambda: not inquiry.missing("usage_mb >") and not inquiry.missing("ALERTS{alertname=~"))
        said(f"leaks: {len(inquiry.open)} open")
        lab["mcp-server-2"].kill()
        inquiry.ask_for(20, lambda: not inquiry.missing("== 0"))
        inquiry.failures += doctor(lab, stack, {"target mcp-server": "down: "})
        lab["mcp-server-2"].start()
        said(f"replica: {len(inquiry.open)} open")
        database(lab, inquiry)
        said(f"database: {len(inquiry.open)} open")
        redis(lab, inquiry)
        inquiry.ask_for(15, lambda: not inquiry.open)


def worse(lab, stack, inquiry):
    """An upstream that is slow and fails, for calls and jobs, and one that a breaker watches."""
    with lab.calls("shop_answer", threads=30, pause=0.1), lab.calls("fragile_answer", threads=6, pause=0.1), lab.calls("pcf_answer", threads=4):
        lab.shop.behave(broken=3, late=1, delay=2.6)
        lab.later("shop_answer", {"n": "again"})
        inquiry.ask_for(25, lambda: not inquiry.missing(":p95 > 2"))
        lab.shop.behave(broken=1)
        lab.later("shop_answer", {"n": "again"})
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
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    end_in_order()
    failures = counts()
    with tempfile.TemporaryDirectory(prefix="devmesh-live-") as folder:
        folder = pathlib.Path(folder)
        lab = Lab(arguments.binaries, folder)
        lab.more["mcp-server-2"] = {"DEVMESH_SPOOL__MAX_SIZE": "256KiB"}
        lab.more["worker-2"] = {"ENABLE_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{lab.address['otlp']}"}
        (folder / "stack").mkdir()
        stack = Stack(lab, folder / "stack", 0)
        inquiry = Inquiry(lab, stack, arguments.large or arguments.record)
        try:
            lab.start()
            lab.add("pcf", {})
            lab.add("hoard", {"timeout_ms": 120000, "concurrency": 200, "max_response_bytes": 16 << 20, "breaker": {"enabled": False}})
            stack.start()
            eventually(30, "every target is up", lambda: stack.value("count(up == 1)") == lab.targets())
            course(lab, stack, inquiry)
            failures += early(stack) + doctor(lab, stack, {})
        except Missed as miss:
            failures.append(str(miss))
        finally:
            stack.stop()
            lab.stop()
    failures += inquiry.failures + [f"no answer: {one.where}: {one.query}" for one in inquiry.open]
    failures += table.compare(inquiry.all, arguments.record, inquiry.large)
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"{len(inquiry.all) - len(inquiry.open)} passed, {len(failures)} failed")
    return 1 if failures else 0


def counts():
    rows = json.loads(questions.GUIDES.read_text())
    printed = sum(len(row["printed"]) for row in rows)
    found = [] if (printed, len(rows)) == (verdicts.PRINTED, verdicts.DIFFERENT) else [f"{printed} queries, {len(rows)} different"]
    without = sum(verdicts.verdict(row)[0] == "no meaning" for row in rows)
    return found + ([f"{without} queries without a meaning"] if without > 10 else [])


def doctor(lab, stack, expected):
    """`devmesh doctor --prometheus` finds exactly this wrong: the check, and how what it found begins."""
    command = [lab.binaries / "devmesh", "--output", "json", "doctor", "--prometheus", stack.prometheus_url]
    done = subprocess.run(command, text=True, capture_output=True, check=False, cwd=lab.folder)
    rows = json.loads(done.stdout or "[]")
    wrong = {row["check"]: row["found"] for row in rows if row["verdict"] == "fail"}
    fits = set(wrong) == set(expected) and all(wrong[check].startswith(text) for check, text in expected.items())
    fits = fits and done.returncode == (1 if expected else 0) and any(row["check"] == "panels" for row in rows)
    return [] if fits else [f"doctor --prometheus finds {wrong} in place of {expected}: {done.returncode} {done.stderr[-300:]}"]


def early(stack):
    """What is said to come later must not answer yet."""
    return [f"answers already: {row['query']}" for row in questions.later() if questions.finite(stack.query(verdicts.runnable(row)))]


sys.exit(main())
