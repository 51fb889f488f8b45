"""A runbook's diagnosis: its commands and queries, run against the mesh while the fault is there; and its last section."""

import os
import pathlib
import re
import subprocess
import urllib.error

FOLDER = pathlib.Path("docs/runbooks")
SECTION = "## How it was last tried"
BLOCK = re.compile(r"```(promql|console)\n(.*?)\n```", re.S)


def page_of(link):
    return FOLDER / link.rsplit("/", 1)[-1]


def steps(page):
    """(kind, text) of each block of the section Diagnosis."""
    text = page.read_text()
    diagnosis = text.split("## Diagnosis", 1)[1].split("\n## ", 1)[0]
    return [(kind, block.strip()) for kind, block in BLOCK.findall(diagnosis)]


def environment(lab, stack):
    """What the commands of the runbooks take from the reader's own surroundings."""
    return {"PATH": f"{lab.binaries}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"),
            "REST_API": f"http://{lab.address['rest-api']}", "WORKER": f"http://{lab.address['worker-1']}",
            "MCP_SERVER": f"http://{lab.address['mcp-server-1']}", "PROMETHEUS": stack.prometheus_url,
            "ALERTMANAGER": stack.alertmanager_url, "DEVMESH_URL": f"http://{lab.address['rest-api']}",
            "DEVMESH_MCP_URL": f"http://{lab.address['mcp-server-1']}/mcp", "DEVMESH_API_KEY": lab.key}


def diagnose(page, lab, stack):
    """What each step showed; fails where one does not run, or where no query of the page has data."""
    shown, problems, data, queries = [], [], 0, 0
    for kind, text in steps(page):
        if kind == "promql":
            queries += 1
            try:
                found = stack.query(text)
            except urllib.error.HTTPError as refused:
                problems.append(f"{text}: {refused.read().decode()[:200]}")
                continue
            data += bool(found)
            shown.append((text, brief(found)))
            continue
        for line in text.splitlines():
            if line.startswith("$ "):
                output, problem = run(line[2:], environment(lab, stack), lab.folder)
                shown.append((line[2:], output))
                problems += [problem] if problem else []
    if not queries and not shown:
        problems.append(f"{page}: no diagnosis step")
    if queries and not data:
        problems.append(f"{page}: none of its queries has data")
    return shown, problems


def run(command, surroundings, folder):
    """A command may say no (exit code 1) or that nobody answers (3); it may not be wrong, missing or endless."""
    try:
        done = subprocess.run(["bash", "-c", command], env=surroundings, cwd=folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except subprocess.TimeoutExpired:
        return "no answer within 60 s", f"{command}: no answer within 60 s"
    output = done.stdout.strip()
    if done.returncode not in (0, 1, 3) or not output:
        return output, f"{command}: exit code {done.returncode}: {output[-300:]}"
    return output, None


def brief(found):
    rows = []
    for sample in found[:3]:
        labels = {name: value for name, value in sample["metric"].items() if name not in ("environment", "instance", "job", "__name__")}
        rows.append(f"{', '.join(f'{name}={value}' for name, value in labels.items()) or 'value'}: {float(sample['value'][1]):.4g}")
    more = f" … {len(found)} in all" if len(found) > 3 else ""
    return "; ".join(rows) + more if rows else "nothing"


def record(page, text):
    """Puts what a drill saw at the end of the page."""
    before = page.read_text().split(SECTION)[0].rstrip()
    page.write_text(f"{before}\n\n{SECTION}\n\n{text.rstrip()}\n")


def never_tried():
    return [page for page in sorted(FOLDER.glob("*.md")) if SECTION not in page.read_text()]
