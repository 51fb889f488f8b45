"""Agents of a drill: they register over a WebSocket, say that they are there, and deal with their tasks as they were told to.

As a program (a JSON object as its argument: address, key, names, and what `Agent` takes) they can be killed and frozen."""

import contextlib
import json
import random
import sys
import threading
import time

from .sockets import Wire


class Agent(Wire):
    """`does`: `works`, `fails`, `holds` (answers no task), `stalls` (accepts it, and is not heard again)."""

    def __init__(self, address, key, name, kind="custom", capabilities=(), capacity=4, heartbeat=10, does="works", takes=0.2, model="drill-1"):
        self.does, self.takes, self.heartbeat, self.open = does, takes, heartbeat, 0
        self.answers, self.answered = {}, threading.Condition()
        self.id, self.epoch = None, None
        super().__init__(address, key)
        self.also(self.listen)
        agent = self.ask("agent.register", {"name": name, "type": kind, "capabilities": list(capabilities), "capacity": capacity,
                                            "heartbeat_seconds": heartbeat, "model": model})
        self.id, self.epoch, self.capacity = agent["id"], agent["epoch"], capacity
        self.beat()
        self.also(self._beats)

    def ask(self, method, params):
        number = self.request(method, params)
        with self.answered:
            if not self.answered.wait_for(lambda: number in self.answers, 20):
                raise OSError(f"{method} is not answered")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise OSError(f"{method}: {answer['error']}")
        return answer["result"]

    def heard(self, message):
        if message.get("method") == "task.assigned":
            threading.Thread(target=self._deal, args=(message["params"]["task"],), daemon=True).start()
        elif message.get("method") == "message.received":
            threading.Thread(target=self._read, args=(message["params"]["message"]["id"],), daemon=True).start()
        elif "id" in message:
            with self.answered:
                self.answers[message["id"]] = message
                self.answered.notify_all()

    def beat(self):
        self.ask("agent.heartbeat", {"agent_id": self.id, "epoch": self.epoch, "workload": min(1.0, self.open / self.capacity)})

    def _beats(self):
        with contextlib.suppress(OSError):
            while not self.stopped.wait(self.heartbeat / 3):
                self.beat()

    def _read(self, message):
        with contextlib.suppress(OSError):
            self.ask("message.ack", {"agent_id": self.id, "message_id": message})

    def _deal(self, task):
        if self.does == "holds":
            return
        self.open += 1
        # What it says may be late; the mesh refuses it then, which is all that it has to do.
        with contextlib.suppress(OSError):
            say = lambda verb, **more: self.ask(f"task.{verb}", {"agent_id": self.id, "task_id": task["id"], "fence": task["fence"], **more})  # noqa: E731
            say("accept")
            if self.does == "stalls":
                return
            self.stopped.wait(self.takes * random.uniform(0.5, 1.5))
            say("progress", percent=50)
            if self.does == "fails":
                say("fail", kind="no_luck", message="it does not work")
            else:
                say("complete", result={"fine": True})
        self.open -= 1


class Deaf(Wire):
    """Asks for lists and reads none of the answers."""

    def __init__(self, address, key):
        super().__init__(address, key, buffer=4096)
        self.also(self._asks)

    def _asks(self):
        with contextlib.suppress(OSError):
            while not self.stopped.wait(0.01):
                self.request("tools/list", {})


@contextlib.contextmanager
def here(*agents):
    try:
        yield agents
    finally:
        for one in agents:
            one.close()


def main():
    told = json.loads(sys.argv[1])
    common = {name: value for name, value in told.items() if name not in ("address", "key", "names")}
    agents = [Agent(told["address"], told["key"], name, **common) for name in told["names"]]
    print(f"{len(agents)} agents are here", flush=True)
    with here(*agents):
        while True:
            time.sleep(60)  # The agents' threads work; this program ends when it is killed.


if __name__ == "__main__":
    main()
