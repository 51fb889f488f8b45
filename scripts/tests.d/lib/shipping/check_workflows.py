""".github/workflows, which no GitHub has run: GitHub's own parser, shellcheck on the commands, zizmor on what could be turned against
us, and what they name is there.

    check_workflows.py NODE MODULES ZIZMOR SHELLCHECK
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import image
from repository import ROOT, check, finish, text

node, modules, zizmor, shellcheck = sys.argv[1:]
SCRIPT = pathlib.Path(__file__).parent / "parse_workflow.mjs"


def run(*command, given=None):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, input=given, cwd=ROOT)


def parsed(file):
    said = run(node, SCRIPT, modules, file)
    return json.loads(said.stdout) if said.returncode == 0 else {"faults": [said.stderr], "jobs": 0, "commands": [], "actions": []}


def commands_are_clean(name, commands):
    for command in commands:
        said = run(shellcheck, "--shell=bash", "-", given="#!/bin/bash\nset -e\n" + command)
        check(said.returncode == 0, f"{name}: a command is clean", said.stdout)
        check("${{" not in command, f"{name}: nothing is pasted into a command", command)


def names_are_there(name, workflow):
    targets = set(image.stages())
    asked = set(re.findall(r"--target ([a-z-]+)(?!\w)", workflow))
    for names in re.findall(r"for target in ([a-z -]+); do", workflow):
        asked |= set(names.split())
    check(asked <= targets, f"{name}: the Dockerfile has its targets", asked - targets)
    for path in re.findall(r"(?:^|[\s/])((?:scripts|docs|deploy|crates)/[\w./-]+)", workflow):
        made_by_it = path.endswith("/sbom.json")
        check(made_by_it or (ROOT / path).exists(), f"{name}: {path} is there")


def main():
    with tempfile.TemporaryDirectory() as work:
        for file in sorted((ROOT / ".github/workflows").glob("*.yml")):
            workflow = parsed(file)
            check(workflow["faults"] == [] and workflow["jobs"] > 1, f"{file.name} is a workflow", workflow["faults"])
            commands_are_clean(file.name, workflow["commands"])
            for action in workflow["actions"]:
                check(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), f"{file.name}: {action} cannot be moved")
            names_are_there(file.name, file.read_text())
            spoilt = pathlib.Path(work) / file.name
            spoilt.write_text(file.read_text().replace("runs-on:", "run-on:", 1))
            check(parsed(spoilt)["faults"] != [], f"{file.name}: the parser finds faults")
        said = run(zizmor, "--offline", "--no-progress", ".github")
        check(said.returncode == 0, "nothing can be turned against us", said.stdout)
        bad = pathlib.Path(work) / ".github/workflows/bad.yml"
        bad.parent.mkdir(parents=True)
        bad.write_text("on: issues\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.event.issue.title }}\n")
        said = run(zizmor, "--offline", "--no-progress", bad)
        check("template-injection" in said.stdout, "zizmor finds faults", said.stdout + said.stderr)
    check("v[0-9]" in text(".github/workflows/release.yml"), "a release is a tag")
    finish()


main()
