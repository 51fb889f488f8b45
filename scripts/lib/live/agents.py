"""Agents of every kind of fate, and tasks for them, while the mesh is asked."""

import contextlib
import time

from ..drills.agents import Agent, Deaf, here
from ..drills.scenes.agents import asking, key
from ..drills.traffic import request

KINDS = ("custom", "cicd", "monitoring")


@contextlib.contextmanager
def at_work(lab, deaf=True):
    """Agents that work, fail, hold and talk, somebody who creates tasks and assignments for them, one task that nobody can do, one who
    searches, and one who tries the border of another tenant; every few seconds an agent vanishes. One that does not read asks for all that it can get, which keeps a core busy."""
    for kind in KINDS:
        lab.api("POST", "/manifests", {"name": f"any-{kind}", "type": kind})
    next_door = lab.api("POST", "/tenants", {"name": "next-door"})["tenant"]["id"]
    edges = [lab.address["mcp-server-1"], lab.address["mcp-server-2"]]
    of = lambda name, at, **more: Agent(edges[at], key(lab), name, capabilities=[f"{more.get('does', 'works')}@1"], **more)  # noqa: E731
    wanted = lambda capability, **more: {"needs": {"capabilities": [f"{capability}@1"]}, "deadline_seconds": 600, **more}  # noqa: E731
    with (here(of("worker-1", 0, heartbeat=3), of("worker-2", 1, kind="cicd", heartbeat=3), of("unlucky", 0, kind="monitoring", does="fails"),
               of("holder", 1, does="holds")),
          asking(lab, "build", pause=0.7, **wanted("works")), asking(lab, "try", pause=1, **wanted("fails")),
          asking(lab, "hold", pause=2, **wanted("holds", accept_seconds=1, deadline_seconds=20)),
          asking(lab, "paint", pause=5, **wanted("paint", deadline_seconds=20)),
          talking(edges, lab), lab.calling(lambda: search(lab), threads=1, pause=1), lab.calling(lambda: assign(lab), threads=1, pause=3),
          lab.calling(lambda: reach_over(lab, next_door), threads=1, pause=3), lab.calling(lambda: vanish(lab, edges[1]), threads=1, pause=4),
          lab.calling(lambda: turn_away(lab, edges[0]), threads=1, pause=4) if deaf else contextlib.nullcontext()):
        yield


def search(lab):
    return request(lab.address["rest-api"], "GET", "/api/v1/agents/discover?capability=works@1", lab.key)


@contextlib.contextmanager
def talking(edges, lab):
    """An agent and a person who tell the workers something over and over."""
    with here(Agent(edges[1], key(lab), "talker", heartbeat=3)) as [talker]:
        say = lambda: (200, talker.ask("message.send", {"agent_id": talker.id, "to": {"agent": "worker-1"}, "body": {"n": 1}}))  # noqa: E731
        tell = lambda: request(lab.address["rest-api"], "POST", "/api/v1/messages", lab.key, {"to": {"capability": "works"}})  # noqa: E731
        with lab.calling(say, threads=1, pause=1), lab.calling(tell, threads=1, pause=1):
            yield


def assign(lab):
    return request(lab.address["rest-api"], "POST", "/api/v1/assignments", lab.key, {"title": "look at it", "assignee": "worker-1"})


def reach_over(lab, tenant):
    """What is asked of a tenant whose border is closed: each is not there."""
    ask = lambda *what: request(lab.address["rest-api"], *what)  # noqa: E731
    ask("GET", f"/api/v1/agents/discover?tenant_id={tenant}", lab.key)
    ask("POST", "/api/v1/tasks", lab.key, {"type": "build", "tenant_id": tenant})
    return ask("POST", "/api/v1/messages", lab.key, {"to": {"agent": "somebody", "tenant_id": tenant}})


def vanish(lab, address):
    """An agent that is there, and then is not."""
    with here(Agent(address, key(lab), "ghost", heartbeat=2)):
        time.sleep(0.5)
    return 200, None


def turn_away(lab, address):
    """One that does not read, until it is sent away."""
    with here(Deaf(address, key(lab))) as [deaf]:
        deaf.threads[0].join(30)
    return 200, None
