"""What a drill saw, as the last section of a runbook."""

import datetime
import re


def report(outcome, name):
    seen, scene = outcome.seen[name], outcome.scene
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    lines = [f"Written by `scripts/drill {name} --record` on {day}; time ran {scene.scale:g} times faster.", "",
             f"- Fault: {scene.fault}.",
             f"- {name} reached `{seen['receiver']}` after {seen['fired']:.0f} s: “{seen['summary']}”.",
             f"- It ended {seen['ended']:.0f} s after the fault was mended.", "", "```text"]
    for command, output in seen["steps"]:
        lines.append("$ " + " ".join(command.split()))
        lines += [line[:160].rstrip() for line in output.splitlines()[:8]]
    return hide("\n".join([*lines, "```"]))


def hide(text):
    """No addresses of a machine: they say nothing to the reader."""
    return re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", text)
