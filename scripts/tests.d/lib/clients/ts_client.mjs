// The TypeScript SDK of the second generation (`@modelcontextprotocol/client`), which speaks 2026-07-28 when told to
// negotiate, and the eras before it. Arguments: the task (see scenario.py), the folder of the package.

import { pathToFileURL } from 'node:url';
import { changeSignal, main } from './scenario.mjs';

const part = name => import(pathToFileURL(`${process.argv[3]}/dist/${name}.mjs`));
const { Client, StreamableHTTPClientTransport } = await part('index');
const { StdioClientTransport } = await part('stdio');

function transport(target) {
    if (!target.url) return new StdioClientTransport(target);
    const requestInit = { headers: { Authorization: `Bearer ${target.key}` } };
    return new StreamableHTTPClientTransport(new URL(target.url), { requestInit });
}

async function connect(target, mode) {
    const signal = changeSignal();
    const onChanged = error => { if (!error) signal.noted(); };
    const client = new Client({ name: 'real-clients', version: '1' }, {
        versionNegotiation: { mode },
        listChanged: { tools: { onChanged, autoRefresh: false } },
    });
    await client.connect(transport(target));
    return {
        version: client.getNegotiatedProtocolVersion(),
        server: client.getServerVersion()?.name,
        tools: async () => (await client.listTools()).tools,
        call: (name, args, options) => client.callTool({ name, arguments: args }, options),
        changes: async () => signal.listen(),
        close: () => client.close(),
    };
}

await main(connect);
