"""The queries that have to answer, and the answers that they got."""

import json
import math
import pathlib
import re
import urllib.error

from ..guides import verdicts

SHIPPED = pathlib.Path("deploy/monitoring/queries.json")
GUIDES = pathlib.Path("docs/guide-queries.json")
# Labels that say nothing to the reader of an answer.
UNTOLD = ("instance", "job", "environment", "__name__")
ALIASES = pathlib.Path("deploy/monitoring/prometheus/rules/aliases.yml")

# Shipped panels that no incident here can feed, each with its reason.
SPARED = {
    "http_panics_total": "a handler that panics is a bug; none is known that a request could find",
    "cache_evictions_total": "only the in-process cache of `devmesh up` evicts; here Redis holds everything",
    "probe_": "the blackbox exporter runs beside quick/setup-monitoring.sh, not here",
    "cache_size_bytes": "only the in-process cache of `devmesh up` knows its size; here Redis holds everything",
}
# Figures that traffic does not change, each with its reason; all others have to change to count.
STANDING = {
    ".*mcp_build_info.*": "a version is there or not",
    "process_memory_limit_bytes": "the limit is what the machine gives",
    r"count\(up\{[^}]*\}\)": "as many targets as before",
    "tokio_global_queue_depth": "a task waits there for microseconds; a scrape hardly ever sees one",
}
# Asked for a zero: nothing of it is what the query is there to find.
FOR_NOTHING = re.compile(r"==\s*0$")


class Question:
    def __init__(self, where, language, query, row=None):
        self.where, self.language, self.query, self.row = where, language, query, row
        self.asked, self.before, self.answer = query, {}, None
        self.stands = any(re.fullmatch(text, query) for text in STANDING)

    def samples(self, stack):
        try:
            return stack.query(self.asked)
        except urllib.error.HTTPError as refused:
            raise SystemExit(f"{self.where}: {self.asked}: {refused.read().decode()[:300]}") from None

    def ask(self, stack):
        """Asks Prometheus; an answer stays, since an incident may be over at the end.

        A sample counts that was not there before the traffic, or had another value. A zero does not: it is also what stands
        there when nothing has happened."""
        for labels, value in finite(self.samples(stack)).items():
            came = self.before.get(labels) != value and (value != 0 or FOR_NOTHING.search(self.query))
            if came or self.stands:
                self.answer = ({name: value for name, value in labels if name not in UNTOLD}, value)
                return


def shipped():
    """Panels and annotations; alerts have drills, and rules are asked for by their names."""
    found = []
    for one in json.loads(SHIPPED.read_text()):
        if one["language"] != "promql" or one["kind"] == "alert" or any(series in one["expr"] for series in SPARED):
            continue
        found.append(Question(one["where"], "promql", one["expr"]))
    return found + [Question(f"alias {name}", "promql", name) for name in re.findall(r"- record: (\S+)", ALIASES.read_text())]


def printed():
    """The guides' queries that have an answer here."""
    rows = json.loads(GUIDES.read_text())
    return [Question(f"guide {row['printed'][0]}", row["language"], verdicts.runnable(row), row) for row in rows
            if verdicts.verdict(row)[0] == "answers"]


def nearest():
    """What stands in for queries without a meaning, as far as its series exist."""
    found = []
    for row in json.loads(GUIDES.read_text()):
        kind, _, query = verdicts.verdict(row)
        if kind == "no meaning" and not any(series in query for series in verdicts.NEAREST_LATER):
            found.append(Question(f"nearest to guide {row['printed'][0]}", "promql", query))
    return found


def later():
    rows = json.loads(GUIDES.read_text())
    return [row for row in rows if verdicts.verdict(row)[0] == "later" and row["language"] == "promql"]


def finite(samples):
    """The samples that are numbers, by their labels; one that a query makes up by itself does not get here (see `made_up`)."""
    numbers = {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in samples}
    return {labels: value for labels, value in numbers.items() if math.isfinite(value)}


def made_up(query):
    return re.search(r"\bor\s+(on\s*\(\)\s*)?vector\(", query)
