"""Receivers that write down what they are told: any HTTP door, and a mail server."""

import http.server
import json
import re
import socketserver
import threading


class Http:
    """Answers every POST with 200 (202 below /v2) and keeps it."""

    def __init__(self):
        self.requests = []  # (path, headers, body)
        recorder = self

        class Door(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                self.do_POST()

            def do_POST(self):
                length = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(length) or b"null")
                recorder.requests.append((self.path, dict(self.headers), body))
                self.send_response(202 if self.path.startswith("/v2") else 200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, path):
        """The bodies that came to this path, with their headers."""
        return [(headers, body) for asked, headers, body in list(self.requests) if asked == path]


class Mail:
    """A mail server that takes everything and keeps it."""

    def __init__(self):
        self.messages = []
        recorder = self

        class Door(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self):
                self.say("220 recorder")
                for line in self.rfile:
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"DATA":
                        self.say("354 go on")
                        self.take()
                    elif verb == b"QUIT":
                        return self.say("221 bye")
                    self.say("250 ok")

            def take(self):
                lines = []
                for line in self.rfile:
                    if line.rstrip(b"\r\n") == b".":
                        break
                    lines.append(line.decode())
                recorder.messages.append("".join(lines))

        socketserver.ThreadingTCPServer.daemon_threads = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Door)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def subjects(self):
        found = [re.search(r"^Subject: (.*?)\r?$", message, re.M) for message in list(self.messages)]
        return [match.group(1) for match in found if match]
