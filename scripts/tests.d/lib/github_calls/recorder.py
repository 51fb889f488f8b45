"""A reverse proxy that keeps what passed: the request as the upstream saw it, and what the upstream said of it."""

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


def violations(answer):
    """What the mock says of the request and of its own answer: a list as JSON, cut where it is long."""
    text = answer.getheader("sl-violations") or "[]"
    try:
        return json.loads(text)
    except ValueError:
        # Its own answer has faults by the hundred; those of a request come first and are never that many.
        return [{"location": ["request"], "severity": "Error", "message": text}] if '["request"' in text else []


class Recorder:
    """Forwards to `upstream` (host:port); calls come one after another, so the last exchange is that of the last call."""

    def __init__(self, upstream):
        recorder = self
        self.upstream, self.exchanges, self.lock = upstream, [], threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def forward(self):
                recorder.forward(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = forward

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def forward(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        exchange = {
            "method": handler.command,
            "target": handler.path,
            "headers": [(name.lower(), value) for name, value in handler.headers.items()],
            "body": body,
        }
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            headers = {k: v for k, v in handler.headers.items() if k.lower() not in HOP_BY_HOP}
            connection.request(handler.command, handler.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            exchange |= {"status": answer.status, "answer": content, "violations": violations(answer)}
            with self.lock:
                self.exchanges.append(exchange)
            self.reply(handler, answer, content)
        finally:
            connection.close()

    def reply(self, handler, answer, content):
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                handler.send_header(name, value)
        if handler.command != "HEAD" and answer.status not in (204, 304):
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    def take(self):
        """The exchanges since the last time."""
        with self.lock:
            taken, self.exchanges = self.exchanges, []
        return taken
