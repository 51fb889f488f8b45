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
    """Asks the mesh. Requests wait while there is no connection, and are asked again after a break: they must be harmless to
    repeat, as all that an agent says of its tasks is."""

    def __init__(self, url: str, key: str, name: str, told: Callable[[str, dict[str, Any]], None]) -> None:
        self._url, self._name, self._told = url, name, told
        self._headers = {"Authorization": f"Bearer {key}"}
        self._socket: ClientConnection | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._requests: dict[int, str] = {}
        self._last = 0
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
        self._last += 1
        id = self._last
        try:
            request = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused({"code": -32602, "message": f"this is no JSON: {error}"}) from None
        if len(request.encode()) > MAX_SENT:
            raise Refused({"code": -32602, "message": f"the message has more than {MAX_SENT} bytes"})
        future = self._waiting[id] = asyncio.get_running_loop().create_future()
        self._requests[id] = request
        try:
            if self._socket and self.attached.is_set():
                await self._send(request)
            return await future
        finally:
            self._waiting.pop(id, None)
            self._requests.pop(id, None)

    async def _send(self, text: str) -> None:
        try:
            assert self._socket is not None
            await self._socket.send(text)
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
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": self._name, "version": "0.1.0"},
        }
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
        answer = json.loads(await asyncio.wait_for(socket.recv(), 10))
        if "error" in answer:
            raise Ended(answer["error"]["message"])
        await socket.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        self._socket = socket
        self.attached.set()
        for request in list(self._requests.values()):
            await self._send(request)

    def _hear(self, message: dict[str, Any]) -> None:
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
