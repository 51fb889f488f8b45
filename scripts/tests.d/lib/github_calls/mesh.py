"""As much of an MCP client as it takes to list and call tools (Streamable HTTP, 2025-11-25)."""

import http.client
import json
import sys
from urllib.parse import urlsplit


class Mesh:
    """A session with the mesh."""

    def __init__(self, url, key):
        self.url, self.number = urlsplit(url), 0
        self.connection = http.client.HTTPConnection(self.url.netloc, timeout=120)
        self.headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "calls", "version": "1"}}
        headers, _ = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
        self.headers |= {"Mcp-Session-Id": headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def post(self, message):
        self.connection.request("POST", self.url.path, json.dumps(message), self.headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 300, f"{answer.status}: {text}"
        if answer.getheader("Content-Type", "").startswith("text/event-stream"):
            data = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
            text = next(line for line in reversed(data) if line)
        return answer.headers, json.loads(text) if text else None

    def request(self, method, params):
        """The answer: `result` or `error`."""
        self.number += 1
        return self.post({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})[1]

    def tools(self):
        """Every tool."""
        found, cursor = [], None
        while True:
            page = self.request("tools/list", {"cursor": cursor} if cursor else {})["result"]
            found += page["tools"]
            if not (cursor := page.get("nextCursor")):
                return found

    def call(self, name, arguments):
        """The answer to a call."""
        return self.request("tools/call", {"name": name, "arguments": arguments})


if __name__ == "__main__":
    json.dump(Mesh(*sys.argv[1:]).tools(), sys.stdout)
