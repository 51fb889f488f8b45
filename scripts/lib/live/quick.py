"""Seconds of traffic with errors: panels, rules and aliases have its figures, an alert comes and goes, and one stays away."""

import contextlib
import re
import time

from ..drills import sockets, traffic
from ..drills.lab import Lab
from ..drills.runbook import page_of
from ..drills.stack import MACHINE, Stack
from ..waiting import eventually
from . import agents, doctor, incidents, questions
from .inquiry import Inquiry

SCALE = 30
SERVICE, FIRES, HELD_BACK = "mcp-server", "MCPHighErrorRate", "HighErrorRate"
# What more than traffic with errors has to happen for; full/live-queries.sh makes it happen.
INCIDENTS = ("alertmanager_", "mcp_database_connection_errors", 'outcome!="ok"', "mcp_jobs_in_doubt", "redis_", "mcp_audit_records_lost",
             "telemetry_dropped", "slow_consumer", "up{job", "tokio_global_queue_depth", 'sum by (service) (rate(http_requests_total{status=~"5.."}')


def chosen():
    of_guides = [one for one in questions.printed() if re.search("mcp_(websocket|agent)", one.query)]
    return of_guides + [one for one in questions.shipped() if not any(part in one.query for part in INCIDENTS)]


def run(binaries, folder):
    """The inquiry with its answers, and what else is wrong."""
    with contextlib.ExitStack() as ends:
        lab = Lab(binaries, folder)
        ends.callback(lab.stop)
        lab.start().add("pcf", {"concurrency": 1})
        (folder / "stack").mkdir()
        stack = Stack(lab, folder / "stack", SCALE)
        ends.callback(stack.stop)
        stack.start()
        eventually(60, "every target is up", lambda: stack.value("count(up == 1)") == lab.targets())
        inquiry = Inquiry(stack, chosen())
        inquiry.remember()
        return inquiry, course(lab, stack, inquiry)


def course(lab, stack, inquiry):
    with lab.everyday(), incidents.stream(lab), sockets.agents(lab), agents.at_work(lab, deaf=False):
        incidents.limits(lab)
        with contextlib.ExitStack() as callers:
            for one in errors(lab):
                callers.enter_context(one)
            inquiry.ask_for(8)  # Every call fails: breakers open.
            lab.shop.behave(broken=3, late=4, delay=0.6, hang=True)
            incidents.limits(lab)  # The first refusal of a kind makes its series, the next one moves it.
            lab.api("PUT", "/limits/tenant", {"rate": "10000/s", "burst": 10000})
            inquiry.ask_for(30)
            problems = arrived(stack) + stayed_away(stack)
        ended(lab, stack)
        eventually(60, "every target is up", lambda: stack.value("count(up == 1)") == lab.targets())
        problems += doctor.prometheus(lab, stack, {}) + doctor.mislabelled(lab, stack)
    return problems + inquiry.problems()


def errors(lab):
    """The upstream is slow and fails, some callers have no key, some want a tool that is not there, one waits."""
    lab.shop.behave(broken=1, late=4, delay=0.6, hang=True)
    waited_for = lab.later("shop_write", {"n": "1"})[1]["id"]
    turn = iter(range(1 << 30))

    def ask():
        lab.later("shop_answer", {"n": "1"})
        incidents.unreadable_message(lab)
        if next(turn) % 2:
            return lab.call("shop_nothing")
        return traffic.call_tool(lab.address["mcp-server-2"], "dm_live_" + "0" * 40, "shop_answer")

    return (incidents.stream(lab), lab.calls("shop_answer", threads=6, pause=0.1), lab.calls("pcf_answer", threads=4, pause=0.1), lab.calls("fragile_answer", threads=2),
            lab.calling(ask, threads=1, pause=0.5), lab.reads(f"/jobs/{waited_for}?wait_seconds=5", threads=1))


def arrived(stack):
    """The alert that this raises, with the link to a page that is there."""
    notice = eventually(60, f"{FIRES} arrives", lambda: stack.recorder.first(FIRES, "firing", but=MACHINE))
    link = notice["annotations"].get("runbook_url", "")
    fits = notice["receiver"] == "pagerduty-critical" and link.startswith("https://") and page_of(link).is_file()
    return [] if fits else [f"{FIRES} came to {notice['receiver']} with the runbook {link!r}"]


def stayed_away(stack):
    """The milder alert fires and is held back: nobody but the machine that writes all down has heard of it."""
    def held_back():
        return [one for one in stack.known() if one["labels"]["alertname"] == HELD_BACK and one["labels"]["service"] == SERVICE
                and one["status"]["inhibitedBy"]]

    eventually(60, f"{HELD_BACK} is held back", held_back)
    time.sleep(3)  # Longer than it would wait to be told.
    told = [one["receiver"] for one in stack.recorder.seen if one["name"] == HELD_BACK and one["labels"]["service"] == SERVICE
            and one["receiver"] != MACHINE]
    return [f"{HELD_BACK} was told to {told}"] if told else []


def ended(lab, stack):
    """People hear of the end, and the mesh has written both down."""
    lab.shop.behave()
    eventually(60, f"the end of {FIRES} arrives", lambda: stack.recorder.first(FIRES, "resolved", but=MACHINE))

    def written():
        alerts = lab.api("GET", f"/alerts?alertname={FIRES}")["items"]
        return [one for one in alerts if one["priority"] == "P0" and one["ended_at"]]

    eventually(20, f"the mesh has {FIRES} from its beginning to its end", written)
