// What every TypeScript client does with the mesh, and how it tells what came of it: see scenario.py.
//
// A program gives its SDK's way of doing things as `connect(target, mode)`, which answers an object with `version`,
// `server`, `tools()`, `call(name, arguments, options)`, `changes()` and `close()`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const PATIENCE = 15_000;
const task = JSON.parse(process.argv[2]);
let failed = false;

const within = (promise, time = PATIENCE) => {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not within ${time} ms`)), time);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

async function check(name, work) {
    try {
        await within(work(), 2 * PATIENCE);
        console.log(`ok: ${name}`);
    } catch (error) {
        failed = true;
        console.log(`FAILED: ${name}: ${String(error?.stack ?? error).replaceAll('\n', '\n    ')}`);
    }
}

const fetchJson = async path => (await fetch(`${task.upstream}${path}`)).json();

async function poll(question) {
    const deadline = Date.now() + PATIENCE;
    while (!(await question())) {
        assert.ok(Date.now() < deadline, 'it did not come');
        await new Promise(resume => setTimeout(resume, 20));
    }
}

const text = result => result.content.map(block => block.text ?? '').join('');

const checks = {
    'connects in its era': async client => {
        assert.equal(client.version, task.expect);
        assert.equal(client.server, 'devmesh');
    },
    'lists the tools': async client => {
        const tools = await client.tools();
        const names = tools.map(tool => tool.name);
        assert.deepEqual(names, [...names].sort(), 'the order is by name');
        const tool = name => tools.find(tool => tool.name === name) ?? assert.fail(`${name} is missing`);
        assert.ok(tool('workshop_create_ticket').inputSchema.required.includes('title'));
        assert.equal(tool('workshop_create_ticket').annotations.readOnlyHint, false);
        assert.equal(tool('workshop_get_ticket').annotations.readOnlyHint, true);
        tool('mesh_whoami');
    },
    'calls tools that change and read state': async client => {
        const title = `from ${task.label}`;
        const made = await client.call('workshop_create_ticket', { title, priority: 'high' });
        const ticket = made.structuredContent;
        assert.equal(made.isError ?? false, false, text(made));
        assert.deepEqual(ticket, { id: ticket.id, title, priority: 'high', note: null });
        const read = await client.call('workshop_get_ticket', { id: ticket.id });
        assert.deepEqual(read.structuredContent, ticket);
        assert.deepEqual(JSON.parse(text(read)), ticket);
        const listed = await client.call('workshop_list_tickets', {});
        assert.ok(text(listed).includes(title), text(listed));
        assert.deepEqual(await fetchJson(`/tickets/${ticket.id}`), ticket);
    },
    "calls the mesh's own tool": async client => {
        const me = await client.call('mesh_whoami', {});
        assert.equal(me.structuredContent?.kind, 'gateway', text(me));
    },
    'bad arguments are an error that the model reads': async client => {
        for (const [wrong, named] of [[{}, 'title'], [{ title: 'a', priority: 'urgent' }, 'priority']]) {
            const result = await client.call('workshop_create_ticket', wrong);
            assert.equal(result.isError, true);
            assert.ok(text(result).includes(named), text(result));
        }
    },
    "the upstream's refusal is an error that the model reads": async client => {
        const result = await client.call('workshop_get_ticket', { id: 999999 });
        assert.equal(result.isError, true);
        assert.match(text(result), /404[^]*no ticket 999999/);
    },
    'an unknown tool is a protocol error': async client => {
        await assert.rejects(client.call('workshop_destroy', {}), { code: -32602 });
    },
    'a cancelled call is cancelled upstream': async client => {
        const label = `slow-${task.label}`;
        const fateIs = async fate => (await fetchJson(`/slow/${label}/fate`)) === fate;
        const abort = new AbortController();
        const call = client.call('workshop_slow', { label }, { signal: abort.signal });
        const rejected = assert.rejects(call);
        await poll(() => fateIs('begun'));
        abort.abort('changed my mind');
        await rejected;
        await poll(() => fateIs('abandoned'));
        const again = await client.call('workshop_list_tickets', {});
        assert.ok(!again.isError);
    },
    'is told when the tools change': async client => {
        const has = async () => (await client.tools()).some(tool => tool.name === task.added_tool);
        assert.ok(!(await has()));
        const nextChange = await client.changes();
        const [program, ...rest] = task.add_tool;
        await promisify(execFile)(program, rest);
        do await within(nextChange()); while (!(await has()));
    },
};

function withWrongKey(target) {
    if (target.url) return { ...target, key: task.wrong_key };
    return { ...target, env: { ...target.env, DEVMESH_API_KEY: task.wrong_key } };
}

export async function main(connect) {
    await check('the whole session', async () => {
        const client = await connect(task.target, task.mode);
        for (const [name, work] of Object.entries(checks)) await check(name, () => work(client));
        await client.close();
    });
    await check('progress', async () => {
        const heard = [];
        const client = await connect(task.fixture, task.mode);
        const onprogress = ({ progress, total }) => heard.push([progress, total]);
        const result = await client.call('test_tool_with_progress', {}, { onprogress });
        await client.close();
        assert.ok(!result.isError);
        assert.deepEqual(heard, [[0, 100], [50, 100], [100, 100]]);
    });
    await check('a wrong key is refused', async () => {
        const refused = (async () => (await connect(withWrongKey(task.target), task.mode)).tools())();
        await assert.rejects(within(refused), /valid API key|HTTP 401/);
    });
    console.log('end');
    process.exit(failed ? 1 : 0);
}

/** Answers a function that notes a change, and one that waits for the next one since it was asked for. */
export function changeSignal() {
    let changes = 0, wake = () => {};
    const noted = () => { changes += 1; wake(); };
    const listen = () => {
        let seen = changes;
        return async () => {
            while (changes === seen) await new Promise(resume => { wake = resume; });
            seen = changes;
        };
    };
    return { noted, listen };
}
