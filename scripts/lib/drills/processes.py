"""Programs that a drill starts, stops, freezes and starts again; each ended by its process id."""

import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


class Missed(Exception):
    """Something that a drill waited for did not happen."""


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def eventually(seconds, what, probe):
    """What `probe` finds, asked until it finds something."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            if found := probe():
                return found
        except (OSError, ValueError) as problem:
            last = problem
        if time.monotonic() > deadline:
            raise Missed(f"{what}: not within {seconds} s" + (f" ({last})" if last else ""))
        time.sleep(0.1)


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


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


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
