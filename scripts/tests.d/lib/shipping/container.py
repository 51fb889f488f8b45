"""A process as an engine for containers would run it: a root file system of its own, read-only but for its volumes; a user
without capabilities; process ids and network of its own. Needs root, and `unshare`, `nsenter`, `setpriv`, `ip`."""

import os
import pathlib
import shlex
import signal
import subprocess
import time

from repository import USER


class Container:
    """A program in the folder `root`. `mounts`: (source, target, whether it may be written); `link`: set up by network.py."""

    def __init__(self, name, root, command, environment, mounts=(), log=None, link=None, workdir="/"):
        self.name, self.root, self.log = name, pathlib.Path(root), log
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} | environment
        for _, target, _ in mounts:
            self.place(target, pathlib.Path(_source(mounts, target)).is_dir())
        script = "; ".join([*self.preparations(mounts, link is None), self.start(command, workdir)])
        # Ends with this program, however that ends.
        enter = ["setpriv", "--pdeathsig=KILL", *(["nsenter", f"--net={link}"] if link else [])]
        network = [] if link else ["--net"]
        output = open(log, "ab") if log else subprocess.DEVNULL
        self.process = subprocess.Popen([*enter, "unshare", "--mount", "--pid", "--uts", *network, "--fork", "--kill-child", "sh", "-ec", script],
                                        stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def place(self, target, folder):
        """What is mounted over has to be there, as engines see to it."""
        path = self.root / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            path.mkdir(exist_ok=True)
        elif not path.exists():
            path.write_text("")

    def preparations(self, mounts, own_network):
        root = shlex.quote(str(self.root))
        yield "mount --make-rprivate /"
        yield f"mount --bind {root} {root}"
        yield f"mount -o remount,bind,ro {root}"
        if own_network:
            yield "ip link set lo up"
        yield f"hostname {self.name}"
        yield f"mount -t proc proc {root}/proc"
        yield f"mount -t tmpfs -o size=16m,mode=1777,noexec,nosuid tmpfs {root}/tmp"
        for device in ("null", "urandom"):
            yield f"mount --bind /dev/{device} {root}/dev/{device}"
        for source, target, writable in mounts:
            place = shlex.quote(str(self.root / target.lstrip("/")))
            yield f"mount --bind {shlex.quote(str(source))} {place}"
            if not writable:
                yield f"mount -o remount,bind,ro {place}"

    def start(self, command, workdir):
        variables = [f"{key}={value}" for key, value in self.environment.items()]
        # chroot knows no working directory, and there is no shell inside: env has one.
        inside = ["chroot", f"--userspec={USER}:{USER}", "--groups=", str(self.root), *command]
        return f"cd / && exec {shlex.join(['env', '-i', *variables, 'setpriv', '--no-new-privs', *inside])}"

    def pid(self):
        """The program itself: the one child of `unshare`."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                return int(children[0])
            assert self.process.poll() is None, f"{self.name} did not start"
            time.sleep(0.02)
        raise AssertionError(f"{self.name} has no process")

    def run(self, command, **more):
        """A command in the same container, as its user: what `docker exec` does, also for health checks."""
        enter = ["nsenter", f"--target={self.pid()}", "--mount", "--pid", "--net", "--root", "--wd", f"--setuid={USER}", f"--setgid={USER}"]
        variables = {"PATH": os.environ["PATH"]}
        inside = [*enter, "--", *command]
        return subprocess.run(inside, env=variables | self.environment | {"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=30, **more)

    def well_within(self, seconds, health):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            if self.run(health).returncode == 0:
                return True
            time.sleep(0.2)
        return False

    def status(self, field):
        lines = pathlib.Path(f"/proc/{self.pid()}/status").read_text().splitlines()
        return next(line.split(":", 1)[1].split() for line in lines if line.startswith(f"{field}:"))

    def stop(self, seconds=40):
        """SIGTERM, as engines do; the exit code, None when it had to be killed."""
        if self.process.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        """The program itself, and with it all of its process ids: it has changed its user, so that it would outlive `unshare`."""
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def said(self):
        return pathlib.Path(self.log).read_text(errors="replace")[-1500:] if self.log else ""


def _source(mounts, target):
    return next(source for source, one, _ in mounts if one == target)
