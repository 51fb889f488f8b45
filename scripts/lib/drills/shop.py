"""The API behind the mesh of a drill: it answers, and does it late, wrongly, or not to the end, when it is told so."""

import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object"}}}}}


def operation(name, parameters=()):
    return {"operationId": name, "summary": name, "responses": ANSWER, "parameters": [
        {"name": parameter, "in": "query", "schema": {"type": "string"}} for parameter in parameters]}


def description(more):
    paths = {"/answer": {"get": operation("answer", ["n"])}, "/write": {"post": operation("write", ["n"])},
             "/hoard": {"get": operation("hoard")}}
    paths |= {f"/more/{n}": {"get": operation(f"more_{n}")} for n in range(more)}
    return {"openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "paths": paths}


class Shop:
    """One in `broken` answers is a 500, one in `late` takes `delay` seconds, all are `refused` (4xx); writes `hang`.

    By turns, not by chance: a share that has to be above one threshold and below another is exactly that."""

    def __init__(self):
        self.more = 0
        self.turn = itertools.count(1)
        self.behave()
        self.released = threading.Event()
        self.writes = 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                shop.answer(self)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_):
                """A caller that was killed is part of the drill."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def behave(self, broken=0, late=0, delay=0.0, refused=False, hang=False):
        self.broken, self.late, self.delay, self.refused, self.hang = broken, late, delay, refused, hang

    def answer(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        request.rfile.read(length)
        path = request.path.split("?")[0]
        if path == "/openapi.json":
            return self.send(request, 200, description(self.more))
        if path == "/hoard":
            return self.hoard(request)
        if request.command == "POST":
            self.writes += 1
            while self.hang:
                self.released.wait(0.05)
        turn = next(self.turn)
        if self.late and turn % self.late == 0:
            time.sleep(self.delay)
        if self.refused:
            return self.send(request, 422, {"error": "refused"})
        if self.broken and turn % self.broken == 0:
            return self.send(request, 500, {"error": "the till is on fire"})
        return self.send(request, 200, {"ok": True})

    def hoard(self, request, size=15 << 20):
        """Most of a large answer; the end of it only when released. The caller holds what it has."""
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(size + 2))
        request.end_headers()
        request.wfile.write(b'"' + b"x" * size)
        self.released.wait(300)
        request.wfile.write(b'"')

    def send(self, request, status, body):
        text = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def close(self):
        self.hang = False
        self.released.set()
        self.server.shutdown()
