"""Agents of a drill on WebSocket connections, in text or in binary (docs/websocket-protocol.md)."""

import base64
import contextlib
import json
import os
import socket
import struct
import threading

from ..waiting import Missed

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
REQUEST, NOTIFICATION = 0, 2


class Wire:
    """A connection that has said `initialize`. Once it listens, pings are answered; `heard` gets each text."""

    def __init__(self, address, key, binary=False, buffer=None):
        host, port = address.split(":")
        self.binary, self.seq, self.stopped = binary, 0, threading.Event()
        self.lock = threading.Lock()
        self.socket = socket.socket()
        self.socket.settimeout(60)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect((host, int(port)))
        self.input = self.socket.makefile("rb")
        self.socket.sendall((f"GET /ws HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                             f"sec-websocket-version: 13\r\nsec-websocket-key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                             f"sec-websocket-protocol: mcp.v1\r\nauthorization: Bearer {key}\r\n\r\n").encode())
        status = self.input.readline().decode()
        while self.input.readline().strip():
            pass
        if " 101 " not in status:
            raise Missed(f"/ws answers {status.strip()}")
        self.threads = []
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "drill", "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def also(self, *targets):
        """Runs these beside, until the end."""
        for target in targets:
            thread = threading.Thread(target=target, daemon=True)
            self.threads.append(thread)
            thread.start()

    def request(self, method, params):
        """Its number."""
        with self.lock:
            self.seq += 1
            number = self.seq
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    def heard(self, message):
        """What comes as text, read."""

    def send(self, message):
        payload = json.dumps(message).encode()
        if not self.binary:
            return self._frame(TEXT, payload)
        kind = REQUEST if "id" in message else NOTIFICATION
        return self._frame(BINARY, b"MCPW" + struct.pack(">BBHQHHI", 1, kind, 0, 0, 0, 0, len(payload)) + payload)

    def _frame(self, opcode, payload):
        size = len(payload)
        length = (struct.pack(">B", 0x80 | size) if size < 126 else struct.pack(">BH", 0x80 | 126, size) if size < 1 << 16
                  else struct.pack(">BQ", 0x80 | 127, size))
        # Masked with zeros: a mask is asked for, not that it hides anything.
        with self.lock:
            self.socket.sendall(bytes([0x80 | opcode]) + length + bytes(4) + payload)

    def listen(self):
        with contextlib.suppress(OSError, ValueError):
            while head := self.input.read(2):
                length = head[1] & 0x7F
                if length > 125:
                    length = int.from_bytes(self.input.read(2 if length == 126 else 8), "big")
                payload = self.input.read(length)
                if head[0] & 0x0F == TEXT:
                    self.heard(json.loads(payload))
                if head[0] & 0x0F == PING:
                    self._frame(PONG, payload)
                if head[0] & 0x0F == CLOSE:
                    return

    def close(self):
        self.stopped.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        self.socket.close()


class Connection(Wire):
    """Sends requests over and over, and reads whatever comes."""

    def __init__(self, address, key, binary):
        super().__init__(address, key, binary)
        self.also(self.listen, self._talk)

    def _talk(self):
        with contextlib.suppress(OSError):
            while not self.stopped.wait(0.3):
                self.request("tools/list", {})
                self.request("tools/call", {"name": "shop_answer", "arguments": {}})
                if not self.binary:
                    self._frame(TEXT, b"no message")


@contextlib.contextmanager
def agents(lab):
    """One in binary at one replica, one in text at the other."""
    open_now = [Connection(lab.address["mcp-server-1"], lab.key, True), Connection(lab.address["mcp-server-2"], lab.key, False)]
    try:
        yield
    finally:
        for one in open_now:
            one.close()
