"""The Python library `websockets` speaks mcp.v1, with a codec written from docs/websocket-protocol.md alone.

Arguments: the address of /ws, a key, the address of the workshop. Prints a line for each check and `end`.
"""

import asyncio
import gzip
import json
import pathlib
import struct
import sys

import websockets
from websockets.frames import Opcode

HEADER = struct.Struct(">IBBHQHHI")
MAGIC = 0x4D435057
TYPES = ["request", "response", "notification", "error", "ping", "pong", "batch", "progress"]
URL, KEY = sys.argv[1:3]


def frame(kind, payload, sequence=0, method=0, compress=False):
    payload = gzip.compress(payload) if compress else payload
    return HEADER.pack(MAGIC, 1, TYPES.index(kind), int(compress), sequence, method, 0, len(payload)) + payload


def read(data):
    magic, version, kind, flags, sequence, _method, reserved, size = HEADER.unpack_from(data)
    payload = data[HEADER.size :]
    assert (magic, version, reserved, size) == (MAGIC, 1, 0, len(payload))
    if flags & 1:
        payload = gzip.decompress(payload)
    return TYPES[kind], sequence, bool(flags & 1), payload


def check(name, fits, seen=None):
    print(f"ok: {name}" if fits else f"FAILED: {name}: {seen!r}")


def connect(**more):
    headers = {} if more.pop("without_key", False) else {"Authorization": f"Bearer {KEY}"}
    return websockets.connect(URL, subprotocols=["mcp.v1"], additional_headers=headers, **more)


def request(id, method, params=None):
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}


