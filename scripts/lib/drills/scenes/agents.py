"""Agents that are lost, hold their answers, fail, or do not read; tasks that nobody takes."""

import json
import pathlib
import sys

from ...waiting import eventually
from ..agents import Agent, Deaf, here
from ..processes import Process
from ..registry import MENDED, arrives, scene
from ..traffic import request

SCRIPTS = pathlib.Path(__file__).parents[3]


def key(lab):
    """A key for agents, made once."""
    if not hasattr(lab, "agents_key"):
        lab.agents_key = lab.api("POST", "/keys", {"name": "agents", "kind": "agent"})["secret"]
        for replica in (1, 2):
            eventually(20, "both replicas know the key", lambda replica=replica: lab.call("mesh_whoami", replica=replica, key=lab.agents_key)[0] != 401)
    return lab.agents_key


def create(lab, kind, **more):
    return lab.api("POST", "/tasks", {"type": kind, **more})


def asking(lab, kind, pause=0.3, **more):
    """Somebody who creates such tasks over and over, whatever the answer is."""
    return lab.calling(lambda: request(lab.address["rest-api"], "POST", "/api/v1/tasks", lab.key, {"type": kind, **more}), threads=1, pause=pause)


def present(lab, names):
    there = {one["name"] for one in lab.api("GET", "/agents?limit=100")["items"] if one["state"] in ("ready", "active")}
    return set(names) <= there


def leave(lab, names):
    """Sends agents away that a scene does not need any more."""
    for one in lab.api("GET", "/agents?limit=100")["items"]:
        if one["name"] in names:
            lab.api("DELETE", f"/agents/{one['id']}")


@scene("agents-killed", "AgentsLost", "the process of five agents is killed (SIGKILL) while they work; their tasks come back with it",
       fires_within=60, ends_within=120)
def agents_killed(lab, stack):
    names = [f"crew-{number}" for number in range(5)]
    told = {"address": lab.address["mcp-server-1"], "key": key(lab), "names": names, "capabilities": ["haul@1"], "heartbeat": 3,
            "does": "stalls", "kind": "cicd"}
    crew = Process("crew", [sys.executable, "-m", "lib.drills.agents", json.dumps(told)], lab.folder, {"PYTHONPATH": str(SCRIPTS)})
    crew.start()
    try:
        eventually(30, "the crew is here", lambda: present(lab, names))
        for _ in range(12):
            create(lab, "haul", needs={"capabilities": ["haul@1"]}, deadline_seconds=120)
        eventually(20, "that is scraped", lambda: stack.value('mcp_tasks_released_total{task_type="haul"}') is not None)
        crew.kill()
        yield arrives(held_back="TasksRedelivered")
    finally:
        crew.stop()
    yield MENDED
    for one in lab.api("GET", "/tasks?type=haul&state=pending&limit=100")["items"]:
        lab.api("POST", f"/tasks/{one['id']}/cancel", {})


@scene("agents-hold", "TasksRedelivered", "an agent is told of its tasks and answers none of them", fires_within=60, ends_within=120)
def agents_hold(lab, stack):
    wanted = {"needs": {"capabilities": ["hold@1"]}, "accept_seconds": 1, "deadline_seconds": 60}
    with here(Agent(lab.address["mcp-server-1"], key(lab), "holder", capabilities=["hold@1"], does="holds")) as [holder]:
        with asking(lab, "hold", **wanted):
            yield arrives()
            holder.does = "works"
            yield MENDED
    leave(lab, ["holder"])


@scene("agents-fail", "TasksFailing", "an agent fails every task that it is given", fires_within=120, ends_within=120)
def agents_fail(lab, stack):
    wanted = {"needs": {"capabilities": ["try@1"]}, "deadline_seconds": 60}
    with here(Agent(lab.address["mcp-server-2"], key(lab), "unlucky", capabilities=["try@1"], does="fails")) as [agent]:
        with asking(lab, "try", **wanted):
            yield arrives()
            agent.does = "works"
            yield MENDED
    leave(lab, ["unlucky"])


@scene("agents-do-not-read", "SlowConsumers", "four agents ask for lists and read none of them", fires_within=60, ends_within=90)
def agents_do_not_read(lab, stack):
    with here(*(Deaf(lab.address["mcp-server-1"], key(lab)) for _ in range(4))):
        yield arrives()
    yield MENDED


@scene("nobody-can", "TasksWaiting", "a task asks for what no agent can do, and waits for more than five minutes (thresholds are not scaled)",
       fires_within=400, ends_within=60)
def nobody_can(lab, stack):
    create(lab, "paint", needs={"capabilities": ["paint@1"]})
    yield arrives()
    with here(Agent(lab.address["mcp-server-1"], key(lab), "painter", capabilities=["paint@1"])):
        yield MENDED
    leave(lab, ["painter"])
