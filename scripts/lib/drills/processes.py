"""Programs that a drill starts, stops, freezes and starts again; each ended by its process id."""

import os
import pathlib
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from ..waiting import Missed, eventually


def end_in_order():
    """SIGTERM ends us as an exception does, so that what was started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


class Process:
    """A program with an environment of its own, which can be started again as it was."""

    def __init__(self, name, command, folder, environment=None, ready=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.folder = pathlib.Path(folder)
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **(environment or {})}
        self.ready = ready
        self.log = self.folder / f"{name}.log"
        self.running = None

    def start(self, wait=60):
        with open(self.log, "ab") as log:
            self.running = subprocess.Popen(self.command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        if self.ready and wait:
            self.wait_ready(wait)
        return self

    def wait_ready(self, seconds=60):
        def probe():
            if self.running.poll() is not None:
                raise Missed(f"{self.name} ended: {self.log.read_text(errors='replace')[-600:]}")
            return answers(self.ready)

        eventually(seconds, f"{self.name} is ready", probe)

    def signal(self, number):
        self.running.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.running.wait()

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        if self.running is None or self.running.poll() is not None:
            return
        self.signal(signal.SIGCONT)
        self.running.terminate()
        try:
            self.running.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()

    def again(self):
        self.stop()
        self.start()


def descendants(pid):
    """The process ids below one, from /proc."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def listener(port, pids):
    """Which of these processes listens on the port."""
    inodes = set()
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    for pid in pids:
        try:
            if any(os.readlink(link) in inodes for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()):
                return pid
        except OSError:
            continue
    raise Missed(f"none of our processes listens on port {port}")


class Tree:
    """A server with the processes below it, which are frozen and thawed together."""

    def __init__(self, root):
        self.root = root

    def _send(self, number, pids):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def freeze(self):
        self._send(signal.SIGSTOP, [self.root, *descendants(self.root)])

    def thaw(self):
        self._send(signal.SIGCONT, [self.root, *descendants(self.root)])

    def kill(self):
        """Ends all of it at once, and remembers how it was started."""
        of = pathlib.Path(f"/proc/{self.root}")
        self.command = of.joinpath("cmdline").read_bytes().decode().split("\0")[:-1]
        self.environment = dict(one.split("=", 1) for one in of.joinpath("environ").read_bytes().decode().split("\0") if "=" in one)
        self.folder, self.program = os.readlink(of / "cwd"), os.readlink(of / "exe")
        self.owner = of.stat()
        if "-D" in self.command:  # PostgreSQL goes into its data directory, which was named from outside of it
            self.command[self.command.index("-D") + 1] = self.folder
        self._send(signal.SIGKILL, [self.root, *descendants(self.root)])

    def start_again(self):
        """As it was started before; ended with us, and not by those who started it first."""
        # Until its parent has heard of its end, its process id looks alive to the next PostgreSQL.
        pathlib.Path(self.folder, "postmaster.pid").unlink(missing_ok=True)
        root = os.getuid() == 0
        return subprocess.Popen(self.command, executable=self.program, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self.owner.st_uid if root else None,
                                group=self.owner.st_gid if root else None, extra_groups=[] if root else None)
