"""Services that are gone, and come back again and again; certificates that end; back-ups that are old."""

import datetime
import io
import json
import os
import subprocess
import tarfile

from ...waiting import eventually
from ..registry import MENDED, arrives, scene


@scene("edge-gone", "MCPServerDown NoActiveInstances", "one replica of mcp-server is killed (SIGKILL), then the other one", quick=True,
       fires_within=40, ends_within=60)
def edge_gone(lab, stack):
    replicas = [lab["mcp-server-1"], lab["mcp-server-2"]]
    replicas[0].kill()
    yield arrives("MCPServerDown")
    replicas[1].kill()
    yield arrives("NoActiveInstances", held_back="MCPServerDown")
    for replica in replicas:
        replica.start()
    yield MENDED


@scene("worker-hangs", "ServiceDown", "one of two workers is frozen (SIGSTOP): it neither answers nor ends", quick=True, fires_within=40, ends_within=60)
def worker_hangs(lab, stack):
    lab["worker-2"].freeze()
    try:
        yield arrives()
    finally:
        lab["worker-2"].thaw()
    yield MENDED


@scene("worker-flaps", "ServiceFlapping", "a worker is killed five times, right after it was ready each time", fires_within=60)
def worker_flaps(lab, stack):
    started = f'process_start_time_seconds{{instance="{lab.address["worker-2"]}"}}'
    for _ in range(5):
        before = stack.value(started)
        lab["worker-2"].kill()
        lab["worker-2"].start()
        eventually(20, "the new start is scraped", lambda before=before: stack.value(started) not in (None, before))
    yield arrives()
    yield MENDED


def certificate(folder, days):
    """A certificate and its key, in place of those that are there."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                    "-days", str(days), "-out", folder / "cert.pem", "-keyout", folder / "key.pem"], check=True, capture_output=True)


@scene("certificate-ends", "CertificateExpiringSoon", "the certificate of a second rest-api's gRPC is replaced by one that ends in three days",
       scale=60, fires_within=150)
def certificate_ends(lab, stack):
    folder = lab.folder / "tls"
    certificate(folder, 90)
    tls = {"CERTIFICATE": str(folder / "cert.pem"), "KEY": str(folder / "key.pem"), "RELOAD": "1s"}
    with lab.beside("rest-api", {f"DEVMESH_GRPC__LISTEN__TLS__{name}": value for name, value in tls.items()}) as address:
        stack.scrape("rest-api", address)
        ends = f'tls_certificate_expiry_timestamp_seconds{{instance="{address}"}}'
        eventually(30, "the certificate is scraped", lambda: stack.value(ends))
        certificate(folder, 3)
        yield arrives()
        certificate(folder, 90)
        yield MENDED


def aged(archive, hours):
    """The back-up, as one that was made some hours ago."""
    with tarfile.open(archive) as tar:
        parts = [(member, tar.extractfile(member).read()) for member in tar]
    with tarfile.open(archive, "w") as tar:
        for member, content in parts:
            if member.name == "manifest.json":
                manifest = json.loads(content)
                then = datetime.datetime.fromisoformat(manifest["made_at"][:19] + "+00:00") - datetime.timedelta(hours=hours)
                content = json.dumps(manifest | {"made_at": then.isoformat()}).encode()
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@scene("backup-old", "BackupTooOld", "the database of a second rest-api is restored from a back-up of 27 hours ago, and nobody makes a new one",
       scale=60, fires_within=150)
def backup_old(lab, stack):
    folder = lab.folder / "backup"
    folder.mkdir(exist_ok=True)
    own = {"DATABASE_URL": f"sqlite:{folder}/mesh.db", "DEVMESH_DATA_DIR": str(folder / "data")}

    def devmesh(*arguments):
        subprocess.run([lab.binaries / "devmesh", *arguments, "--for", "rest-api", "--data", folder / "data"], check=True,
                       stdout=subprocess.DEVNULL, cwd=folder, env={"PATH": os.environ["PATH"]} | lab.settings("rest-api") | own)

    with lab.beside("rest-api", own):
        devmesh("backup", folder / "old.tar")
    aged(folder / "old.tar", 27)
    devmesh("restore", folder / "old.tar", "--replace")
    with lab.beside("rest-api", own) as address:
        stack.scrape("rest-api", address)
        yield arrives()
        devmesh("backup", folder / "new.tar")
        yield MENDED


@scene("prometheus-gone", "Watchdog", "Prometheus itself is killed: its Watchdog is no longer renewed, which is what a dead man's switch waits for",
       quick=True, fires_within=30, ends_within=60)
def prometheus_gone(lab, stack):
    yield arrives()
    stack.prometheus.kill()
    yield MENDED