def initialize(**experimental):
    info = {"name": "python-websockets", "version": websockets.__version__}
    capabilities = {"experimental": {f"io.devmesh/{name}": {} for name in experimental}}
    return request(1, "initialize", {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": info})


async def ask(socket, message):
    await socket.send(json.dumps(message))
    while True:
        answer = json.loads(await socket.recv())
        if answer.get("id") == message["id"]:
            return answer


CALL = {"name": "workshop_get_ticket", "arguments": {}}


async def text():
    async with connect() as socket:
        check("the subprotocol is agreed on", socket.subprotocol == "mcp.v1", socket.subprotocol)
        begun = await ask(socket, initialize())
        check("initialize is answered", begun["result"]["serverInfo"]["name"] == "devmesh", begun)
        tools = await ask(socket, request(2, "tools/list"))
        names = [tool["name"] for tool in tools["result"]["tools"]]
        check("tools are listed", CALL["name"] in names, names)
        ticket = {"name": "workshop_create_ticket", "arguments": {"title": "over a WebSocket"}}
        made = await ask(socket, request(3, "tools/call", ticket))
        CALL["arguments"]["id"] = made["result"]["structuredContent"]["id"]
        called = await ask(socket, request(4, "tools/call", CALL))
        check("tools are called", called["result"]["structuredContent"]["title"] == "over a WebSocket", called)
        latency = await asyncio.wait_for(await socket.ping(), 5)
        check("a ping of the client is answered", latency >= 0, latency)
        return called["result"]["structuredContent"]


async def binary(expected):
    async with connect() as socket:
        await socket.send(frame("request", json.dumps(initialize()).encode(), 1, 1))
        kind, sequence, _, payload = read(await socket.recv())
        check("binary is answered in binary", (kind, sequence) == ("response", 1), (kind, sequence))
        call = {"jsonrpc": "2.0", "id": 2, "params": CALL}
        await socket.send(frame("request", json.dumps(call).encode(), 2, 3, compress=True))
        kind, sequence, _, payload = read(await socket.recv())
        same = json.loads(payload)["result"]["structuredContent"] == expected
        check("a compressed call by number answers the same", same and sequence == 2, payload)
        await socket.send(frame("request", json.dumps(request(3, "tool.list")).encode(), 3, 2))
        kind, _, compressed, payload = read(await socket.recv())
        check("a large answer is compressed", compressed and "result" in json.loads(payload), kind)
        await socket.send(frame("ping", b"there?"))
        kind, _, _, payload = read(await socket.recv())
        check("a ping frame gets its pong", (kind, payload) == ("pong", b"there?"), (kind, payload))


async def first_message():
    async with connect(without_key=True) as socket:
        answer = await ask(socket, request(0, "authenticate", {"key": KEY}))
        check("the key comes with the first message", answer["result"] == {}, answer)
        begun = await ask(socket, initialize())
        check("and the connection is used like any other", "result" in begun, begun)


async def back():
    async with connect() as socket:
        begun = await ask(socket, initialize(resume=True))
        token = begun["result"]["_meta"]["io.devmesh/connection"]["resumeToken"]
        last = begun["seq"]
        await socket.send(json.dumps(request(2, "tools/call", CALL)))
        await socket.send(json.dumps(request(3, "ping")))
        while json.loads(await socket.recv())["id"] != 2:
            pass
        socket.transport.abort()
    async with connect() as socket:
        answer = await ask(socket, request(9, "resume", {"token": token, "last": last}))
        count = answer.get("result", {}).get("replayed", 0)
        missed = [json.loads(await socket.recv()) for _ in range(count)]
        numbers = [message["seq"] for message in missed]
        check("what was not processed comes again, in order", numbers == [last + 1, last + 2], (answer, numbers))
        check("with the answers in it", {2, 3} == {message["id"] for message in missed}, missed)


async def hostile():
    rows = json.loads(pathlib.Path("docs/websocket-vectors.json").read_text())["hostile"]
    rows = [row for row in rows if ("text" in row or "hex" in row) and "answers" not in row]
    wrong = []
    for row in rows:
        async with connect(max_size=None) as socket:
            await ask(socket, initialize())
            await socket.send(row["text"] if "text" in row else bytes.fromhex(row["hex"]))
            if "close" in row:
                try:
                    seen = await asyncio.wait_for(socket.recv(), 10)
                except websockets.ConnectionClosed as closed:
                    seen = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else None
                fits = seen == (row["close"], row["reason"])
            elif row["answer"] is None:
                fits = "result" in (seen := await ask(socket, request(77, "ping")))
            else:
                fits = (seen := json.loads(await asyncio.wait_for(socket.recv(), 10))) == row["answer"]
            if not fits:
                wrong.append((row["name"], seen))
    check(f"{len(rows)} hostile frames get their answers", not wrong and len(rows) >= 60, wrong)


def raw(opcode, data=b"", fin=True, rsv1=False, rsv2=False, rsv3=False, mask=True):
    first = fin << 7 | rsv1 << 6 | rsv2 << 5 | rsv3 << 4 | opcode
    assert len(data) < 126
    masked = bytes([first, mask << 7 | len(data)]) + (b"\0\0\0\0" if mask else b"")
    return masked + data


TEXT, BINARY, CONT, PING, CLOSE = Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.CLOSE
HALF = json.dumps(request(5, "ping")).encode()
GREEK = json.dumps(request(5, "ping", {"a": "κόσμε"}), ensure_ascii=False).encode()

# What RFC 6455 says of frames, as the Autobahn suite asks it (its numbers in brackets). `None`: the connection goes on.
RFC_6455 = {
    "reserved bit 1 [3.1]": (raw(TEXT, HALF, rsv1=True), {1002}),
    "reserved bit 2 [3.2]": (raw(TEXT, HALF, rsv2=True), {1002}),
    "reserved bit 3 on a ping [3.5]": (raw(PING, b"x", rsv3=True), {1002}),
    "a reserved data opcode [4.1]": (bytes([0x83, 0x80, 0, 0, 0, 0]), {1002}),
    "a reserved control opcode [4.2]": (bytes([0x8B, 0x80, 0, 0, 0, 0]), {1002}),
    "a ping of 126 bytes [2.5]": (bytes([0x89, 0xFE, 0, 126, 0, 0, 0, 0]) + b"x" * 126, {1002}),
    "a ping in fragments [5.1]": (bytes([0x09, 0x80, 0, 0, 0, 0]), {1002}),
    "a continuation of nothing [5.9]": (raw(CONT, HALF), {1002}),
    "a text within a text [5.18]": (raw(TEXT, HALF[:9], fin=False) + raw(TEXT, HALF), {1002}),
    "text in two fragments [5.3]": (raw(TEXT, HALF[:9], fin=False) + raw(CONT, HALF[9:]), None),
    "text in fragments of a byte [5.5]": (
        raw(TEXT, HALF[:1], fin=False) + b"".join(raw(CONT, HALF[i : i + 1], fin=False) for i in range(1, len(HALF))) + raw(CONT),
        None,
    ),
    "a ping between fragments [5.6]": (raw(TEXT, HALF[:9], fin=False) + raw(PING, b"?") + raw(CONT, HALF[9:]), None),
    "text that is no UTF-8 [6.3]": (raw(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"), {1007}),
    "text that is no UTF-8 over two fragments [6.4]": (raw(TEXT, b"\xce\xba\xf4", fin=False) + raw(CONT, b"\x90\x80\x80"), {1007}),
    "UTF-8 cut in the middle of a character [6.2]": (
        raw(TEXT, GREEK[:-6], fin=False)
        + raw(CONT, GREEK[-6:]),
        None,
    ),
    "a frame without a mask": (raw(TEXT, HALF, mask=False), {1002}),
    "a close of one byte [7.3.2]": (raw(CLOSE, b"\x03"), {1002}),
    "a close with a code that is none [7.9]": (raw(CLOSE, struct.pack(">H", 999)), {1002}),
    "a close with the code 1005 [7.9.5]": (raw(CLOSE, struct.pack(">H", 1005)), {1002}),
    "a close whose reason is no UTF-8 [7.5]": (raw(CLOSE, struct.pack(">H", 1000) + b"\xff"), {1007, 1002}),
    "a close without a code [7.3.1]": (raw(CLOSE), {1000, 1005}),
    "a close with a code of one's own [7.7]": (raw(CLOSE, struct.pack(">H", 4999)), {4999, 1000}),
}


async def of_the_rfc():
    wrong = []
    for name, (sent, codes) in RFC_6455.items():
        async with connect() as socket:
            await ask(socket, initialize())
            socket.transport.write(sent)
            try:
                seen = json.loads(await asyncio.wait_for(socket.recv(), 10))
                fits = codes is None and seen == {"jsonrpc": "2.0", "id": 5, "result": {}}
            except websockets.ConnectionClosed as closed:
                seen = closed.rcvd.code if closed.rcvd else "cut"
                fits = codes is not None and seen in codes
            if not fits:
                wrong.append((name, seen))
    check(f"{len(RFC_6455)} cases of RFC 6455 end as it says", not wrong, wrong)


async def refused():
    for name, options, status in [
        ("without the subprotocol", {"subprotocols": None}, 400),
        ("with another origin", {"subprotocols": ["mcp.v1"], "origin": "https://evil.example"}, 403),
    ]:
        try:
            async with websockets.connect(URL, additional_headers={"Authorization": f"Bearer {KEY}"}, **options):
                check(f"a handshake {name} is refused", False)
        except websockets.InvalidStatus as error:
            check(f"a handshake {name} is refused", error.response.status_code == status, error.response.status_code)


async def main():
    await binary(await text())
    await first_message()
    await back()
    await refused()
    await of_the_rfc()
    await hostile()
    print("end")


asyncio.run(main())
