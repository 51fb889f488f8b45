"""`devmesh doctor` beside a Prometheus and an Alertmanager that see a real mesh."""

import json
import signal
import subprocess

import yaml

from ..waiting import eventually, seen_within


def asked(lab, *arguments):
    """Its rows by the name of the check, and its exit code."""
    services = ["--url", f"http://{lab.address['rest-api']}", "--mcp-url", f"http://{lab.address['mcp-server-1']}/mcp",
                "--worker-url", f"http://{lab.address['worker-1']}"]
    command = [lab.binaries / "devmesh", "--output", "json", *services[:4], "doctor", *services[4:], *arguments]
    done = subprocess.run(command, text=True, capture_output=True, check=False, cwd=lab.folder,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(lab.folder), "DEVMESH_API_KEY": lab.key})
    return {row["check"]: row for row in json.loads(done.stdout or "[]")}, done


def prometheus(lab, stack, expected):
    """`--prometheus` finds exactly this wrong, the check and how what it found begins, once every scrape came in time: on a
    busy machine one may be late, and its target is down until the next."""
    problems = []

    def fits():
        problems[:] = amiss(lab, stack, expected)
        return not problems

    seen_within(60, fits)
    return problems


def amiss(lab, stack, expected):
    rows, done = asked(lab, "--prometheus", stack.prometheus_url)
    wrong = {check: row["found"] for check, row in rows.items() if row["verdict"] == "fail"}
    fits = set(wrong) == set(expected) and all(wrong[check].startswith(text) for check, text in expected.items())
    fits = fits and done.returncode == (1 if expected else 0) and "panels" in rows
    return [] if fits else [f"doctor --prometheus finds {wrong} in place of {expected}: {done.returncode} {done.stderr[-300:]}"]


def mislabelled(lab, stack):
    """A scrape without honor_labels, and one under another name: both are named. Prometheus stays so; nothing is asked after this."""
    file = stack.folder / "prometheus/prometheus.yml"
    config = yaml.safe_load(file.read_text())
    for job in config["scrape_configs"]:
        if job["job_name"] == "worker":
            job["honor_labels"] = False
        if job["job_name"] == "rest-api":
            job["job_name"] = "api"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    stack.prometheus.signal(signal.SIGHUP)
    eventually(30, "Prometheus scrapes as it was told", lambda: stack.query('{exported_service!=""}') and not stack.query('up{job="rest-api"}'))
    rows, done = asked(lab, "--prometheus", stack.prometheus_url)
    wrong = {check: row["found"] for check, row in rows.items() if row["verdict"] == "fail"}
    named = {"labels": "mislabelled: worker has exported_service", "target rest-api": "no target with this job"}
    return [f"doctor --prometheus does not say {text!r} of {check}: {wrong}" for check, text in named.items()
            if not wrong.get(check, "").startswith(text)] + ([] if done.returncode == 1 else [f"doctor ends with {done.returncode}"])


def weekly(lab, stack):
    """`--weekly` has the trends of this Prometheus, as far as there is a week, and what fires at this Alertmanager."""
    before = told_of(stack)
    rows, done = asked(lab, "--weekly", "--prometheus", stack.prometheus_url, "--alerts", stack.alertmanager_url)
    firing = sorted(before & told_of(stack))
    found = {check: (row["verdict"], row["found"]) for check, row in rows.items()}
    problems = [] if firing else ["no alert fires for doctor --weekly"]
    for check, verdicts, text in [("error budget of 30 days", ("ok", "warn"), "% left"),
                                  ("requests against the week before", ("skip",), ""), *(("alerts firing", ("warn",), name) for name in firing)]:
        verdict, said = found.get(check, ("missing", ""))
        if verdict not in verdicts or text not in (said or ""):
            problems.append(f"doctor --weekly says of {check!r}: {verdict}, {said!r}; {done.stderr[-300:]}")
    return problems


def told_of(stack):
    known, suppressed = stack.alerts()
    return known - suppressed - {"Watchdog"}
