"""Jobs that wait, fail, are cut off, or cannot be read."""

import urllib.parse

from .. import traffic
from ...waiting import Missed, eventually
from ..registry import MENDED, arrives, scene

WORKERS = ("worker-1", "worker-2")


@scene("broker-gone", "OutboxPending", "RabbitMQ is frozen (SIGSTOP) while 150 asynchronous calls are asked for", ends_within=120)
def broker_gone(lab, stack):
    broker = lab.server(lab.rabbitmq)
    broker.freeze()
    try:
        for number in range(150):
            lab.later("shop_answer", {"n": str(number)})
        yield arrives()
    finally:
        broker.thaw()
    yield MENDED


@scene("upstream-refuses-jobs", "JobsFailing", "the upstream refuses what the jobs ask for (422)", fires_within=120, ends_within=120)
def upstream_refuses_jobs(lab, stack):
    def ask():
        return lab.later("shop_answer", {"n": "1"})

    with lab.calling(ask, pause=0.3):
        lab.shop.behave(refused=True)
        try:
            yield arrives()
        finally:
            lab.shop.behave()
        yield MENDED


@scene("worker-killed-in-a-write", "JobsInDoubt", "the workers are killed (SIGKILL) while the upstream takes its time with a write",
       fires_within=120, ends_within=60)
def worker_killed_in_a_write(lab, stack):
    job = cut_off_a_write(lab)
    yield arrives()
    lab.api("POST", f"/jobs/{job['id']}/resolve", {"as": "done"})
    yield MENDED


def cut_off_a_write(lab):
    """The job whose write was under way when its worker was killed."""
    lab.shop.behave(hang=True)
    writes = lab.shop.writes
    job = lab.later("shop_write", {"n": "1"})[1]
    eventually(30, "the write is under way", lambda: lab.shop.writes > writes)
    for worker in WORKERS:
        lab[worker].kill()
    lab.shop.behave()
    for worker in WORKERS:
        lab[worker].start()
    return job


@scene("unreadable-message", "DeadLetters", "a message that no worker can read is put into the queue of jobs", ends_within=90)
def unreadable_message(lab, stack):
    parts = urllib.parse.urlsplit(lab.rabbitmq_api)
    body = {"properties": {"delivery_mode": 2}, "routing_key": "devmesh.jobs.normal", "payload": "no job", "payload_encoding": "string"}
    status, answer = traffic.request(f"{parts.hostname}:{parts.port}", "POST", "/api/exchanges/%2F/amq.default/publish", None, body,
                                     {"authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})
    if status != 200 or not answer.get("routed"):
        raise Missed(f"the broker did not take the message: {status} {answer}")
    yield arrives()
    yield MENDED


@scene("no-worker", "QueueOld", "the workers are stopped, and a job waits for it for more than five minutes (thresholds are not scaled)",
       fires_within=400, ends_within=60)
def no_worker(lab, stack):
    for worker in WORKERS:
        lab[worker].stop()
    try:
        lab.later("shop_answer", {"n": "1"})
        yield arrives()
    finally:
        for worker in WORKERS:
            lab[worker].start()
    yield MENDED
