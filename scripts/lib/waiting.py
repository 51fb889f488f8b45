"""Waiting for what comes by itself, and ports that are free: for every Python program below scripts/."""

import socket
import time


class Missed(Exception):
    """Something that was waited for did not happen."""


def seen_within(seconds, probe):
    """What `probe` finds, asked until it finds something; after that time whatever it found last. Also why it found nothing."""
    deadline = time.monotonic() + seconds
    while True:
        found, problem = None, None
        try:
            found = probe()
        except (OSError, ValueError) as raised:
            problem = raised
        if found or time.monotonic() > deadline:
            return found, problem
        time.sleep(0.1)


def eventually(seconds, what, probe):
    """What `probe` finds, asked until it finds something; to find nothing is a miss."""
    found, problem = seen_within(seconds, probe)
    if not found:
        raise Missed(f"{what}: not within {seconds} s" + (f" ({problem})" if problem else ""))
    return found


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
