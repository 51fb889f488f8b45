"""Plays a scene: fault, alerts, diagnosis, mending, end of the alerts; and says what it saw."""

import contextlib
import time

from ..waiting import Missed, eventually
from . import runbook
from .registry import Mended
from .stack import MACHINE, Stack


class Outcome:
    def __init__(self, scene):
        self.scene = scene
        self.problems = []
        # alert → what was seen of it: fired, link, receiver, summary, steps, ended
        self.seen = {}

    def missed(self, text):
        self.problems.append(text)


def play(scene, lab, folder, say):
    """One scene, in a Prometheus and Alertmanager of its own."""
    outcome = Outcome(scene)
    folder.mkdir()
    stack = Stack(lab, folder, scene.scale)
    course = scene.run(lab, stack)
    looked = time.time()
    try:
        with lab.everyday():
            stack.start()
            eventually(60, "every target is up", lambda: stack.value("count(up == 1)") == lab.targets())
            for phase in course:
                if isinstance(phase, Mended):
                    end(outcome, stack, looked, say)
                else:
                    arrive(outcome, stack, phase, say)
                    investigate(outcome, lab, stack, say)
                    hold_back(outcome, stack, phase)
                    looked = time.time()
    except Missed as miss:
        outcome.missed(str(miss))
    finally:
        with contextlib.suppress(Missed):
            course.close()
        stack.stop()
    for name in scene.alerts:
        if "ended" not in outcome.seen.get(name, {}) and not outcome.problems:
            outcome.missed(f"{name} was not seen from its beginning to its end")
    return outcome


def arrive(outcome, stack, phase, say):
    """Every alert of the phase reaches people, with a link to a runbook that is there."""
    began = time.time()
    missing = set(phase.alerts or outcome.scene.alerts)
    while missing and time.time() < began + outcome.scene.fires_within:
        for name in sorted(missing):
            notice = stack.recorder.first(name, "firing", but=MACHINE)
            if notice:
                missing.discard(name)
                note(outcome, name, notice, max(0.0, notice["at"] - began), say)
        time.sleep(0.1)
    if missing:
        states = sorted({f"{one['metric']['alertname']} {one['metric']['alertstate']}" for one in stack.query("ALERTS")})
        outcome.missed(f"did not arrive within {outcome.scene.fires_within:.0f} s: {', '.join(sorted(missing))} "
                       f"(now: {', '.join(states)}; held back: {', '.join(sorted(stack.suppressed()))})")


def note(outcome, name, notice, seconds, say):
    link = notice["annotations"].get("runbook_url", "")
    outcome.seen[name] = {"fired": seconds, "link": link, "receiver": notice["receiver"], "summary": notice["annotations"].get("summary", "")}
    say(f"  {name} arrived after {seconds:.0f} s at {notice['receiver']}: {outcome.seen[name]['summary']}")
    if not link.startswith("https://") or not runbook.page_of(link).is_file():
        outcome.missed(f"{name}: no runbook behind {link!r}")


def investigate(outcome, lab, stack, say):
    """The diagnosis of each alert's runbook, while the fault is there."""
    done = {runbook.page_of(seen["link"]): seen["steps"] for seen in outcome.seen.values() if "steps" in seen}
    for seen in outcome.seen.values():
        page = runbook.page_of(seen["link"])
        if page.is_file() and page not in done:
            done[page], problems = runbook.diagnose(page, lab, stack)
            outcome.problems += problems
            say(f"  {page.stem}: {len(done[page])} diagnosis steps ran")
        seen.setdefault("steps", done.get(page, []))


def hold_back(outcome, stack, phase):
    """What another alert stands above fires, but reaches nobody any more."""
    for name in phase.held_back:
        with contextlib.suppress(Missed):
            eventually(20, name, lambda name=name: name in stack.suppressed())
            continue
        outcome.missed(f"{name} is not held back; held back: {', '.join(sorted(stack.suppressed()))}")


def end(outcome, stack, looked, say):
    """Every alert ends: people are told so, or it was held back when it ended and is gone.

    It may have ended while the fault was still being mended, so a notice counts from when the last alert was `looked` at."""
    mended, within = time.time(), outcome.scene.ends_within
    still_there = set(outcome.seen)
    held = set()
    while still_there and time.time() < mended + within:
        firing = stack.firing()
        known, suppressed = stack.alerts()
        held |= suppressed
        for name in sorted(still_there - firing):
            if stack.recorder.first(name, "resolved", looked) or (name in held and name not in known):
                outcome.seen[name]["ended"] = time.time() - mended
                still_there.discard(name)
                say(f"  {name} ended after {time.time() - mended:.0f} s")
        time.sleep(0.1)
    if still_there:
        outcome.missed(f"did not end within {within:.0f} s: {', '.join(sorted(still_there))} (firing: {', '.join(sorted(stack.firing()))})")
