"""Runs its arguments on a pseudo terminal of 100 by 30 and looks at what a person would see."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

PATIENCE = 60


def main(command: list[str]) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    shown = read_until(terminal, b"ALERTS")
    for word in (b"\x1b[?1049h", b"SERVICE", b"rest-api", b"mcp-server", b"worker", b"PROCESS", b"QUEUE"):
        assert word in shown, f"{word!r} is not on the screen: {shown!r}"
    os.write(terminal, b"q")
    rest = read_until(terminal, b"\x1b[?1049l")
    assert b"\x1b[?25h" in shown + rest, "the cursor stays hidden"
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"exit code {os.waitstatus_to_exitcode(status)}"


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What is printed up to and including `wanted`."""
    shown, end = b"", time.monotonic() + PATIENCE
    while wanted not in shown:
        left = end - time.monotonic()
        assert left > 0, f"{wanted!r} did not appear in {PATIENCE} s: {shown!r}"
        if select.select([terminal], [], [], left)[0]:
            shown += os.read(terminal, 65536)
    return shown


if __name__ == "__main__":
    main(sys.argv[1:])
