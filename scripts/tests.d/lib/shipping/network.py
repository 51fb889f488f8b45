"""Networks between containers, as engines make them: a bridge for each, a pair of interfaces for each container on it, and names
that are answered at 127.0.0.11 with the addresses of the replicas on the networks of whoever asks.

Expects to run in a network namespace and a mount namespace of its own (`unshare --net --mount`), as root.
"""

import ctypes
import os
import socket
import struct
import subprocess
import threading

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Networks:
    def __init__(self, names):
        self.numbers = {name: number for number, name in enumerate(names, 1)}
        self.bridges = {name: f"br{number}" for name, number in self.numbers.items()}
        # Of each container: its service, its name space, its address in each of its networks.
        self.members = {}
        self.interfaces = 0
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        ip("link", "set", "lo", "up")
        for name, bridge in self.bridges.items():
            ip("link", "add", "name", bridge, "type", "bridge")
            ip("addr", "add", f"10.88.{self.numbers[name]}.1/24", "dev", bridge)
            ip("link", "set", bridge, "up")

    def attach(self, container, service, networks):
        """A network name space for a container; its path."""
        ip("netns", "add", container)
        ip("-n", container, "link", "set", "lo", "up")
        addresses = {}
        for at, network in enumerate(networks):
            self.interfaces += 1
            outer, inner = f"veth{self.interfaces}", f"eth{at}"
            ip("link", "add", "name", outer, "type", "veth", "peer", "name", inner, "netns", container)
            ip("link", "set", outer, "master", self.bridges[network], "up")
            addresses[network] = f"10.88.{self.numbers[network]}.{len(self.members) + 10}"
            ip("-n", container, "addr", "add", f"{addresses[network]}/24", "dev", inner)
            ip("-n", container, "link", "set", inner, "up")
        self.members[container] = (service, addresses)
        ready = threading.Event()
        threading.Thread(target=self.answer_names, args=(container, ready), daemon=True).start()
        assert ready.wait(10), "no name server"
        return f"/run/netns/{container}"

    def leave(self, container):
        self.members.pop(container)

    def addresses(self, asker, name):
        mine = set(self.members[asker][1]) if asker in self.members else set()
        return [address for container, (service, addresses) in self.members.items() if name in (service, container)
                for network, address in addresses.items() if network in mine]

    def answer_names(self, container, ready):
        with open(f"/run/netns/{container}") as space:
            if libc.setns(space.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.11", 53))
        ready.set()
        while True:
            question, sender = server.recvfrom(4096)
            server.sendto(self.answer(container, question), sender)

    def answer(self, container, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        question = packet[12:at + 5]
        kind = struct.unpack(">H", packet[at + 1:at + 3])[0]
        found = self.addresses(container, ".".join(labels).lower())
        records = [b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(address) for address in found if kind == 1]
        code = 0 if found else 3
        head = packet[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0)
        return head + question + b"".join(records)


def publish(port, target):
    """What an engine does for `ports`: connections to the port of this host go on to the container."""
    server = socket.create_server(("127.0.0.1", port))

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def accept():
        while True:
            client, _ = server.accept()
            try:
                upstream = socket.create_connection((target, port), 5)
            except OSError:
                client.close()
                continue
            for pair in [(client, upstream), (upstream, client)]:
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def own_name_spaces():
    """Starts this program again in name spaces of its own, unless it is in them."""
    if os.environ.get("OWN_NAME_SPACES") != "yes":
        import sys

        os.environ["OWN_NAME_SPACES"] = "yes"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--", sys.executable, *sys.argv])
