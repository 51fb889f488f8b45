"""The connection to the mesh, over its breaks."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

log = logging.getLogger("devmesh_agent")

# The mesh closes the connection over anything larger.
MAX_SENT = 1 << 20
# What the number of a message takes in it.
NUMBER = 32
# The mesh keeps 256 messages for a session to come back to: it is told in time which of them it need not keep.
ACKNOWLEDGED = 32


class Failure(Exception):
    """Why a task was not done; with `retry`, another try may help."""

    def __init__(self, kind: str, message: str = "", *, retry: bool = False) -> None:
        super().__init__(message)
        self.kind, self.message, self.retry = kind, message, retry


class Ended(Exception):
    """The mesh does not want this agent: why."""


class Refused(Exception):
    """What the mesh answers instead of a result."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['message']} ({error['code']})")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: dict[str, Any] = error.get("data") or {}

    @property
    def wait(self) -> float | None:
        """Seconds after which the same may succeed; None when it will not."""
        if self.code == -32029:
            return self.data.get("retryAfterMs", 100) / 1000
        return 0.5 if self.data.get("status") in ("unavailable", "internal") else None


    @property
    def is_over(self) -> bool:
        """Whether what was said does not count: the task is another agent's by now, or is finished."""
        return self.data.get("status") in ("conflict", "not_found")


class Mesh:
    """Asks the mesh. Requests wait while there is no connection. After a break the session is resumed: what the mesh has is not
    asked again, what it said meanwhile is replayed. Where it cannot be resumed, another one begins, and requests are asked again:
    they must be harmless to repeat, as all that an agent says of its tasks is."""

    def __init__(self, url: str, key: str, name: str, told: Callable[[str, dict[str, Any]], None]) -> None:
        self._url, self._name_of_agent, self._told = url, name, told
        self._headers = {"Authorization": f"Bearer {key}"}
        self._socket: ClientConnection | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        # By id: the number under which it was sent, and the request.
        self._requests: dict[int, tuple[int, dict[str, Any]]] = {}
        self._ids = 0
        self._sent, self._received, self._acknowledged = 0, 0, 0
        self._token: str | None = None
        # What a new connection carries first.
        self._again: list[tuple[int, dict[str, Any]]] = []
        self.attached = asyncio.Event()

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a request. Raises Refused."""
        while True:
            try:
                return await self._once(method, params)
            except Refused as refused:
                if refused.wait is None:
                    raise
                await asyncio.sleep(refused.wait)

    async def _once(self, method: str, params: dict[str, Any]) -> Any:
        id = self._name()
        request = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        try:
            size = len(json.dumps(request, allow_nan=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused({"code": -32602, "message": f"this is no JSON: {error}"}) from None
        if size + NUMBER > MAX_SENT:
            raise Refused({"code": -32602, "message": f"the message has more than {MAX_SENT} bytes"})
        future = self._waiting[id] = asyncio.get_running_loop().create_future()
        try:
            await self._ask(id, request)
            return await future
        finally:
            self._waiting.pop(id, None)
            self._requests.pop(id, None)

    def _name(self) -> int:
        self._ids += 1
        return self._ids

    async def _ask(self, id: int, request: dict[str, Any]) -> None:
        """Sends it under the next number, as soon as there is a connection."""
        self._sent += 1
        self._requests[id] = (self._sent, request)
        if self.attached.is_set():
            await self._send(request | {"seq": self._sent})
        else:
            self._again.append((self._sent, request))

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            assert self._socket is not None
            await self._socket.send(json.dumps(message))
        except websockets.ConnectionClosed:
            pass  # The next connection carries it.

    async def run(self) -> None:
        """Keeps a connection. Raises Ended when the mesh refuses it."""
        tries = 0
        while True:
            try:
                async with websockets.connect(
                    self._url, subprotocols=["mcp.v1"], additional_headers=self._headers, max_size=10 << 20
                ) as socket:
                    await self._begin(socket)
                    tries = 0
                    async for text in socket:
                        self._hear(json.loads(text))
                        await self._acknowledge()
            except websockets.InvalidStatus as refused:
                status = refused.response.status_code
                if status < 500 and status != 429:
                    raise Ended(f"the mesh refuses the connection: {status}") from None
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
                log.info("no connection to the mesh: %s", error)
            finally:
                self.attached.clear()
                self._socket = None
            await asyncio.sleep(min(10.0, 0.2 * 2**tries) * random.uniform(0.5, 1))
            tries = min(tries + 1, 10)

    async def _begin(self, socket: ClientConnection) -> None:
        if not await self._resumed(socket):
            params = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"experimental": {"io.devmesh/resume": {}}},
                "clientInfo": {"name": self._name_of_agent, "version": "0.1.0"},
            }
            answer = await self._first(socket, "initialize", params)
            if "error" in answer:
                raise Ended(answer["error"]["message"])
            self._token = answer["result"].get("_meta", {}).get("io.devmesh/connection", {}).get("resumeToken")
            self._received = self._acknowledged = answer.get("seq", 0)
            await socket.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            self._number_anew()
        self._socket = socket
        # In order, with what is asked meanwhile at the end: a number that comes after a higher one is passed over.
        while self._again:
            number, request = self._again.pop(0)
            await self._send(request | {"seq": number})
        self.attached.set()

    async def _resumed(self, socket: ClientConnection) -> bool:
        """Whether the session goes on; what the mesh has not received is sent again."""
        if self._token is None:
            return False
        answer = await self._first(socket, "resume", {"token": self._token, "last": self._received})
        if "error" in answer:
            if (refused := Refused(answer["error"])).wait is not None:
                raise OSError(str(refused))
            log.info("the session cannot be resumed, another one begins: %s", refused)
            self._token = None
            return False
        self._received = max(self._received, answer.get("seq", 0))
        received = answer["result"].get("received")
        if received is None:
            # The replica that counted is gone: the next one counts from 1.
            self._number_anew()
        else:
            self._again = [(number, request) for number, request in self._in_order() if number > received]
        return True

    def _number_anew(self) -> None:
        self._again = [(place, request) for place, (_, request) in enumerate(self._in_order(), 1)]
        self._requests = {request["id"]: (number, request) for number, request in self._again}
        self._sent = len(self._again)

    def _in_order(self) -> list[tuple[int, dict[str, Any]]]:
        return sorted(self._requests.values(), key=lambda one: one[0])

    async def _first(self, socket: ClientConnection, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to one of the first words, which carry no number."""
        id = self._name()
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
        while True:
            answer: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 10))
            if answer.get("id") == id or ("error" in answer and answer.get("id") is None):
                return answer

    async def _acknowledge(self) -> None:
        """Tells what was received, so that the mesh need not keep it."""
        if self._token and self._received - self._acknowledged >= ACKNOWLEDGED:
            self._acknowledged = self._received
            await self._send({"jsonrpc": "2.0", "method": "ack", "params": {"sequence": self._received}})

    def _hear(self, message: dict[str, Any]) -> None:
        number = message.get("seq", 0)
        if number and number <= self._received:
            return
        self._received = number or self._received
        if "method" in message:
            if "id" not in message:
                self._told(message["method"], message.get("params") or {})
            return
        future = self._waiting.get(message.get("id") or 0)
        if future and not future.done():
            if "error" in message:
                future.set_exception(Refused(message["error"]))
            else:
                future.set_result(message["result"])
