"""The shipped Alertmanager configuration in real Alertmanagers: once with the present in business hours, once outside.

Only addresses, secrets and the hours are changed: PagerDuty, Slack, the mail server and rest-api are recorders here. The alerts
carry the labels of the shipped rules. Then scripts/silence and the Kubernetes hook, against the same Alertmanager.

    python check_alertmanager.py
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import yaml

from lib.waiting import free_ports, seen_within
from recorders import Http, Mail

PACK = pathlib.Path("deploy/monitoring")
RULES = {rule["alert"]: rule for path in sorted(PACK.glob("prometheus/alerts/*.yml"))
         for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]}
KEY = "a-key-of-this-test"
failures = 0


def check(condition, what, seen=""):
    global failures
    failures += not condition
    print(f"ok: {what}" if condition else f"FAILED: {what}: {seen}", flush=True)


def eventually(seconds, probe):
    return seen_within(seconds, probe)[0]


def hours(config, inside):
    """Moves the zone so that it is about noon there, and the business hours around that or away from it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    offset = 12 - now.hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "UTC"
    there = now + datetime.timedelta(hours=offset)
    start, end = ("10:00", "15:00") if inside else ("16:00", "17:00")
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    today = days[there.weekday()]
    others = [day for day in days if day != today]
    for shipped, moved in [("&zone UTC", f"&zone {zone}"), ('"09:00"', f'"{start}"'), ('"18:00"', f'"{end}"'),
                           ('["monday:friday"]', f"[{today}]"), ("[saturday, sunday]", f"[{', '.join(others)}]")]:
        assert shipped in config, shipped
        config = config.replace(shipped, moved)
    return config


