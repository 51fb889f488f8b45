"""The queries that have to answer, and the answers that they got."""

import json
import math
import pathlib
import re
import urllib.error

from ..guides import verdicts

SHIPPED = pathlib.Path("deploy/monitoring/queries.json")
GUIDES = pathlib.Path("docs/guide-queries.json")
ALIASES = pathlib.Path("deploy/monitoring/prometheus/rules/aliases.yml")

# Shipped panels that no incident here can feed, each with its reason.
SPARED = {
    "http_panics_total": "a handler that panics is a bug; none is known that a request could find",
    "cache_evictions_total": "only the in-process cache of `devmesh up` evicts; here Redis holds everything",
    "probe_": "the blackbox exporter runs beside quick/setup-monitoring.sh, not here",
    "cache_size_bytes": "only the in-process cache of `devmesh up` knows its size; here Redis holds everything",
}


class Question:
    def __init__(self, where, language, query, row=None):
        self.where, self.language, self.query, self.row = where, language, query, row
        self.answer = None


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
    """The first sample that is a number; one that a query makes up by itself does not get here (see `made_up`)."""
    for sample in samples:
        if math.isfinite(float(sample["value"][1])):
            return sample
    return None


def made_up(query):
    return re.search(r"\bor\s+(on\s*\(\)\s*)?vector\(", query)


def ask(question, stack):
    """Asks Prometheus; an answer stays, since an incident may be over at the end."""
    try:
        sample = finite(stack.query(question.query))
    except urllib.error.HTTPError as refused:
        raise SystemExit(f"{question.where}: {question.query}: {refused.read().decode()[:300]}") from None
    if sample:
        labels = {name: value for name, value in sample["metric"].items() if name not in ("instance", "job", "environment", "__name__")}
        question.answer = (labels, float(sample["value"][1]))
