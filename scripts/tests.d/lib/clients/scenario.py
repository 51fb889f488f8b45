"""What every Python client does with the mesh, and how it tells what came of it.

A program gives its SDK's way of doing things as an adapter (see `Adapter`); the one argument is JSON:
`target` and `fixture` (each `{"url", "key"}` or `{"command", "args", "env"}`), `mode`, `expect` (the protocol version),
`label`, `upstream` (the workshop's address) and `add_tool` (the command line that gives the mesh the tool `added_tool`).
"""

import asyncio
import json
import sys
import traceback
import urllib.request
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

PATIENCE = 15  # seconds


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, code, message):
        super().__init__(f"{message} ({code})")
        self.code = code


@dataclass
class Result:
    is_error: bool
    text: str
    structured: object


class Adapter:
    """One connected client."""

    version: str
    server: str

    async def tools(self) -> dict:
        """All tools: name to (input schema, whether it only reads)."""
        raise NotImplementedError

    async def call(self, name, arguments, progress=None) -> Result:
        """Raises `Refused` for a JSON-RPC error. `progress(done, total)` is called as notices come."""
        raise NotImplementedError

    async def cancel(self, name, arguments, begun) -> None:
        """Starts a call, waits for `begun()`, cancels the call the SDK's way."""
        raise NotImplementedError

    def changes(self) -> AbstractAsyncContextManager:
        """Listens; yields a function that waits for the next change of the tool list."""
        raise NotImplementedError


async def poll(question):
    """Asks until the answer is true."""
    async with asyncio.timeout(PATIENCE):
        while not await question():
            await asyncio.sleep(0.02)


class Scenario:
    def __init__(self, connect, task):
        self.connect, self.task = connect, task
        self.failed = False

    async def check(self, name, work):
        try:
            await asyncio.wait_for(work, 2 * PATIENCE)
            print(f"ok: {name}", flush=True)
        except BaseException as error:
            self.failed = True
            told = "".join(traceback.format_exception(error)).strip().replace("\n", "\n    ")
            print(f"FAILED: {name}: {error!r}\n    {told}", flush=True)

    async def run(self):
        await self.check("the whole session", self.session())
        await self.check("progress", self.progress())
        await self.check("a wrong key is refused", self.wrong_key())
        print("end")
        return 1 if self.failed else 0

    async def session(self):
        async with self.connect(self.task["target"], self.task["mode"]) as client:
            await self.check("connects in its era", self.era(client))
            await self.check("lists the tools", self.list(client))
            await self.check("calls tools that change and read state", self.call(client))
            await self.check("calls the mesh's own tool", self.whoami(client))
            await self.check("bad arguments are an error that the model reads", self.bad_arguments(client))
            await self.check("the upstream's refusal is an error that the model reads", self.missing(client))
            await self.check("an unknown tool is a protocol error", self.unknown(client))
            await self.check("a cancelled call is cancelled upstream", self.cancel(client))
            await self.check("is told when the tools change", self.list_changed(client))

    async def era(self, client):
        assert client.version == self.task["expect"], client.version
        assert client.server == "devmesh", client.server

    async def list(self, client):
        tools = await client.tools()
        assert list(tools) == sorted(tools), "the order is by name"
        wanted = {"mesh_whoami", "workshop_create_ticket", "workshop_get_ticket", "workshop_list_tickets", "workshop_slow"}
        assert wanted <= set(tools), f"missing: {wanted - set(tools)}"
        schema, reads = tools["workshop_create_ticket"]
        assert not reads and "title" in schema["required"], schema
        assert tools["workshop_get_ticket"][1], "a GET only reads"

    async def call(self, client):
        title = f"from {self.task['label']}"
        made = await client.call("workshop_create_ticket", {"title": title, "priority": "high"})
        assert not made.is_error, made
        ticket = made.structured
        assert ticket["title"] == title and ticket["priority"] == "high" and ticket["note"] is None, ticket
        read = await client.call("workshop_get_ticket", {"id": ticket["id"]})
        assert read.structured == ticket, read
        assert json.loads(read.text) == ticket, read.text
        listed = await client.call("workshop_list_tickets", {})
        assert not listed.is_error and title in listed.text, listed
        there = await asyncio.to_thread(fetch, f"{self.task['upstream']}/tickets/{ticket['id']}")
        assert there == ticket, there

    async def whoami(self, client):
        me = await client.call("mesh_whoami", {})
        assert not me.is_error and me.structured["kind"] == "gateway", me

    async def bad_arguments(self, client):
        for arguments, named in [({}, "title"), ({"title": "a", "priority": "urgent"}, "priority")]:
            result = await client.call("workshop_create_ticket", arguments)
            assert result.is_error and named in result.text, result

    async def missing(self, client):
        result = await client.call("workshop_get_ticket", {"id": 999999})
        assert result.is_error and "404" in result.text and "no ticket 999999" in result.text, result

    async def unknown(self, client):
        try:
            result = await client.call("workshop_destroy", {})
        except Refused as refused:
            assert refused.code == -32602, refused
        else:
            raise AssertionError(result)

    async def cancel(self, client):
        label = f"slow-{self.task['label']}"

        async def fate_is(fate):
            return await asyncio.to_thread(fetch, f"{self.task['upstream']}/slow/{label}/fate") == fate

        await client.cancel("workshop_slow", {"label": label}, lambda: poll(lambda: fate_is("begun")))
        await poll(lambda: fate_is("abandoned"))
        again = await client.call("workshop_list_tickets", {})
        assert not again.is_error, again

    async def list_changed(self, client):
        added = self.task["added_tool"]
        assert added not in await client.tools()
        async with client.changes() as next_change, asyncio.timeout(PATIENCE):
            process = await asyncio.create_subprocess_exec(*self.task["add_tool"], stdout=asyncio.subprocess.PIPE)
            told, _ = await process.communicate()
            assert process.returncode == 0, told
            await next_change()
            while added not in await client.tools():
                await next_change()

    async def progress(self):
        heard = []

        async def hear(done, total):
            heard.append((done, total))

        async with self.connect(self.task["fixture"], self.task["mode"]) as client:
            result = await client.call("test_tool_with_progress", {}, hear)
        assert not result.is_error, result
        assert heard == [(0, 100), (50, 100), (100, 100)], heard

    async def wrong_key(self):
        target = dict(self.task["target"])
        wrong = self.task["wrong_key"]
        if "url" in target:
            target["key"] = wrong
        else:
            target["env"] = {**target["env"], "DEVMESH_API_KEY": wrong}
        try:
            async with asyncio.timeout(PATIENCE), self.connect(target, self.task["mode"]) as client:
                await client.tools()
        except BaseException as error:
            told = "".join(traceback.format_exception(error))
            assert "valid API key" in told or "401 Unauthorized" in told, told
            return
        raise AssertionError("a wrong key was let in")


def fetch(url):
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:
        return json.load(response)


def main(connect):
    sys.exit(asyncio.run(Scenario(connect, json.loads(sys.argv[1])).run()))
