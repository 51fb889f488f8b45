#!/usr/bin/env python3
"""Runs every `sh` block of the documents named, in order, and compares what it prints with the `text` block after it.

In a `text` block `…` stands for anything within a line, and a line that is only `…` for any lines. A block that is marked
`sh eventually` is asked again until it fits, for what arrives a moment later. A block that begins with `./scripts/up` keeps
running, on a terminal of its own, until the document ends. Programs come from target/debug unless --profile says otherwise.
"""

import argparse, os, pty, re, select, signal, subprocess, sys, tempfile, time

START = 900  # seconds that a server may take to build and start
RETRY = 15  # seconds that something may take to arrive
BLOCK = re.compile(r"^```(sh|sh eventually|text)\n(.*?)^```$", re.S | re.M)


def blocks(path):
    """(line, kind, script, expected or None) of each sh block."""
    text = open(path, encoding="utf-8").read()
    found = [(text[: m.start()].count("\n") + 1, m[1], m[2], m.start(), m.end()) for m in BLOCK.finditer(text)]
    out = []
    for i, (line, kind, body, _, end) in enumerate(found):
        if kind == "text":
            continue
        follows = i + 1 < len(found) and found[i + 1][1] == "text" and text[end : found[i + 1][3]].strip() == ""
        out.append((line, kind, body, found[i + 1][2] if follows else None))
    return out


def fits(expected, printed):
    """Runs of blanks count as one, since columns are as wide as what is in them."""
    folded = lambda text: [" ".join(line.split()) for line in text.rstrip("\n").split("\n")]
    pattern = ""
    for line in folded(expected):
        whole = ".*".join(re.escape(part) for part in line.split("…"))
        pattern += r"(?:.*\n)*?" if line == "…" else whole.replace(r"\ .*\ ", r"\ .*?\ ?") + r"\n"
    return re.fullmatch(pattern, "\n".join(folded(printed)) + "\n") is not None


class Session:
    """One shell for a whole document, and the server that it started."""

    def __init__(self, profile, env):
        self.profile, self.env, self.server = profile, env, None

    def prepared(self, script):
        return script.replace("target/up/", "target/debug/") if self.profile == "dev" else script

    def run(self, script):
        done = subprocess.run(
            ["bash", "-c", self.prepared(script)], env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START,
        )
        return done.stdout

    def start(self, script, expected):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("bash", ["bash", "-c", "exec " + script.strip()], self.env)
        self.server, printed, deadline = (pid, terminal), "", time.time() + START
        while time.time() < deadline:
            ready, _, _ = select.select([terminal], [], [], 0.2)
            if ready:
                try:
                    printed += os.read(terminal, 65536).decode(errors="replace").replace("\r\n", "\n")
                except OSError:
                    break
            # What the build says before is not the document's matter.
            begin = printed.find(expected.split("…")[0].split("\n")[0])
            if begin >= 0 and fits(expected, printed[begin:]):
                return printed[begin:]
        return printed

    def stop(self):
        if not self.server:
            return 0
        pid, terminal = self.server
        os.kill(pid, signal.SIGTERM)
        deadline = time.time() + 40
        while time.time() < deadline:
            ready, _, _ = select.select([terminal], [], [], 0.1)
            if ready:
                try:
                    os.read(terminal, 65536)
                except OSError:
                    pass
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "killed after 40 s"


def check(session, line, kind, script, expected):
    """None, or what was printed instead."""
    if script.startswith("./scripts/up"):
        printed = session.start(script, expected)
        begin = printed.find(expected.split("…")[0].split("\n")[0])
        return None if begin >= 0 and fits(expected, printed[begin:]) else printed
    deadline = time.time() + (RETRY if kind == "sh eventually" else 0)
    while True:
        printed = session.run(script)
        if expected is None or fits(expected, printed):
            return None
        if time.time() >= deadline:
            return printed
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", default="dev")
    parser.add_argument("documents", nargs="+")
    arguments = parser.parse_args()
    passed = failed = 0
    for path in arguments.documents:
        with tempfile.TemporaryDirectory() as work:
            # What the run says to the Rust tests is no setting of the mesh.
            inherited = {name: value for name, value in os.environ.items() if not name.startswith("DEVMESH_")}
            env = dict(inherited, DEVMESH_DATA=os.path.join(work, "mesh"), BUILD_PROFILE=arguments.profile, NO_COLOR="1")
            session = Session(arguments.profile, env)
            try:
                for line, kind, script, expected in blocks(path):
                    wrong = check(session, line, kind, script, expected)
                    passed, failed = passed + (wrong is None), failed + (wrong is not None)
                    print(f"{'ok  ' if wrong is None else 'FAIL'} {path}:{line} {script.strip().splitlines()[0]}")
                    if wrong is not None:
                        print("--- expected\n" + (expected or "").rstrip() + "\n--- printed\n" + wrong.rstrip() + "\n---")
            finally:
                code = session.stop()
            ended = code == 0
            passed, failed = passed + ended, failed + (not ended)
            print(f"{'ok  ' if ended else 'FAIL'} {path}: what it started ended with exit code {code}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