class Alertmanager:
    def __init__(self, inside):
        self.inside = inside
        self.http, self.mail = Http(), Mail()
        self.work = pathlib.Path(tempfile.mkdtemp())
        self.configure()
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        self.log = open(self.work / "log", "w")
        self.process = subprocess.Popen(
            [program, f"--config.file={self.work}/alertmanager.yml", f"--storage.path={self.work}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], stdout=self.log, stderr=self.log)

    def configure(self):
        shutil.copytree(PACK / "alertmanager/templates", self.work / "templates")
        secrets = self.work / "secrets"
        secrets.mkdir()
        for name, value in [("pagerduty_key", "routing-key"), ("slack_url", f"{self.http.url}/slack"),
                            ("smtp_password", "unused"), ("devmesh_key", KEY)]:
            (secrets / name).write_text(value)
        config = hours((PACK / "alertmanager/alertmanager.yml").read_text(), self.inside)
        for shipped, here in [("/etc/alertmanager/secrets", str(secrets)), ("smtp.example.com:587", self.mail.address),
                              ("smtp_require_tls: true", "smtp_require_tls: false"),
                              ("http://127.0.0.1:8081/api/v1/alerts", f"{self.http.url}/devmesh"),
                              ("  resolve_timeout: 5m", f"  resolve_timeout: 5m\n  pagerduty_url: {self.http.url}/v2/enqueue"),
                              ("      group_interval: 1m\n      continue", "      group_interval: 2s\n      continue")]:
            assert shipped in config, shipped
            config = config.replace(shipped, here)
        (self.work / "alertmanager.yml").write_text(config)

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode() if body is not None else None,
                                         headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def post(self, name, ended=False, **labels):
        """An alert as Prometheus would send it: the shipped rule's labels and annotations."""
        rule = RULES[name]
        now = datetime.datetime.now(datetime.timezone.utc)
        annotations = {key: re.sub(r"\{\{ ?\$externalLabels.runbooks ?\}\}", "docs/runbooks", value)
                       for key, value in rule["annotations"].items()}
        alert = {"labels": {"alertname": name, "environment": "test", **rule["labels"], **labels}, "annotations": annotations,
                 "startsAt": now.isoformat()}
        if ended:
            alert["endsAt"] = now.isoformat()
        self.ask("/api/v2/alerts", [alert])

    def paged(self):
        return [body["payload"]["class"] for _, body in self.http.of("/v2/enqueue") if body["event_action"] == "trigger"]

    def slacked(self):
        return [(body["attachments"][0]["title"], body["attachments"][0]["text"]) for _, body in self.http.of("/slack")]

    def reported(self, status):
        return [alert["labels"]["alertname"] for _, body in self.http.of("/devmesh") for alert in body["alerts"]
                if alert["status"] == status]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        shutil.rmtree(self.work)


def priorities(manager):
    """One alert of each priority, and aggregates with their parts; who was told what."""
    hours = "in business hours" if manager.inside else "after hours"
    check(eventually(20, lambda: manager.ask("/api/v2/status")), f"{hours}: it runs with the shipped configuration")
    manager.post("MCPServiceDegraded", service="rest-api")
    manager.post("NoActiveInstances", job="worker")
    manager.post("MCPServerDown", job="mcp-server", service="mcp-server", instance="a")
    manager.post("ServiceDown", job="worker", service="worker", instance="b")
    manager.post("QueueOld", queue="jobs")
    manager.post("HighLatency", service="mcp-server")
    manager.post("HighLatency", service="rest-api")
    manager.post("LabelOverflow", metric="x", label="tool")
    manager.post("Watchdog")
    begin = time.monotonic()
    urgent = eventually(3, lambda: {"MCPServerDown", "NoActiveInstances"} <= set(manager.paged()))
    check(urgent, f"{hours}: P0 pages within 3 s", manager.paged())
    eventually(20, lambda: manager.mail.subjects() and len(manager.slacked()) >= (1 if manager.inside else 3))
    eventually(2, lambda: time.monotonic() - begin > 13)
    titles = sorted(re.sub(r" on .*| \(\d+\)$", "", title) for title, _ in manager.slacked())
    degraded = ["MCPServiceDegraded", "QueueOld"]
    page = ["MCPServerDown", "NoActiveInstances"] + (degraded if manager.inside else [])
    slack = ["[P2] HighLatency"] if manager.inside else ["[P1] MCPServiceDegraded", "[P1] QueueOld", "[P2] HighLatency"]
    check(sorted(manager.paged()) == sorted(page), f"{hours}: PagerDuty has {', '.join(page)}", manager.paged())
    check(titles == slack, f"{hours}: Slack has {', '.join(slack)}", titles)
    check([subject for subject in manager.mail.subjects()] == ["[P3] LabelOverflow"], f"{hours}: e-mail has the P3 only",
          manager.mail.subjects())
    texts(manager, hours)


def texts(manager, hours):
    told = manager.reported("firing")
    check("ServiceDown" not in told and "Watchdog" not in told, f"{hours}: the part of an aggregate and the Watchdog stay away", told)
    check({"MCPServerDown", "QueueOld", "HighLatency", "LabelOverflow"} <= set(told), f"{hours}: rest-api hears of all priorities", told)
    services = {alert["labels"].get("service") for _, body in manager.http.of("/devmesh") for alert in body["alerts"]
                if alert["labels"]["alertname"] == "HighLatency"}
    check(services == {"mcp-server"}, f"{hours}: MCPServiceDegraded silences its own service's parts only", services)
    keys = {headers.get("Authorization") for headers, _ in manager.http.of("/devmesh")}
    check(keys == {f"Bearer {KEY}"}, f"{hours}: rest-api is shown the key of the file")
    page = next(body for _, body in manager.http.of("/v2/enqueue") if body["payload"]["class"] == "MCPServerDown")
    details = page["payload"]["custom_details"]
    well = page["payload"]["severity"] == "critical" and details["runbook"] == "docs/runbooks/MCPServerDown.md" and details["action"]
    check(well, f"{hours}: the page has severity, action and runbook", page)
    text = next(text for title, text in manager.slacked() if "HighLatency" in title)
    check("docs/runbooks/HighLatency.md" in text and "What to do" in text, f"{hours}: Slack has action and runbook", text)
    manager.post("MCPServerDown", ended=True, job="mcp-server", service="mcp-server", instance="a")
    check(eventually(8, lambda: "MCPServerDown" in manager.reported("resolved")), f"{hours}: rest-api hears that it is over",
          manager.reported("resolved"))


def silence(manager, *arguments):
    done = subprocess.run(["scripts/silence", *arguments, "--alertmanager", manager.url], capture_output=True, text=True)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def state(manager, name):
    """The alert's state at Alertmanager, and what silences it."""
    for alert in manager.ask("/api/v2/alerts"):
        if alert["labels"]["alertname"] == name:
            return alert["status"]["state"], alert["status"]["silencedBy"]
    return None, []


def silences(manager):
    code, ident, said = silence(manager, "deploy", "--for", "10m", "--version", "v1.5.0")
    check(code == 0 and ident, "scripts/silence deploy prints the silence's id", said)
    before = len(manager.paged())
    manager.post("DatabaseConnectionFailure", service="rest-api")
    check(eventually(5, lambda: state(manager, "DatabaseConnectionFailure") == ("suppressed", [ident])), "an alert is silenced by it")
    check(state(manager, "Watchdog")[0] == "active", "the Watchdog is never silenced")
    check(len(manager.paged()) == before, "nobody was paged for the silenced alert")
    code, future, said = silence(manager, "window", "--start", "now + 1 hour", "--end", "now + 2 hours", "severity=warning")
    listed = silence(manager, "list")[1].splitlines()
    check(len(listed) == 2 and "active" in listed[0] and "Deployment: v1.5.0" in listed[0] and "pending" in listed[1]
          and "severity=warning" in listed[1], "scripts/silence list shows both", listed)
    check(silence(manager, "expire", ident)[0] == 0 and eventually(
        5, lambda: state(manager, "DatabaseConnectionFailure")[0] == "active"), "expire ends it, and the alert is active")
    check(silence(manager, "expire", "--all")[1] == future and silence(manager, "list")[1] == "", "expire --all ends the rest")
    for wrong in [["deploy", "--for", "soon"], ["window", "--start", "now"], ["deploy", "nonsense"], ["expire"],
                  ["window", "--start", "now", "--end", "yesterday"]]:
        code, _, said = silence(manager, *wrong)
        check(code == 2 and said, f"scripts/silence {' '.join(wrong)} is refused", said)
    check(silence(manager, "list")[1] == "", "nothing was silenced by a refused command")
    hook(manager)


def hook(manager):
    """The script of the Kubernetes job, as the container would run it."""
    job = yaml.safe_load((PACK / "kubernetes/pre-deploy-silence.yaml").read_text())
    container = job["spec"]["template"]["spec"]["containers"][0]
    environment = {variable["name"]: variable["value"] for variable in container["env"]} | {
        "ALERTMANAGER_URL": manager.url, "DEPLOYMENT_VERSION": "v1.6.0", "PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-ec", container["args"][0]], env=environment, capture_output=True, text=True)
    check(done.returncode == 0 and "silenceID" in done.stdout, "the Kubernetes hook silences", done.stderr)
    check(eventually(5, lambda: state(manager, "DatabaseConnectionFailure")[0] == "suppressed"), "an alert is silenced by the hook")
    listed = silence(manager, "list")[1]
    check("Deployment: v1.6.0" in listed and "deploy-automation" in listed, "the hook says which version", listed)


managers = [Alertmanager(True), Alertmanager(False)]
try:
    threads = [threading.Thread(target=priorities, args=[manager]) for manager in managers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    silences(managers[0])
finally:
    for manager in managers:
        manager.stop()
print("end")
sys.exit(1 if failures else 0)
