"""Every query of the five monitoring guides, which are no part of this repository.

    python3 scripts/lib/guides/extract.py DIR >docs/guide-queries.json

DIR has one text file a guide; a query that is printed several times is one row. A query is: an `expr`, or the `query` of an indicator, in YAML; an `expr` or `query` in JSON; each query of
a promql or logql block, and of the unmarked blocks of trace searches; a SELECT in SQL blocks and in the strings of programs; a
redis-cli command. Each is kept as printed, with the guide and the line where it begins.
"""

import json
import pathlib
import re
import sys

FENCE = re.compile(r"^\s*```(\w*)\s*$")


def blocks(text):
    """(language, first line number, lines) of each fenced block."""
    language, begin, lines = None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if match := FENCE.match(line):
            if language is None:
                language, begin, lines = match[1], number + 1, []
            else:
                yield language, begin, lines
                language = None
        elif language is not None:
            lines.append(line)


def clean(lines):
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:].rstrip() for line in lines).strip()


def of_yaml(lines):
    for at, line in enumerate(lines):
        match = re.match(r"(\s*)(?:- )?(?:expr|query):\s*(.*)$", line)
        if not match:
            continue
        if match[2] not in ("|", ">"):
            yield at, "promql", match[2]
            continue
        block = []
        for more in lines[at + 1:]:
            if more.strip() and len(more) - len(more.lstrip()) <= len(match[1]):
                break
            block.append(more)
        yield at, "promql", clean(block)


def of_json(lines):
    for at, line in enumerate(lines):
        for match in re.finditer(r'"(?:expr|query)":\s*"((?:\\.|[^"\\])*)"', line):
            query = json.loads(f'"{match[1]}"')
            yield at, "logql" if query.startswith("{") else "promql", query


def of_queries(language):
    """Queries with a comment or an empty line between them."""
    def found(lines):
        at = 0
        while at < len(lines):
            if not lines[at].strip() or lines[at].lstrip().startswith("#"):
                at += 1
                continue
            begin = at
            while at < len(lines) and lines[at].strip() and not lines[at].lstrip().startswith("#"):
                at += 1
            yield begin, language, clean(lines[begin:at])

    return found


def of_sql(lines):
    for match in re.finditer(r"SELECT\b.*?;", "\n".join(lines), re.S):
        before = "\n".join(lines)[:match.start()]
        yield before.count("\n"), "sql", clean(match[0].rstrip(";").splitlines())


def of_program(lines):
    text = "\n".join(lines)
    for match in re.finditer(r'"""(\s*SELECT\b.*?)"""|"(SELECT [^"]*)"', text, re.S):
        yield text[:match.start()].count("\n"), "sql", clean((match[1] or match[2]).strip("\n").splitlines())


def of_shell(lines):
    for at, line in enumerate(lines):
        if line.lstrip().startswith("redis-cli "):
            yield at, "redis", line.strip()


def of_unmarked(lines):
    for at, line in enumerate(lines):
        if re.match(r'\s*service="', line):
            yield at, "traces", line.strip()


FINDERS = {"yaml": of_yaml, "json": of_json, "promql": of_queries("promql"), "logql": of_queries("logql"), "sql": of_sql,
           "python": of_program, "bash": of_shell, "": of_unmarked}


def queries(folder):
    for guide, file in enumerate(sorted(folder.glob("*.txt")), 1):
        text = file.read_text()
        for language, begin, lines in blocks(text):
            for at, kind, query in FINDERS.get(language, lambda _: ())(lines):
                yield {"guide": f"{guide:03}", "line": begin + at, "language": kind, "query": query}


def rows(folder):
    found = {}
    for one in queries(folder):
        row = found.setdefault((one["language"], " ".join(one["query"].split())),
                               {"language": one["language"], "query": one["query"], "printed": []})
        row["printed"].append(f"{one['guide']}:{one['line']}")
    return list(found.values())


if __name__ == "__main__":
    json.dump(rows(pathlib.Path(sys.argv[1])), sys.stdout, indent=1, ensure_ascii=False)
    print()
