"""Counts the results of the MCP conformance suite; used by scripts/conformance.

Every check of every server scenario counts, also of those that the suite runs without scoring them
(extensions, later additions). A warning (a SHOULD that is not met) and a skipped check count as failed unless
scripts/lib/conformance-not-applicable.txt names them with a reason.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

BAD = {"FAILURE", "WARNING", "SKIPPED"}


def required_scenarios(requirements: Path) -> list[str]:
    """The server scenarios of a requirement set: the scored list, then those that run without score."""
    scored, unscored, section, candidate = [], [], "", ""
    for line in requirements.read_text().splitlines():
        if heading := re.match(r"(\w+):", line):
            section = heading[1]
        elif section == "server" and (item := re.match(r"  - (\S+)", line)):
            scored.append(item[1])
        elif section == "not_scored" and (item := re.match(r"  - scenario: (\S+)", line)):
            candidate = item[1]
        elif section == "not_scored" and line.strip() == "leg: server":
            unscored.append(candidate)
    if not scored:
        sys.exit(f"{requirements}: no server scenarios found; has the format changed?")
    return scored + unscored


def exceptions(path: Path, revision: str) -> dict[tuple[str, str], str]:
    """(scenario, check) to reason, for one set."""
    found = {}
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        entry = re.fullmatch(r"(\S+) (\S+) (\S+) \| (.+)", line)
        if not entry:
            sys.exit(f"{path}: expected SET SCENARIO CHECK | REASON, found: {line}")
        if entry[1] == revision:
            found[entry[2], entry[3]] = entry[4]
    return found


def checks_of(results: Path, scenario: str) -> list[dict]:
    """What the suite wrote for one scenario (its folder's name ends with a time)."""
    stamp = r"-\d{4}-\d\d-\d\dT.*"
    folders = [f for f in results.glob("server-*") if re.fullmatch(f"server-{re.escape(scenario)}{stamp}", f.name)]
    files = [folder / "checks.json" for folder in folders]
    return [check for file in files if file.exists() for check in json.loads(file.read_text())]


def judge(scenario: str, checks: list[dict], excused: dict[tuple[str, str], str]) -> tuple[int, list[str]]:
    """Passed checks, and a line for each that failed."""
    passed, failed = 0, []
    by_id = defaultdict(list)
    for check in checks:
        by_id[check["id"]].append(check)
    if not checks:
        failed.append(f"{scenario}: left no results")
    for identity, group in by_id.items():
        bad = [check for check in group if check["status"] in BAD]
        passed += sum(check["status"] == "SUCCESS" for check in group)
        reason = excused.pop((scenario, identity), None)
        if reason and bad:
            print(f"  not applicable: {scenario} {identity}: {reason}")
        elif reason:
            failed.append(f"{scenario} {identity}: passes, but is listed as not applicable; remove it from the list")
        else:
            failed += [f"{scenario} {identity}: {c['status']}: {c.get('errorMessage') or c['description']}" for c in bad]
    return passed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("results", type=Path)
    parser.add_argument("requirements", type=Path)
    parser.add_argument("not_applicable", type=Path)
    arguments = parser.parse_args()
    excused = exceptions(arguments.not_applicable, arguments.revision)
    passed, failed, scenarios = 0, [], required_scenarios(arguments.requirements)
    print(f"{arguments.revision}: {len(scenarios)} server scenarios")
    for scenario in scenarios:
        fine, bad = judge(scenario, checks_of(arguments.results, scenario), excused)
        passed, failed = passed + fine, failed + bad
    failed += [f"{scenario} {check}: listed as not applicable, but the suite has no such check" for scenario, check in excused]
    for line in failed:
        print(f"  FAILED {line.splitlines()[0][:300]}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
