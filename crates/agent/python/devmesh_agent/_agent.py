"""An agent: registers, is heard, does tasks."""

from __future__ import annotations

import asyncio
import logging
import signal
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from ._mesh import Ended, Failure, Mesh, Refused

log = logging.getLogger("devmesh_agent")
Handler = Callable[["Task"], Awaitable[Any]]
Reader = Callable[["Message"], Awaitable[None]]

# People watch progress; what comes between is replaced by what comes after.
PROGRESS_SECONDS = 0.5
# A task that is worked on is told so this often at least.
PULSE_SECONDS = 30.0


class Task:
    """A task that this agent has accepted."""

    def __init__(self, told: dict[str, Any], mesh: Mesh) -> None:
        self.id: str = told["id"]
        self.kind: str = told["type"]
        self.title: str = told.get("title", "")
        self.input: dict[str, Any] = told.get("input") or {}
        self.fence: int = told["fence"]
        self.attempt: int = told.get("attempt", 0) + 1
        self.trace: dict[str, str] = told.get("trace") or {}
        self.mesh = mesh
        self.pulse = min(PULSE_SECONDS, max(1, told.get("silence_seconds", 90)) / 3)
        self._progress: dict[str, Any] = {"percent": 0}
        self._news = asyncio.Event()

    def progress(self, percent: float, message: str = "") -> None:
        """Says how far it is, 0 to 100."""
        self._progress = {"percent": percent, "message": message[:1000]}
        self._news.set()


