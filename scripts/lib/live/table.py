"""docs/guide-queries.md: each query of the guides, where it is printed, and its answer."""

import json
import pathlib
import re

from ..guides import verdicts
from . import questions

PAGE = pathlib.Path("docs/guide-queries.md")
HEAD = """# The queries of the monitoring guides

Every query that the five guides print ({printed}; {different} are different), and what it answers here. Written by
`scripts/tests.d/full/live-queries.sh --record`, which asks them all again over a mesh with traffic and incidents in it; the figures are those
of that run. `003:12` is guide 3, line 12. Queries of capabilities that are still to come say so, and must not answer yet.

| query | printed | answer |
|---|---|---|
"""


def cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def answer_of(row, answers):
    kind, reason, nearest = verdicts.verdict(row)
    if kind == "later":
        return f"later: {reason}"
    if kind == "not run":
        return f"not run: needs {reason}"
    if kind == "no meaning":
        return f"no meaning here: {reason}. Nearest: `{cell(nearest)}`"
    answer = answers.get(verdicts.one_line(row["query"]))
    if answer is None:
        return "nothing"
    if isinstance(answer, str):
        return f"`{cell(answer)}`"
    labels, value = answer
    return f"{value:.4g}" + (f" at {', '.join(f'{name}={value}' for name, value in sorted(labels.items()) if name != 'tenant_id')}" if labels else "")


def written(asked):
    rows = json.loads(questions.GUIDES.read_text())
    answers = {verdicts.one_line(one.row["query"]): one.answer for one in asked if one.row}
    lines = [f"| `{cell(row['query'])}` | {' '.join(row['printed'])} | {answer_of(row, answers)} |" for row in rows]
    return HEAD.format(printed=verdicts.PRINTED, different=verdicts.DIFFERENT) + "\n".join(lines) + "\n"


def shape(text):
    """The table without its figures: which query answers, and which has which verdict."""
    found = []
    for line in text.splitlines():
        if match := re.match(r"\| (`.*?`) \| ([\d: ]+) \| (.*) \|$", line):
            answer = match[3] if re.match(r"(later|no meaning|not run|nothing)", match[3]) else "answers"
            found.append((match[1], match[2], answer))
    return found


def compare(asked, record, large):
    now = written(asked)
    if record:
        PAGE.write_text(now)
        return []
    before = PAGE.read_text() if PAGE.exists() else ""
    return [f"{PAGE} says {old}, but it is {new}" for old, new in zip(shape(before), shape(now))
            if old != new and (large or new[2] != "nothing")] or (
        [] if len(shape(before)) == len(shape(now)) else [f"{PAGE} has other rows; write it anew with --record"])
