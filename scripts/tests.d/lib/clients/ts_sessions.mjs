// The TypeScript SDK of the first generation (`@modelcontextprotocol/sdk`), which knows sessions only.
// Arguments: the task (see scenario.py), the folder of the package.

import { pathToFileURL } from 'node:url';
import { changeSignal, main } from './scenario.mjs';

const part = name => import(pathToFileURL(`${process.argv[3]}/dist/esm/${name}.js`));
const { Client } = await part('client/index');
const { StdioClientTransport } = await part('client/stdio');
const { StreamableHTTPClientTransport } = await part('client/streamableHttp');
const { CallToolResultSchema, ToolListChangedNotificationSchema } = await part('types');

function transport(target) {
    if (!target.url) return new StdioClientTransport(target);
    const requestInit = { headers: { Authorization: `Bearer ${target.key}` } };
    return new StreamableHTTPClientTransport(new URL(target.url), { requestInit });
}

async function connect(target) {
    const signal = changeSignal();
    const client = new Client({ name: 'real-clients', version: '1' });
    client.setNotificationHandler(ToolListChangedNotificationSchema, signal.noted);
    let version;
    const way = transport(target);
    // The client tells its transport which version was agreed on; that is where it can be read.
    way.setProtocolVersion = (set => agreed => { version = agreed; set?.call(way, agreed); })(way.setProtocolVersion);
    await client.connect(way);
    return {
        version,
        server: client.getServerVersion().name,
        async tools() {
            const found = [];
            let cursor;
            do {
                const page = await client.listTools({ cursor });
                found.push(...page.tools);
                cursor = page.nextCursor;
            } while (cursor);
            return found;
        },
        call: (name, args, options) => client.callTool({ name, arguments: args }, CallToolResultSchema, options),
        changes: async () => signal.listen(),
        close: () => client.close(),
    };
}

await main(connect);
