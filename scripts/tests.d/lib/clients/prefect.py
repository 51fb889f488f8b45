"""Changes the state of a Prefect server through the mesh's tools, and looks at the server itself.

Arguments: the mesh's MCP endpoint, a key, Prefect's API.
"""

import asyncio
import json
import sys
import traceback
import urllib.error
import urllib.request

from python_client import connect

PATIENCE = 30  # seconds
VARIABLE = {"name": "region", "value": {"zones": [1, 2], "owner": None, "on": True}, "tags": ["a", "b"]}
CREATE, READ = "create_variable_variables_post", "read_variable_by_name_variables_name_name_get"
UPDATE, DELETE = "update_variable_by_name_variables_name_name_patch", "delete_variable_by_name_variables_name_name_delete"


class Checks:
    def __init__(self, client, prefect):
        self.client, self.prefect = client, prefect

    async def tool(self, name, arguments):
        """The result of a call that works."""
        result = await self.client.call(f"prefect_{name}", arguments)
        assert not result.is_error, result.text
        return result.structured

    async def error(self, name, arguments):
        """What the model is told of a call that fails."""
        result = await self.client.call(f"prefect_{name}", arguments)
        assert result.is_error, result
        return result.text

    def direct(self, path):
        """What Prefect itself answers; nothing when there is no such thing."""
        try:
            with urllib.request.urlopen(f"{self.prefect}/{path}", timeout=PATIENCE) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return None

    async def tools_are_listed(self):
        tools = await self.client.tools()
        for name in (CREATE, READ, UPDATE, DELETE):
            assert f"prefect_{name}" in tools, [tool for tool in tools if "variable" in tool]
        assert len(tools) > 100, len(tools)

    async def a_variable_is_created(self):
        made = await self.tool(CREATE, VARIABLE)
        assert made.items() >= VARIABLE.items(), made
        there = self.direct("variables/name/region")
        assert there["id"] == made["id"] and there.items() >= VARIABLE.items(), there

    async def the_variable_is_read_back(self):
        assert await self.tool(READ, {"name": "region"}) == self.direct("variables/name/region")

    async def a_second_one_of_that_name_is_refused_by_prefect(self):
        assert "409" in await self.error(CREATE, VARIABLE)

    async def wrong_arguments_never_reach_prefect(self):
        assert "tags" in await self.error(CREATE, {"name": "wrong", "value": 1, "tags": "a"})
        assert self.direct("variables/name/wrong") is None

    async def the_variable_is_changed(self):
        await self.tool(UPDATE, {"name": "region", "value": 7})
        assert self.direct("variables/name/region")["value"] == 7
        assert (await self.tool(READ, {"name": "region"}))["value"] == 7

    async def a_flow_is_created_and_found_by_a_filter(self):
        flow = await self.tool("create_flow_flows_post", {"name": "nightly", "tags": ["etl"]})
        assert self.direct("flows/name/nightly")["id"] == flow["id"]
        found = await self.tool("read_flows_flows_filter_post", {"flows": {"name": {"any_": ["nightly"]}}, "limit": 5})
        flows = found["result"] if isinstance(found, dict) else found
        assert [one["id"] for one in flows] == [flow["id"]], found

    async def the_variable_is_deleted(self):
        await self.tool(DELETE, {"name": "region"})
        assert self.direct("variables/name/region") is None
        assert "404" in await self.error(READ, {"name": "region"})


async def main(mesh, key, prefect):
    async with connect({"url": mesh, "key": key}, "auto") as client:
        checks = Checks(client, prefect)
        for name, work in vars(Checks).items():
            if name in ("tool", "error", "direct") or name.startswith("_"):
                continue
            try:
                await asyncio.wait_for(work(checks), PATIENCE)
                print(f"ok: {name.replace('_', ' ')}")
            except Exception as error:
                told = "".join(traceback.format_exception(error)).strip().replace("\n", "\n    ")
                print(f"FAILED: {name.replace('_', ' ')}: {error!r}\n    {told}")
    print("end")


asyncio.run(main(*sys.argv[1:]))
