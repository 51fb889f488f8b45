"""See scripts/drill."""

import argparse
import pathlib
import re
import sys
import tempfile
import time

from . import runbook
from .lab import Lab
from .processes import end_in_order
from .registry import EXEMPT, SCENES, chosen
from .report import report
from .run import play
from . import scenes  # noqa: F401 (registers them)

ALERTS = pathlib.Path("deploy/monitoring/prometheus/alerts")


def shipped():
    return set(re.findall(r"^\s*- alert: (\S+)", "\n".join(file.read_text() for file in ALERTS.glob("*.yml")), re.M))


def uncovered():
    """What is wrong with the list itself: every shipped alert has a drill or is exempt, and nothing else is listed."""
    drilled = {name for one in SCENES.values() for name in one.alerts}
    problems = [f"{name} has no drill" for name in sorted(shipped() - drilled - set(EXEMPT))]
    problems += [f"{name} is drilled but not shipped" for name in sorted((drilled | set(EXEMPT)) - shipped())]
    if len(EXEMPT) > 3:
        problems.append("more than three alerts are exempt")
    return problems


def show():
    for one in SCENES.values():
        print(f"{one.name}{' (quick)' if one.quick else ''}: {one.fault}\n    {' '.join(one.alerts)}")
    for name, reason in EXEMPT.items():
        print(f"exempt: {name}: {reason}")
    for problem in uncovered():
        print(f"MISSING: {problem}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    for flag in ("--all", "--quick", "--list", "--record"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--binaries")
    arguments = parser.parse_args()
    if arguments.list:
        show()
        return 0
    if arguments.all:
        picked = list(SCENES.values())
    elif arguments.quick:
        picked = [one for one in SCENES.values() if one.quick]
    else:
        picked = chosen(arguments.names)
    end_in_order()
    began = time.monotonic()
    problems = uncovered() if arguments.all else []
    passed = run(picked, arguments, problems)
    if arguments.all and arguments.record:
        problems += [f"{page} does not say how it was last tried" for page in runbook.never_tried()]
    for problem in problems:
        print(f"FAILED: {problem}")
    print(f"{len(picked)} scenes in {time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {len(problems)} failed")
    return 1 if problems else 0


def run(picked, arguments, problems):
    passed = 0
    with tempfile.TemporaryDirectory(prefix="devmesh-drill-") as folder:
        folder = pathlib.Path(folder)
        lab = Lab(arguments.binaries, folder)
        try:
            lab.start()
            for one in picked:
                say(f"{one.name}: {one.fault}")
                began = time.monotonic()
                outcome = play(one, lab, folder / f"scene-{one.name}", say)
                problems += [f"{one.name}: {problem}" for problem in outcome.problems]
                for problem in outcome.problems:
                    say(f"  FAILED: {problem}")
                done = [name for name in one.alerts if "ended" in outcome.seen.get(name, {})]
                passed += len(done)
                say(f"  {len(done)} of {len(one.alerts)} alerts, {time.monotonic() - began:.0f} s")
                if arguments.record and not outcome.problems:
                    for name in done:
                        runbook.record(runbook.page_of(outcome.seen[name]["link"]), report(outcome, name))
        finally:
            lab.stop()
    return passed


def say(text):
    print(text, flush=True)


sys.exit(main())
