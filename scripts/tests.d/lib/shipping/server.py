"""PostgreSQL, RabbitMQ, Redis, HAProxy and Prometheus of this machine in the place of their images: in the container's network,
with its name, secrets and files, and the command of the Compose file; what an image's own start script does is done here."""

import os
import pathlib
import pwd
import shlex
import signal
import subprocess
import time

PROGRAMS = "/usr/lib/postgresql/15/bin:/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS = {"postgres": "postgres", "rabbitmq": "rabbitmq", "redis": "nobody", "proxy": "nobody", "prometheus": "nobody"}


class Server:
    def __init__(self, name, work, command, environment, mounts, link, volume=None):
        self.name, self.log = name, work / f"{name}.log"
        account = pwd.getpwnam(USERS[name])
        self.environment = {"PATH": PROGRAMS, "HOME": str(volume or work), "LANG": "C.UTF-8"} | environment
        if volume:
            volume.mkdir(exist_ok=True)
            os.chown(volume, account.pw_uid, account.pw_gid)
        lines = ["mount --make-rprivate /", f"hostname {name}", *self.files(work, mounts, link), f"cd {volume or '/'}"]
        variables = [f"{key}={value}" for key, value in self.environment.items()]
        self.user = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--no-new-privs"]
        script = "\n".join([*lines, f"exec {shlex.join(['env', '-i', *variables, *self.user, *command])}"])
        output = self.log.open("ab")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "nsenter", f"--net={link}", "unshare", "--mount", "--pid", "--mount-proc", "--uts", "--fork", "--kill-child", "sh", "-euc", script],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def files(self, work, mounts, link):
        """Folders that this machine has not are made on an empty one, laid over the nearest that it has."""
        hosts = work / f"{self.name}.hosts"
        hosts.write_text(f"127.0.0.1 localhost {self.name}\n")
        resolver = work / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.11\noptions ndots:0\n")
        all_of_them = [(hosts, "/etc/hosts"), (resolver, "/etc/resolv.conf"), *((source, target) for source, target, _ in mounts)]
        missing = [pathlib.Path(target) for _, target in all_of_them if not pathlib.Path(target).exists()]
        for place in sorted({next(one for one in path.parents if one.is_dir()) for path in missing}):
            yield f"mount -t tmpfs -o mode=755 tmpfs {place}"
        for source, target in all_of_them:
            yield f"mkdir -p {pathlib.Path(target).parent}"
            kind = "mkdir -p" if pathlib.Path(source).is_dir() else ": >>"
            yield f"[ -e {target} ] || {kind} {target}"
            yield f"mount --bind {shlex.quote(str(source))} {target}"

    def pid(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def run(self, command):
        pid = self.pid()
        if pid is None:
            return subprocess.CompletedProcess(command, 1, "", "not started")
        return subprocess.run(["nsenter", f"--target={pid}", "--mount", "--net", "--pid", "--uts", "--", *self.user, *command], capture_output=True,
                              text=True, timeout=60, env=self.environment)

    def well_within(self, seconds, health):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if self.run(health).returncode == 0:
                return True
            time.sleep(0.5)
        return False

    def said(self):
        return self.log.read_text(errors="replace")[-1500:]

    def stop(self, seconds=60):
        if self.process.poll() is None:
            os.kill(self.pid() or self.process.pid, signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


# The first start of the image of PostgreSQL: a cluster with the password of the file, the scripts of its folder.
POSTGRES = """set -eu
export PGDATA=$HOME/pgdata
initdb -N -A scram-sha-256 --auth-local=trust -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" >/dev/null
echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
pg_ctl -w -o "-c listen_addresses='' -c unix_socket_directories=$HOME" start >/dev/null
PGHOST=$HOME sh /docker/init.sh
pg_ctl -w -m fast stop >/dev/null
exec postgres -c listen_addresses='*' -c unix_socket_directories="$HOME"
"""
RABBITMQ = {"RABBITMQ_NODENAME": "rabbit@rabbitmq", "RABBITMQ_LOGS": "-", "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILES": "/etc/rabbitmq/conf.d"}


def start(name, service, work, mounts, link):
    """The service of the Compose file, with this machine's program."""
    volume = work / f"volume-{name}"
    environment = dict(service["environment"])
    command = service.get("command", [])
    if name == "postgres":
        mounts = [(source, "/run/docker/init.sh" if target.startswith("/docker-entrypoint-initdb.d/") else target, writable)
                  for source, target, writable in mounts]
        command = ["sh", "-c", POSTGRES.replace("/docker/", "/run/docker/")]
    if name == "rabbitmq":
        environment |= RABBITMQ | {"RABBITMQ_MNESIA_BASE": str(volume), "RABBITMQ_LOG_BASE": str(volume),
                                   "RABBITMQ_ENABLED_PLUGINS_FILE": str(volume / "plugins"), "RABBITMQ_PID_FILE": str(volume / "pid")}
        command = ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
    if name == "proxy":
        command = ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
    if name == "prometheus":
        command = ["prometheus", *[word.replace("=/prometheus", f"={volume}") for word in command]]
    mounts = [mount for mount in mounts if not (name == "prometheus" and mount[1] == "/prometheus")]
    return Server(name, work, command, environment, mounts, link, volume)
