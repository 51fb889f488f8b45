"""The Python SDK 1.x, which knows sessions only."""

import asyncio
from contextlib import asynccontextmanager, suppress

from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

from scenario import Adapter, Refused, Result, main


class Session(Adapter):
    def __init__(self, session, initialized, changed):
        self.session, self.changed = session, changed
        self.version, self.server = initialized.protocolVersion, initialized.serverInfo.name

    async def tools(self):
        found, cursor = {}, None
        while True:
            page = await self.session.list_tools(cursor)
            found |= {tool.name: (tool.inputSchema, tool.annotations.readOnlyHint) for tool in page.tools}
            if (cursor := page.nextCursor) is None:
                return found

    async def call(self, name, arguments, progress=None):
        async def hear(done, total, _message):
            await progress(done, total)

        try:
            result = await self.session.call_tool(name, arguments, progress_callback=progress and hear)
        except McpError as error:
            raise Refused(error.error.code, error.error.message) from error
        text = "".join(block.text for block in result.content if block.type == "text")
        return Result(result.isError, text, result.structuredContent)

    async def cancel(self, name, arguments, begun):
        # This SDK has no call for it: the notification is sent by hand, with the id that the request got.
        number = self.session._request_id
        call = asyncio.create_task(self.session.call_tool(name, arguments))
        await begun()
        params = types.CancelledNotificationParams(requestId=number, reason="changed my mind")
        notification = types.CancelledNotification(method="notifications/cancelled", params=params)
        await self.session.send_notification(types.ClientNotification(notification))
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call

    @asynccontextmanager
    async def changes(self):
        self.changed.clear()

        async def next_change():
            await self.changed.wait()
            self.changed.clear()

        yield next_change


@asynccontextmanager
async def transport(target):
    if "url" in target:
        headers = {"Authorization": f"Bearer {target['key']}"}
        async with streamablehttp_client(target["url"], headers=headers) as (read, write, _):
            yield read, write
    else:
        async with stdio_client(StdioServerParameters(**target)) as (read, write):
            yield read, write


@asynccontextmanager
async def connect(target, _mode):
    changed = asyncio.Event()

    async def hear(message):
        if isinstance(message, types.ServerNotification) and isinstance(message.root, types.ToolListChangedNotification):
            changed.set()

    async with transport(target) as (read, write), ClientSession(read, write, message_handler=hear) as session:
        yield Session(session, await session.initialize(), changed)


main(connect)
