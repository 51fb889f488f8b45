"""Callers of a drill: they come through the public doors, as agents and people do."""

import http.client
import json
import threading
import time
import urllib.parse

VERSION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "drill", "version": "1"}}


def request(address, method, path, key=None, body=None, headers=None, timeout=30):
    """Status and body of one HTTP request; bodies are JSON."""
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        sent = {"content-type": "application/json", **(headers or {})}
        if key:
            sent["authorization"] = f"Bearer {key}"
        connection.request(method, path, json.dumps(body) if body is not None else None, sent)
        answer = connection.getresponse()
        text = answer.read()
        try:
            return answer.status, json.loads(text or b"null")
        except ValueError:
            return answer.status, text.decode(errors="replace")
    finally:
        connection.close()


def call_tool(address, key, tool, arguments=None, timeout=60):
    """One MCP tool call of the stateless era."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments or {}, "_meta": META}}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": VERSION,
               "mcp-method": "tools/call", "mcp-name": tool}
    return request(address, "POST", "/mcp", key, body, headers, timeout)


def call_async(address, key, tool, arguments=None):
    return request(address, "POST", f"/api/v1/tools/{urllib.parse.quote(tool)}/calls?mode=async", key,
                   {"arguments": arguments or {}})


class Callers:
    """Threads that call something over and over, each with a pause; what fails is the drill's business, not theirs."""

    def __init__(self, threads, pause, act):
        self.stopped = threading.Event()
        self.statuses = {}
        self.lock = threading.Lock()
        self.pause, self.act = pause, act
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                status = self.act()[0]
            except (OSError, http.client.HTTPException) as problem:
                status = type(problem).__name__
            with self.lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
            self.stopped.wait(max(0.0, self.pause - (time.monotonic() - began)))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(70)
