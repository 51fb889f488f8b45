// The WebSocket that browsers have (the WHATWG API, as Node ships it) speaks mcp.v1: it can set no headers, so the key is
// the first message, and the page's origin is checked. Arguments: the address of /ws, a key.

const [url, key] = process.argv.slice(2);
const check = (name, fits, seen) => console.log(fits ? `ok: ${name}` : `FAILED: ${name}: ${JSON.stringify(seen)}`);

function open(binary = false) {
    const socket = new WebSocket(url, ['mcp.v1']);
    socket.binaryType = 'arraybuffer';
    const waiting = new Map();
    let id = 0;
    socket.onmessage = ({ data }) => {
        const message = JSON.parse(typeof data === 'string' ? data : new TextDecoder().decode(data.slice(24)));
        waiting.get(message.id)?.({ message, binary: typeof data !== 'string' });
    };
    const ask = (method, params = {}) => new Promise(resolve => {
        waiting.set(++id, resolve);
        const text = JSON.stringify({ jsonrpc: '2.0', id, method, params });
        socket.send(binary ? frame(text, id) : text);
    });
    const opened = new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error('no connection'));
    });
    const closed = new Promise(resolve => { socket.onclose = ({ code, reason }) => resolve({ code, reason }); });
    return { socket, ask, opened, closed };
}

// A request, its method named in the payload: see docs/websocket-protocol.md.
function frame(text, sequence) {
    const payload = new TextEncoder().encode(text);
    const bytes = new Uint8Array(24 + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x4d435057);
    view.setUint8(4, 1);
    view.setBigUint64(8, BigInt(sequence));
    view.setUint32(20, payload.length);
    bytes.set(payload, 24);
    return bytes;
}

const about = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'browser', version: '1' } };
for (const binary of [false, true]) {
    const form = binary ? 'binary' : 'text';
    const { socket, ask, opened, closed } = open(binary);
    await opened;
    check(`${form}: the subprotocol is agreed on`, socket.protocol === 'mcp.v1', socket.protocol);
    const shown = await ask('authenticate', { key });
    check(`${form}: the key comes with the first message`, shown.message.result, shown);
    const begun = await ask('initialize', about);
    check(`${form}: initialize is answered in kind`, begun.message.result && begun.binary === binary, begun);
    const called = await ask('tools/call', { name: 'workshop_create_ticket', arguments: { title: form } });
    check(`${form}: a tool is called`, called.message.result?.structuredContent?.title === form, called);
    socket.close(1000, 'done');
    const { code } = await closed;
    check(`${form}: the connection closes as it was asked to`, code === 1000, code);
}
{
    const { ask, opened, closed } = open();
    await opened;
    const shown = await ask('authenticate', { key: 'dm_wrong' });
    check('a wrong key is refused', shown.message.error?.code === -32000, shown);
    const { code, reason } = await closed;
    check('and the connection closes with the reason', code === 1008 && reason === 'this needs a valid API key', { code, reason });
}
console.log('end');