class Message:
    """What another agent, or somebody with a key, tells this one."""

    def __init__(self, told: dict[str, Any], agent: Agent) -> None:
        self.id: str = told["id"]
        self.sender: str = told["from"]["name"]
        self.subject: str = told.get("subject", "")
        self.body: dict[str, Any] = told.get("body") or {}
        self.reply_to: str | None = told.get("reply_to")
        self._from, self._agent = told["from"], agent

    async def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answers it; the message that was sent. Raises Refused, also when no agent sent it."""
        if not self._from.get("agent_id"):
            raise Refused({"code": -32602, "message": f"{self.sender} is no agent: a message to it has no receiver"})
        to = {"tenant_id": self._from["tenant_id"], "agent_id": self._from["agent_id"]}
        return await self._agent.send(to, body, subject=self.subject, reply_to=self.id)


class Agent:
    """An agent of the mesh at `url`. `heartbeat` is the time in seconds after which it counts as lost, `timeout` that of one
    task, `drain` what tasks have to end when the agent is to."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        name: str | None = None,
        type: str = "custom",
        capabilities: list[str] | None = None,
        labels: dict[str, str] | None = None,
        capacity: int = 1,
        heartbeat: int = 30,
        timeout: float = 3600,
        drain: float = 30,
    ) -> None:
        self.name = name or f"agent-{uuid.uuid4().hex[:8]}"
        self.mesh = Mesh(url, key, self.name, self._told)
        self._registration = {
            "name": self.name,
            "type": type,
            "capabilities": capabilities or [],
            "labels": labels or {},
            "capacity": capacity,
            "heartbeat_seconds": heartbeat,
        }
        self._heartbeat, self._timeout, self._drain = heartbeat, timeout, drain
        self._handlers: dict[str, Handler] = {}
        self._running: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._identity: tuple[str, int] | None = None
        self._registered = asyncio.Event()
        self._reader: Reader | None = None
        self._post: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._stopping = asyncio.Event()

    def on(self, kind: str) -> Callable[[Handler], Handler]:
        """Who does tasks of this type."""

        def register(handler: Handler) -> Handler:
            self._handlers[kind] = handler
            return handler

        return register

    def on_message(self, reader: Reader) -> Reader:
        """Who reads what others tell this agent: one message after another, in order. One that was read comes no more; one whose
        reader fails comes again over the next connection."""
        self._reader = reader
        return reader

    async def send(
        self, to: str | dict[str, Any], body: dict[str, Any], *, subject: str = "", reply_to: str | None = None
    ) -> dict[str, Any]:
        """Tells the agent of this name something, or those that fit: {"capability": …}, see `message.send`. The message that was
        sent. Raises Refused."""
        await self._registered.wait()
        assert self._identity
        message: dict[str, Any] = {
            "agent_id": self._identity[0],
            "to": {"agent": to} if isinstance(to, str) else to,
            "subject": subject,
            "body": body,
            # Asked again after a break, it is the same message.
            "idempotency_key": str(uuid.uuid4()),
        }
        sent: dict[str, Any] = await self.mesh.ask("message.send", message | ({"reply_to": reply_to} if reply_to else {}))
        return sent

    def stop(self) -> None:
        """Begins nothing more; what runs has `drain` seconds."""
        self._stopping.set()

    async def run(self) -> None:
        """Runs until SIGTERM, ctrl-C or `stop`. Raises Ended when the mesh does not want it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        parts = [
            asyncio.ensure_future(part)
            for part in (self.mesh.run(), self._beat(), self._read(), self._stopping.wait())
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
            if self._running:
                await asyncio.wait([task for _, task in self._running.values()], timeout=self._drain)
            await self._leave()
        finally:
            for part in [*parts, *(task for _, task in self._running.values())]:
                part.cancel()

    async def _leave(self) -> None:
        if self._identity:
            id, epoch = self._identity
            try:
                await asyncio.wait_for(self.mesh.ask("agent.leave", {"agent_id": id, "epoch": epoch}), 5)
            except (Refused, asyncio.TimeoutError):
                log.info("the mesh was not reached for a good-bye: it will miss this agent by itself")

    async def _beat(self) -> None:
        seen = None
        while True:
            await self.mesh.attached.wait()
            connection = self.mesh._socket
            if not self._identity:
                agent = await self._or_end(self.mesh.ask("agent.register", self._registration))
                self._identity = (agent["id"], agent["epoch"])
                self._registered.set()
            id, epoch = self._identity
            workload = min(1.0, len(self._running) / self._registration["capacity"])
            beat = {"agent_id": id, "epoch": epoch, "workload": workload}
            try:
                agent = await self.mesh.ask("agent.heartbeat", beat)
                if agent["state"] == "draining":
                    self.stop()
                if connection is not seen:
                    await self._look(id)
                    seen = connection
            except Refused as refused:
                if "register again" not in refused.message:
                    raise Ended(str(refused)) from None
                self._identity = None
                self._keep_only([])
                continue
            await self._pause(connection)

    async def _pause(self, connection: object) -> None:
        """Until the next heartbeat; a new connection gets one at once, because tasks come over the one that carried the last."""
        deadline = asyncio.get_running_loop().time() + self._heartbeat / 3
        while asyncio.get_running_loop().time() < deadline:
            if not self.mesh.attached.is_set() or self.mesh._socket is not connection:
                return
            await asyncio.sleep(0.2)

    async def _or_end(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except Refused as refused:
            raise Ended(str(refused)) from None

    async def _read(self) -> None:
        known: deque[str] = deque(maxlen=1024)
        while True:
            told = await self._post.get()
            message = Message(told["message"], self)
            if message.id not in known:
                if self._reader is None:
                    continue
                try:
                    await self._reader(message)
                except Exception:
                    log.exception("the reader of message %s failed: it is not acknowledged", message.id)
                    continue
                known.append(message.id)
            try:
                await self.mesh.ask("message.ack", {"agent_id": told["agent_id"], "message_id": message.id})
            except Refused as refused:
                log.info("message %s: the acknowledgement does not count: %s", message.id, refused)

    async def _look(self, id: str) -> None:
        accepted = set(self._running)
        held = await self.mesh.ask("agent.tasks", {"agent_id": id})
        for task in held["offered"]:
            self._take(task)
        self._keep_only([(task["id"], task["fence"]) for task in held["working"] + held["offered"]], accepted)

    def _keep_only(self, held: list[tuple[str, int]], of: set[str] | None = None) -> None:
        for id, (fence, running) in list(self._running.items()):
            if (of is None or id in of) and (id, fence) not in held:
                running.cancel()

    def _told(self, method: str, params: dict[str, Any]) -> None:
        if method == "task.assigned":
            self._take(params["task"])
        elif method == "message.received":
            self._post.put_nowait(params)
        elif method == "task.withdrawn" and (running := self._running.get(params["task"]["id"])):
            running[1].cancel()

    def _take(self, told: dict[str, Any]) -> None:
        known = self._running.get(told["id"])
        if known and known[0] >= told["fence"]:
            return
        if known:
            known[1].cancel()
        if self._identity:
            running = asyncio.ensure_future(self._work(Task(told, self.mesh), self._identity[0]))
            self._running[told["id"]] = (told["fence"], running)
            running.add_done_callback(lambda _: self._ended(told["id"], told["fence"]))

    def _ended(self, id: str, fence: int) -> None:
        if self._running.get(id, (None,))[0] == fence:
            del self._running[id]

    async def _work(self, task: Task, agent: str) -> None:
        async def say(verb: str, **more: Any) -> None:
            params = {"task_id": task.id, "agent_id": agent, "fence": task.fence, **more}
            await self.mesh.ask(f"task.{verb}", params | ({"_meta": task.trace} if task.trace else {}))

        handler = self._handlers.get(task.kind)
        try:
            if handler is None or self._stopping.is_set():
                await say("reject", reason="this agent is about to stop" if handler else "no handler for this type")
                return
            await say("accept")
            outcome = await self._outcome(handler, task, say)
            if not isinstance(outcome, Failure):
                try:
                    await say("complete", result=outcome)
                    return
                except Refused as refused:
                    if refused.is_over:
                        raise
                    # The mesh waits for a word all the same.
                    outcome = Failure("result_refused", str(refused))
            kind, message = (str(outcome.kind) or "error")[:64], outcome.message[:1000]
            await say("fail", kind=kind, message=message, retry=bool(outcome.retry))
        except Refused as refused:
            log.info("task %s: what was said does not count: %s", task.id, refused)

    async def _outcome(self, handler: Handler, task: Task, say: Callable[..., Awaitable[None]]) -> Any:
        working = asyncio.ensure_future(handler(task))
        telling = asyncio.ensure_future(self._tell_progress(task, say, working))
        try:
            await asyncio.wait([working], timeout=self._timeout)
            # What is said of progress is answered before the result is said: behind it, it would come too late.
            over = working.done()
            working.cancel()
            await asyncio.wait([working, telling])
            if over and working.cancelled():
                return Failure("cancelled", "the handler cancelled itself")
            return working.result() if over else Failure("timed_out", f"it was not done within {self._timeout} s")
        except Failure as failure:
            return failure
        except Exception as error:
            return Failure("error", f"{type(error).__name__}: {error}")
        finally:
            working.cancel()
            telling.cancel()

    async def _tell_progress(self, task: Task, say: Callable[..., Awaitable[None]], working: asyncio.Future[Any]) -> None:
        await asyncio.wait([working], timeout=PROGRESS_SECONDS)
        while not working.done():
            task._news.clear()
            try:
                await say("progress", **task._progress)
            except Refused as refused:
                if refused.is_over:
                    working.cancel()  # The task is not this agent's any more.
                    return
                log.info("task %s: what was said of its progress was refused: %s", task.id, refused)
            news = asyncio.ensure_future(task._news.wait())
            await asyncio.wait([working, news], timeout=task.pulse, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            await asyncio.wait([working], timeout=PROGRESS_SECONDS)
