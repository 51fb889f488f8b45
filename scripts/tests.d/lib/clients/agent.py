"""An agent of Pydantic AI uses the mesh's tools; its model is a script, so that it needs no network.

The argument is the task, as in scenario.py. The framework lists the tools, checks and sends the calls, and hands
answers and errors back to the model; the script below only decides what to call next.
"""

import asyncio
import json
import sys
import traceback
import urllib.request

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

PATIENCE = 15  # seconds


class Script:
    """A model that opens a ticket, clumsily, and reads it back."""

    def __init__(self, title):
        self.title, self.tools, self.complaint, self.ticket = title, [], None, None

    def model(self, messages, info):
        self.tools = [tool.name for tool in info.function_tools]
        answers = {part.tool_name: part for part in messages[-1].parts if isinstance(part, ToolReturnPart)}
        match answers:
            case {"workshop_create_ticket": ToolReturnPart(outcome="retried") as refused}:
                self.complaint = refused.content
                return call("workshop_create_ticket", {"title": self.title})
            case {"workshop_create_ticket": made}:
                return call("workshop_get_ticket", {"id": content(made)["id"]})
            case {"workshop_get_ticket": read}:
                self.ticket = content(read)
                return ModelResponse([TextPart(f"Ticket {self.ticket['id']} is open.")])
            case _:
                return call("workshop_create_ticket", {"title": ""})


def call(name, arguments):
    return ModelResponse([ToolCallPart(name, arguments)])


def content(answer):
    return json.loads(answer.content) if isinstance(answer.content, str) else answer.content


def toolset(target):
    # The framework does not subscribe to changes in the stateless era, so it is told to list the tools in each run.
    if "url" in target:
        headers = {"Authorization": f"Bearer {target['key']}"}
        return MCPToolset(target["url"], headers=headers, cache_tools=False)
    return MCPToolset(StdioTransport(target["command"], target["args"], env=target["env"]), cache_tools=False)


async def works(task, agent, script):
    result = await agent.run("Open a ticket")
    assert {"mesh_whoami", "workshop_create_ticket", "workshop_get_ticket"} <= set(script.tools), script.tools
    assert "title" in script.complaint, script.complaint
    assert script.ticket["title"] == script.title, script.ticket
    assert result.output == f"Ticket {script.ticket['id']} is open.", result.output
    with urllib.request.urlopen(f"{task['upstream']}/tickets/{script.ticket['id']}", timeout=PATIENCE) as response:
        assert json.load(response) == script.ticket


async def sees_new_tools(task, agent, script):
    assert task["added_tool"] not in script.tools
    process = await asyncio.create_subprocess_exec(*task["add_tool"], stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
    await agent.run("Open another one")
    assert task["added_tool"] in script.tools, script.tools


async def check(name, work):
    try:
        await asyncio.wait_for(work, 2 * PATIENCE)
        print(f"ok: {name}", flush=True)
    except BaseException as error:
        told = "".join(traceback.format_exception(error)).strip().replace("\n", "\n    ")
        print(f"FAILED: {name}: {error!r}\n    {told}", flush=True)


async def main(task):
    script = Script(f"from {task['label']}")
    agent = Agent(FunctionModel(script.model), toolsets=[toolset(task["target"])])
    async with agent:
        await check("an agent mends its call and gets its work done", works(task, agent, script))
        await check("an agent sees new tools while it is connected", sees_new_tools(task, agent, script))
    print("end")


asyncio.run(main(json.loads(sys.argv[1])))
