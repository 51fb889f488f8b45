"""Checks the rules, alerts and runbooks against each other, against docs/metrics.md, and over a running mesh."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from lib.waiting import eventually, free_ports

TOP = pathlib.Path("deploy/monitoring/prometheus")
RUNBOOKS = pathlib.Path("docs/runbooks")
# Prometheus's own series, and words of PromQL.
KNOWN = {"up", "ALERTS"}
SERIES = re.compile(r"\b((?:mcp|http|db|process|tokio|allocator|telemetry|cache|grpc|queue|health|redis)_[a-z0-9_]+|[a-z]+:[a-z0-9_:]+)\b")
# What only an incident or a longer time feeds; full/live-queries.sh has them.
QUIET = re.compile(r"websocket_.*|mcp:db:pool_utilization_percent|pcf_mcp_.*|mcp_rate_limit_.*|mcp_tenant_rate_limit_hits|mcp_circuit_breaker_.*")
failures = []


def check(condition, what):
    if not condition:
        failures.append(what)


def yaml_names(text, key):
    return re.findall(rf"^\s*- {key}: (\S+)", text, re.M)


def expressions(text):
    """The expr of each rule, folded to one line."""
    found = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not re.match(r"\s*expr: ", line):
            continue
        rest = line.split("expr: ", 1)[1]
        if rest.strip() != "|":
            found.append(rest)
            continue
        indent = len(line) - len(line.lstrip())
        block = []
        for more in lines[number + 1:]:
            if more.strip() and len(more) - len(more.lstrip()) <= indent:
                break
            block.append(more.strip())
        found.append(" ".join(block))
    return found


def static():
    rules = "\n".join(path.read_text() for path in sorted(TOP.glob("rules/*.yml")))
    alerts = "\n".join(path.read_text() for path in sorted(TOP.glob("alerts/*.yml")))
    tests = "\n".join(path.read_text() for path in sorted(TOP.glob("tests/*.yml")))
    documented = set(re.findall(r"^\| `([a-z_]+)`", pathlib.Path("docs/metrics.md").read_text(), re.M))
    recorded = set(yaml_names(rules, "record"))
    labels = set()
    queries = expressions(rules + "\n" + alerts)
    for page in RUNBOOKS.glob("*.md"):
        queries += re.findall(r"```promql\n(.*?)\n```", page.read_text(), re.S)
    listed = json.loads((TOP.parent / "queries.json").read_text())
    queries += [query["expr"] for query in listed if query["language"] == "promql" and query["kind"] == "panel"]
    for query in queries:
        labels |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", query))
        bare = re.sub(r'"[^"]*"', "", query)
        bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", bare)
        bare = re.sub(r"\{[^}]*\}", "", bare)
        for name in SERIES.findall(bare):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            check(name in documented | recorded | KNOWN or base in documented, f"{name} is emitted by nobody: {query}")
    names = yaml_names(alerts, "alert")
    links = re.findall(r"runbooks \}\}/(\w+)\.md", alerts)
    check(len(names) == len(links), "an alert has no runbook_url")
    for name in set(links):
        check((RUNBOOKS / f"{name}.md").is_file(), f"no runbook {name}")
    for page in RUNBOOKS.glob("*.md"):
        check(page.stem in links, f"the runbook {page.stem} belongs to no alert")
    for name in names:
        cases = re.findall(rf"- name: {name} (.*?)\n(.*?)(?=\n  - name: |\Z)", tests, re.S)
        fires = any(re.search(r"value: [1-9]", body) for _, body in cases)
        silent = any(not re.search(r"value: [1-9]", body) for _, body in cases)
        check(name == "Watchdog" or (fires and silent), f"{name} needs a test that fires and one that stays silent")
    return recorded, queries


def get(url, headers=None, body=None):
    request = urllib.request.Request(url, data=body, headers=headers or {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def live(devmesh, recorded, queries):
    with tempfile.TemporaryDirectory() as work:
        ports = dict(zip(("mcp-server", "rest-api", "worker"), free_ports(3)))
        environment = {f"DEVMESH_{service.replace('-', '_').upper()}__LISTEN__ADDRESS": f"127.0.0.1:{port}"
                       for service, port in ports.items()}
        log = open(pathlib.Path(work) / "mesh.log", "w")
        mesh = subprocess.Popen([os.path.abspath(devmesh), "up", "--data", f"{work}/data"], env=environment, cwd=work,
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        prometheus = None
        try:
            eventually(60, "the mesh is ready", lambda: get(f"http://127.0.0.1:{ports['mcp-server']}/health/ready"))
            [web] = free_ports(1)
            prometheus = subprocess.Popen(
                ["prometheus", f"--config.file={configured(work, ports)}", f"--storage.tsdb.path={work}/tsdb",
                 f"--web.listen-address=127.0.0.1:{web}"], stdout=log, stderr=log)
            api = f"http://127.0.0.1:{web}/api/v1"
            eventually(30, "Prometheus is ready", lambda: get(f"http://127.0.0.1:{web}/-/ready"))
            key = (pathlib.Path(work) / "data/bootstrap.key").read_text().strip()

            def value(query):
                answer = json.loads(get(f"{api}/query?query={urllib.parse.quote(query)}"))
                return [sample["value"][1] for sample in answer["data"]["result"]]

            def fed(query):
                traffic(ports, key)
                return any(number not in ("NaN", "+Inf", "-Inf") for number in value(query))

            for name in sorted(name for name in recorded if not QUIET.fullmatch(name)):
                eventually(60, f"{name} has data", lambda name=name: fed(name))
            for query in queries:
                value(query)  # An error of the query is an HTTP 400.
            check(value('count(ALERTS{alertname="Watchdog", alertstate="firing"})') == ["1"], "the Watchdog is silent")
            firing = json.loads(get(f"{api}/alerts"))["data"]["alerts"]
            names = {alert["labels"]["alertname"] for alert in firing if alert["state"] == "firing"}
            check(names == {"Watchdog"}, f"alerts over a healthy mesh: {names}")
        finally:
            for process in (prometheus, mesh):
                if process:
                    process.terminate()
                    process.wait(30)
            log.close()


def configured(work, ports):
    """The shipped configuration with other targets, and scrapes and rules every second."""
    folder = pathlib.Path(work) / "prometheus"
    subprocess.run(["cp", "-r", str(TOP), str(folder)], check=True)
    for service, port in ports.items():
        (folder / f"targets/{service}.yml").write_text(
            f"- targets: [127.0.0.1:{port}]\n  labels: {{service: {service}}}\n")
    config = folder / "prometheus.yml"
    config.write_text(re.sub(r"(scrape|evaluation)_interval: \S+", r"\1_interval: 1s", config.read_text()))
    for rules in folder.glob("rules/*.yml"):
        rules.write_text(re.sub(r"interval: (30s|1m)", "interval: 1s", rules.read_text()))
    return config


def traffic(ports, key):
    """Through the public doors: a tool call, and a list over HTTP."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "check", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
               "params": {"name": "mesh_whoami", "arguments": {}, "_meta": meta}}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json",
               "accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28",
               "mcp-method": "tools/call", "mcp-name": "mesh_whoami"}
    get(f"http://127.0.0.1:{ports['mcp-server']}/mcp", headers, json.dumps(message).encode())
    get(f"http://127.0.0.1:{ports['rest-api']}/api/v1/tools", {"authorization": f"Bearer {key}"})


recorded, queries = static()
live(sys.argv[1], recorded, queries)
for failure in failures:
    print(failure)
print(f"{len(recorded)} recording rules with data, {len(queries)} queries, {len(list(RUNBOOKS.glob('*.md')))} runbooks")
sys.exit(1 if failures else 0)
