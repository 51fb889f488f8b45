"""Runs a scene: fault, alerts, diagnosis, mending, end of the alerts; and says what it saw."""

import contextlib
import datetime
import re
import time

from . import runbook
from .processes import Missed, eventually
from .stack import Stack


class Outcome:
    def __init__(self, scene):
        self.scene = scene
        self.problems = []
        # alert → what was seen: seconds until it fired and ended, link, receiver, steps
        self.seen = {}


def play(scene, lab, folder, say):
    """One scene in a Prometheus and Alertmanager of its own."""
    outcome = Outcome(scene)
    folder.mkdir()
    stack = Stack(lab, folder, scene.scale)
    course = scene.run(lab, stack)
    try:
        with lab.everyday():
            stack.start()
            eventually(30, "every target is up", lambda: stack.value("count(up == 1)") == 4)
            began = time.time()
            next(course)
            arrive(outcome, stack, began, say)
            investigate(outcome, lab, stack, say)
            held_back(outcome, stack)
            mended = time.time()
            next(course, None)
            end(outcome, stack, mended, say)
    except Missed as miss:
        outcome.problems.append(str(miss))
    finally:
        with contextlib.suppress(Missed):
            course.close()
        stack.stop()
    return outcome


def arrive(outcome, stack, began, say):
    """Every alert of the scene reaches the webhook, with a link to a runbook that is there."""
    missing = set(outcome.scene.alerts)
    deadline = began + outcome.scene.fires_within
    while missing and time.time() < deadline:
        for name in sorted(missing):
            if notice := stack.recorder.first(name, "firing", began if name != "Watchdog" else 0):
                missing.discard(name)
                seen = outcome.seen[name] = {"fired": max(0.0, notice["at"] - began), "link": notice["annotations"].get("runbook_url", ""),
                                             "receiver": notice["receiver"], "summary": notice["annotations"].get("summary", "")}
                say(f"  {name} arrived after {seen['fired']:.0f} s at {notice['receiver']}: {seen['summary']}")
                page = runbook.page_of(seen["link"])
                if not seen["link"].startswith("https://") or not page.is_file():
                    outcome.problems.append(f"{name}: no runbook behind {seen['link']!r}")
        time.sleep(0.1)
    if missing:
        pending = stack.query("ALERTS")
        states = sorted({f"{one['metric']['alertname']} {one['metric']['alertstate']}" for one in pending})
        outcome.problems.append(f"did not arrive within {outcome.scene.fires_within:.0f} s: {', '.join(sorted(missing))} (now: {', '.join(states)})")


def investigate(outcome, lab, stack, say):
    """The diagnosis of each alert's runbook, while the fault is there."""
    done = {}
    for name, seen in outcome.seen.items():
        page = runbook.page_of(seen["link"])
        if page not in done:
            done[page], problems = runbook.diagnose(page, lab, stack)
            outcome.problems += problems
            say(f"  {page.stem}: {len(done[page])} diagnosis steps ran")
        seen["steps"] = done[page]


def held_back(outcome, stack):
    for name in outcome.scene.held_back:
        if name not in stack.suppressed():
            outcome.problems.append(f"{name} is not held back")
        if stack.recorder.first(name, "firing"):
            outcome.problems.append(f"{name} arrived, but another alert stands above it")


def end(outcome, stack, mended, say):
    """Every alert ends: it is reported as resolved, or it was held back when it ended and is gone."""
    open_ones = set(outcome.seen)
    deadline = mended + outcome.scene.ends_within
    while open_ones and time.time() < deadline:
        # Asked of Prometheus first: an alert that it still fires has not ended.
        firing = stack.firing() if stack.prometheus.running.poll() is None else set()
        for name in sorted(open_ones - firing):
            notice = stack.recorder.first(name, "resolved", mended)
            if notice or name in outcome.scene.held_back:
                outcome.seen[name]["ended"] = time.time() - mended
                open_ones.discard(name)
                say(f"  {name} ended after {time.time() - mended:.0f} s")
        time.sleep(0.1)
    if open_ones:
        outcome.problems.append(f"did not end within {outcome.scene.ends_within:.0f} s: {', '.join(sorted(open_ones))}; firing: {', '.join(sorted(stack.firing()))}")


def report(outcome, name):
    """The section of the runbook of one alert."""
    seen, scene = outcome.seen[name], outcome.scene
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    lines = [f"Written by `scripts/drill {name} --record` on {day}, in time that ran {scene.scale:g} times faster.", "",
             f"- Fault: {scene.fault}", f"- {name} arrived after {seen['fired']:.0f} s, at receiver `{seen['receiver']}`: “{seen['summary']}”",
             f"- It ended {seen['ended']:.0f} s after the fault was mended.", "", "```text"]
    for command, output in seen["steps"]:
        lines.append("$ " + " ".join(command.split()))
        lines += [line[:160] for line in output.splitlines()[:8]]
    lines.append("```")
    return hide("\n".join(lines))


def hide(text):
    """No addresses of the machine and no ids: two runs of a drill should differ in figures only."""
    return re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", text)
