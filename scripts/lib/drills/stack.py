"""Prometheus and Alertmanager of a drill, on the shipped files in scaled time, and the webhook that Alertmanager reports to."""

import json
import pathlib
import shutil
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

from .. import time_scale
from ..waiting import free_ports
from .processes import Process

# Takes every alert at once, for the incident lines; people are told by the others.
MACHINE = "devmesh"
RUNBOOKS = "https://runbooks.example/devmesh"


class Recorder:
    """Takes what Alertmanager sends and remembers who got what and when."""

    def __init__(self):
        self.seen = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    recorder.seen.append({"at": time.time(), "receiver": self.path.strip("/"), "status": alert["status"],
                                          "name": alert["labels"]["alertname"], "labels": alert["labels"],
                                          "annotations": alert["annotations"], "startsAt": alert["startsAt"]})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def first(self, name, status, since=0.0, but=None):
        """The first notice of an alert in this state, at any receiver but one."""
        return next((one for one in list(self.seen) if (one["name"], one["status"]) == (name, status)
                     and one["at"] >= since and one["receiver"] != but), None)

    def close(self):
        self.server.shutdown()


class Stack:
    def __init__(self, lab, folder, scale):
        self.lab, self.folder, self.scale = lab, pathlib.Path(folder), scale
        self.recorder = Recorder()
        web, alerts = free_ports(2)
        self.prometheus_url, self.alertmanager_url = f"http://127.0.0.1:{web}", f"http://127.0.0.1:{alerts}"
        time_scale.generate(self.folder, scale)
        self._targets()
        self._receivers()
        scale = scale or 1
        resend = time_scale.written(60 / scale)
        self.prometheus = Process("prometheus", [
            "prometheus", f"--config.file={self.folder}/prometheus/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{web}", f"--rules.alert.resend-delay={resend}",
            f"--query.lookback-delta={time_scale.written(max(300 / scale, 3))}"], self.folder, ready=f"{self.prometheus_url}/-/ready")
        self.alertmanager = Process("alertmanager", [
            shutil.which("alertmanager") or "prometheus-alertmanager", f"--config.file={self.folder}/alertmanager/alertmanager.yml",
            f"--storage.path={self.folder}/am", f"--web.listen-address=127.0.0.1:{alerts}", "--cluster.listen-address="],
            self.folder, ready=f"{self.alertmanager_url}/-/ready")

    def start(self):
        self.alertmanager.start()
        self.prometheus.start()
        return self

    def stop(self):
        self.prometheus.stop()
        self.alertmanager.stop()
        self.recorder.close()

    def _targets(self):
        for service in ("mcp-server", "rest-api", "worker"):
            self.scrape(service)
        file = self.folder / "prometheus/prometheus.yml"
        config = yaml.safe_load(file.read_text())
        config["global"]["external_labels"]["runbooks"] = RUNBOOKS
        config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [self.alertmanager_url.removeprefix("http://")]}]}]
        config["scrape_configs"] = [job for job in config["scrape_configs"]
                                    if job["job_name"] in ("mcp-server", "rest-api", "worker")]
        file.write_text(yaml.safe_dump(config, sort_keys=False))

    def scrape(self, service, *more):
        """Scrapes what the lab has of a service, and these addresses; Prometheus sees that the file changed."""
        addresses = [address for name, address in self.lab.address.items() if name.startswith(service)]
        (self.folder / f"prometheus/targets/{service}.yml").write_text(
            yaml.safe_dump([{"targets": [*addresses, *more], "labels": {"service": service}}]))

    def _receivers(self):
        """Every receiver becomes a webhook of ours; routes, waits and inhibition stay as shipped."""
        file = self.folder / "alertmanager/alertmanager.yml"
        config = yaml.safe_load(file.read_text())
        config.pop("templates", None)
        config["global"] = {key: value for key, value in config.get("global", {}).items() if key == "resolve_timeout"}
        for receiver in config["receivers"]:
            name = receiver["name"]
            shipped = receiver.get("webhook_configs", [])
            receiver.clear()
            receiver |= {"name": name, "webhook_configs": [{"url": f"{self.recorder.url}/{name}", "send_resolved": True}]}
            if name == MACHINE:
                receiver["webhook_configs"] += self._mesh(shipped)
        file.write_text(yaml.safe_dump(config, sort_keys=False))

    def _mesh(self, shipped):
        """rest-api's own door, as shipped, at the address and with the key of this mesh."""
        key = self.folder / "devmesh_key"
        key.write_text(self.lab.alerts_key)
        for one in shipped:
            one["url"] = f"http://{self.lab.address['rest-api']}/api/v1/alerts"
            one["http_config"]["authorization"]["credentials_file"] = str(key)
        return shipped

    # --- what is asked ---

    def query(self, expression):
        url = f"{self.prometheus_url}/api/v1/query?query={urllib.parse.quote(expression)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def firing(self):
        """What Prometheus fires; nothing when it is not there."""
        if self.prometheus.running.poll() is not None:
            return set()
        return {one["metric"]["alertname"] for one in self.query('ALERTS{alertstate="firing"}')}

    def known(self):
        """What Alertmanager has."""
        with urllib.request.urlopen(f"{self.alertmanager_url}/api/v2/alerts", timeout=10) as answer:
            return json.load(answer)

    def alerts(self):
        """The names of the alerts that Alertmanager has, and of those that another one holds back in every instance."""
        alerts = self.known()
        names = {one["labels"]["alertname"] for one in alerts}
        return names, names - {one["labels"]["alertname"] for one in alerts if not one["status"]["inhibitedBy"]}

    def suppressed(self):
        return self.alerts()[1]

    def value(self, expression):
        numbers = [float(one["value"][1]) for one in self.query(expression)]
        return numbers[0] if numbers else None

