"""Holds docs/coverage.md against the tree: what it says is here is here, and what it says is to come is not."""

import pathlib
import re
import sys

PAGE = pathlib.Path("docs/coverage.md")
EMITTED = set(re.findall(r"^\| `([a-z0-9_]+)`", pathlib.Path("docs/metrics.md").read_text(), re.M))
RECORDED = set(re.findall(r"record: (\S+)", "".join(file.read_text() for file in pathlib.Path("deploy/monitoring/prometheus/rules").glob("*.yml"))))
ALERTS = set(re.findall(r"alert: (\S+)", "".join(file.read_text() for file in pathlib.Path("deploy/monitoring/prometheus/alerts").glob("*.yml"))))
SERIES = re.compile(r"`((?:mcp|http|api|db|cache|health|process|rum|synthetic|cloud|alertmanager|go|pcf)_[a-z0-9_]+)`")
FOLDER = re.compile(r"## .*\(`(deploy/[^`]+)`")
failures = []


def check(fits, what):
    if not fits:
        failures.append(what)


def known(name):
    return name in EMITTED or any(recorded == name or recorded.startswith(f"{name}_") for recorded in RECORDED)


def row(line, section, folder):
    asked, where = [cell.strip() for cell in line.strip("| \n").split("|")][:2]
    later = where.startswith("to come")
    for name in SERIES.findall(asked) if section == "Metrics" else ():
        if later:
            check(name not in EMITTED, f"{name} is emitted, but marked as to come")
        elif "no meaning" not in where:
            check(known(name), f"{name} is neither emitted nor recorded")
    if where == "the same names" and not "`" in asked:
        for name in re.findall(r"\b[A-Z]\w+(?:Down|Rate|Latency|Leak|Usage|Failure|Instances|Utilization|Degraded|Slow)\b", asked):
            check(name in ALERTS, f"no alert {name}")
    for path in re.findall(r"`((?:deploy|scripts|docs|docker|kubernetes)[^`\s]*)`", asked if where == "the same names" else where):
        check(pathlib.Path(path).exists(), f"{path} is not there")
    for page in re.findall(r"\]\(([\w.-]+\.md)\)", where):
        check((PAGE.parent / page).is_file(), f"docs/{page} is not there")
    for file in re.findall(r"`([\w-]+\.json)`", where):
        check((pathlib.Path(folder) / file).is_file(), f"{folder}/{file} is not there")


section, folder, rows = "", "", 0
for line in PAGE.read_text().splitlines():
    if line.startswith("## "):
        section, found = line.removeprefix("## "), FOLDER.match(line)
        folder = found[1] if found else ""
    elif line.startswith("| ") and not line.startswith(("| the guides'", "|---")):
        row(line, section, folder)
        rows += 1
check(rows > 40, f"only {rows} rows were read")
for failure in failures:
    print(failure)
print(f"{rows} rows of {PAGE}")
sys.exit(1 if failures else 0)
