"""The Python SDK 2.x, which speaks 2026-07-28 and, with `mode="legacy"`, the eras before it."""

import asyncio
from contextlib import asynccontextmanager, suppress

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from scenario import Adapter, Refused, Result, main


class Connected(Adapter):
    def __init__(self, client, changed):
        self.client, self.changed = client, changed
        self.version, self.server = client.protocol_version, client.server_info.name

    async def tools(self):
        found, cursor = {}, None
        while True:
            page = await self.client.list_tools(cursor=cursor)
            found |= {tool.name: (tool.input_schema, tool.annotations.read_only_hint) for tool in page.tools}
            if (cursor := page.next_cursor) is None:
                return found

    async def call(self, name, arguments, progress=None):
        async def hear(done, total, _message):
            await progress(done, total)

        try:
            result = await self.client.call_tool(name, arguments, progress_callback=progress and hear)
        except MCPError as error:
            raise Refused(error.code, error.message) from error
        text = "".join(block.text for block in result.content if block.type == "text")
        return Result(result.is_error, text, result.structured_content)

    async def cancel(self, name, arguments, begun):
        call = asyncio.create_task(self.client.call_tool(name, arguments))
        await begun()
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call

    @asynccontextmanager
    async def changes(self):
        if self.version < "2026-07-28":
            self.changed.clear()

            async def next_change():
                await self.changed.wait()
                self.changed.clear()

            yield next_change
            return
        async with self.client.listen(tools_list_changed=True) as subscription:
            events = aiter(subscription)
            yield lambda: anext(events)


@asynccontextmanager
async def transport(target):
    if "url" not in target:
        yield stdio_client(StdioServerParameters(**target))
        return
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {target['key']}"}, timeout=60) as http:
        yield streamable_http_client(target["url"], http_client=http)


@asynccontextmanager
async def connect(target, mode):
    changed = asyncio.Event()

    async def hear(message):
        if getattr(message, "method", None) == "notifications/tools/list_changed":
            changed.set()

    async with transport(target) as way, Client(way, mode=mode, message_handler=hear) as client:
        yield Connected(client, changed)


if __name__ == "__main__":
    main(connect)
