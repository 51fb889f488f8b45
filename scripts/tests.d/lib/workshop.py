"""An HTTP API for the tests of real clients: tickets, an operation that takes long, and what became of it.

Prints `listening on ADDRESS`. `/openapi.json` describes it; `/slow/LABEL/fate` (not described) tells whether the
call of /slow with that label has `begun`, was `abandoned` by its caller, or is `done`.
"""

import json
import re
import select
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TICKET = {
    "type": "object",
    "required": ["id", "title", "priority", "note"],
    "properties": {
        "id": {"type": "integer"},
        "title": {"type": "string"},
        "priority": {"type": "string"},
        "note": {"type": ["string", "null"]},
    },
}
NEW_TICKET = {
    "type": "object",
    "required": ["title"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "priority": {"type": "string", "enum": ["low", "high"], "default": "low"},
        "note": {"type": ["string", "null"]},
    },
}


def answers(status, schema):
    return {status: {"description": "It worked.", "content": {"application/json": {"schema": schema}}}}


DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "Workshop", "version": "1"},
    "paths": {
        "/tickets": {
            "get": {
                "operationId": "list_tickets",
                "summary": "Lists all tickets.",
                "responses": answers("200", {"type": "array", "items": TICKET}),
            },
            "post": {
                "operationId": "create_ticket",
                "summary": "Opens a ticket.",
                "requestBody": {"required": True, "content": {"application/json": {"schema": NEW_TICKET}}},
                "responses": answers("201", TICKET),
            },
        },
        "/tickets/{id}": {
            "get": {
                "operationId": "get_ticket",
                "summary": "Shows a ticket.",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": answers("200", TICKET),
            }
        },
        "/slow/{label}": {
            "get": {
                "operationId": "slow",
                "summary": "Answers after some seconds.",
                "parameters": [
                    {"name": "label", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "seconds", "in": "query", "schema": {"type": "number", "default": 20}},
                ],
                "responses": answers("200", {"type": "object"}),
            }
        },
    },
}

lock = threading.Lock()
tickets = {}
fates = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/openapi.json":
            return self.answer(200, DESCRIPTION)
        if url.path == "/tickets":
            with lock:
                return self.answer(200, list(tickets.values()))
        if match := re.fullmatch(r"/tickets/(\d+)", url.path):
            ticket = tickets.get(int(match[1]))
            return self.answer(200, ticket) if ticket else self.answer(404, {"error": f"no ticket {match[1]}"})
        if match := re.fullmatch(r"/slow/([^/]+)/fate", url.path):
            return self.answer(200, fates.get(match[1]))
        if match := re.fullmatch(r"/slow/([^/]+)", url.path):
            return self.slow(match[1], float(parse_qs(url.query).get("seconds", ["20"])[0]))
        return self.answer(404, {"error": "no such path"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if urlsplit(self.path).path != "/tickets":
            return self.answer(404, {"error": "no such path"})
        with lock:
            number = len(tickets) + 1
            tickets[number] = {"id": number, "priority": "low", "note": None, **body}
            return self.answer(201, tickets[number])

    def slow(self, label, seconds):
        """Answers when the time is up, unless the caller closes the connection before."""
        fates[label] = "begun"
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable:
                fates[label] = "abandoned"
                self.close_connection = True
                return
        fates[label] = "done"
        self.answer(200, {"label": label})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
