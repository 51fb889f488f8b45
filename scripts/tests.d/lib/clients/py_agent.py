"""An agent written with the Python package of the repository; see quick/websocket.sh. Arguments: the address of /ws, a key."""

import asyncio
import sys

from devmesh_agent import Agent, Failure, Message, Task

agent = Agent(sys.argv[1], sys.argv[2], name="python", capabilities=["python@3"], capacity=4, heartbeat=3)


@agent.on("py_double")
async def double(task: Task):
    return {"n": task.input["n"] * 2, "attempt": task.attempt}


@agent.on("py_second")
async def second(task: Task):
    if task.attempt == 1:
        raise Failure("busy", "come again", retry=True)
    return task.attempt


@agent.on("py_endless")
async def endless(task: Task):
    task.progress(10, "begun")
    try:
        await asyncio.Event().wait()
    finally:
        print("called off", flush=True)


@agent.on("py_break")
async def broken(task: Task):
    # The connection is cut without a word; the result is said over the next one.
    agent.mesh._socket.transport.abort()
    return "over another connection"


answers: asyncio.Queue[dict] = asyncio.Queue()


@agent.on_message
async def read(message: Message):
    """It tells itself numbers: each is answered with its double, and the connection is cut before the answer to the second."""
    if message.reply_to:
        return answers.put_nowait(message.body)
    if message.body["n"] == 2:
        agent.mesh._socket.transport.abort()
    await message.reply({"n": 2 * message.body["n"]})


@agent.on("py_talk")
async def talk(task: Task):
    for number in range(1, task.input["n"] + 1):
        await agent.send("python", {"n": number}, subject="a number")
    return [(await answers.get())["n"] for _ in range(task.input["n"])] + [answers.qsize()]


@agent.on("py_resumed")
async def resumed(task: Task):
    # What is asked when the connection is cut runs on, and its answer is replayed: asked anew it would take its time again.
    token = agent.mesh._token
    held = asyncio.ensure_future(agent.mesh.ask("agent.tasks", {"agent_id": agent._identity[0], "wait_seconds": 1}))
    await asyncio.sleep(0.2)
    agent.mesh._socket.transport.abort()
    await held
    return token is not None and agent.mesh._token == token


@agent.on("py_unsendable")
async def unsendable(task: Task):
    return {1, 2}  # A set is no JSON.


@agent.on("py_beyond")
async def beyond(task: Task):
    task.progress(400, "more than there is")
    await asyncio.sleep(1.5)
    return "done all the same"


asyncio.run(agent.run())
print("ended in order", flush=True)
