// Load on a mesh, with the baselines of its monitoring as thresholds: k6 exits with a failure when one is missed.
//
//   k6 run -e DEVMESH_API_KEY=dm_… scripts/load-test.js
//
// MCP_URL (http://127.0.0.1:8080/mcp), API_URL (http://127.0.0.1:8081), TOOL (mesh_whoami) and ARGUMENTS ({}) say what is called; RATE
// (50 calls a second) and DURATION (2m) how hard. METRICS is a list of the services' pages, for CPU and memory; the key needs
// the scopes to list and to call tools. Baselines: p99 below 1 s, errors below 0.1 %, CPU below 50 %, memory below 60 %.
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Rate, Trend } from 'k6/metrics';

const MCP_URL = __ENV.MCP_URL || 'http://127.0.0.1:8080/mcp';
const API_URL = (__ENV.API_URL || 'http://127.0.0.1:8081').replace(/\/$/, '');
const METRICS = (__ENV.METRICS || 'http://127.0.0.1:8080/metrics,http://127.0.0.1:8081/metrics,http://127.0.0.1:8082/metrics').split(',');
const TOOL = __ENV.TOOL || 'mesh_whoami';
const ARGUMENTS = JSON.parse(__ENV.ARGUMENTS || '{}');
const RATE = Number(__ENV.RATE || 50);
const DURATION = __ENV.DURATION || '2m';
const VERSION = '2026-07-28';

const failures = new Rate('mesh_errors');
const latency = new Trend('mesh_duration', true);
const cpu = new Trend('mesh_cpu_percent');
const memory = new Trend('mesh_memory_percent');

const calls = { executor: 'constant-arrival-rate', duration: DURATION, timeUnit: '1s', preAllocatedVUs: 20, maxVUs: 200 };

export const options = {
    scenarios: {
        tool_calls: { ...calls, rate: RATE, exec: 'callTool' },
        tool_lists: { ...calls, rate: Math.max(1, Math.round(RATE / 10)), exec: 'listTools' },
        api_reads: { ...calls, rate: Math.max(1, Math.round(RATE / 10)), exec: 'readApi' },
        resources: { executor: 'constant-arrival-rate', duration: DURATION, rate: 1, timeUnit: '5s', preAllocatedVUs: 1, maxVUs: 1, exec: 'readResources' },
    },
    thresholds: {
        mesh_duration: ['p(99)<1000'],
        mesh_errors: ['rate<0.001'],
        mesh_cpu_percent: ['avg<50'],
        mesh_memory_percent: ['max<60'],
        dropped_iterations: ['count==0'],
    },
    summaryTrendStats: ['avg', 'p(50)', 'p(95)', 'p(99)', 'max'],
};

function headers(more) {
    return { headers: { 'content-type': 'application/json', authorization: `Bearer ${__ENV.DEVMESH_API_KEY}`, ...more } };
}

// One MCP request of the stateless era.
function mcp(method, params, name) {
    const meta = {
        'io.modelcontextprotocol/protocolVersion': VERSION,
        'io.modelcontextprotocol/clientCapabilities': {},
        'io.modelcontextprotocol/clientInfo': { name: 'load-test', version: '1' },
    };
    const body = { jsonrpc: '2.0', id: exec.scenario.iterationInTest + 1, method, params: { ...params, _meta: meta } };
    const more = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': VERSION, 'mcp-method': method };
    if (name) more['mcp-name'] = name;
    return http.post(MCP_URL, JSON.stringify(body), headers(more));
}

function count(answer, well) {
    latency.add(answer.timings.duration);
    failures.add(!check(answer, { answered: (one) => one.status === 200, 'as it should be': well }));
}

export function setup() {
    if (!__ENV.DEVMESH_API_KEY) exec.test.abort('DEVMESH_API_KEY is not set: devmesh keys create load-test --output json | jq -r .secret');
}

export function callTool() {
    count(mcp('tools/call', { name: TOOL, arguments: ARGUMENTS }, TOOL), (answer) => {
        const { result } = answer.json();
        return result !== undefined && result.isError !== true;
    });
}

export function listTools() {
    count(mcp('tools/list', {}), (answer) => answer.json().result.tools.length > 0);
}

export function readApi() {
    count(http.get(`${API_URL}/api/v1/tools`, headers({})), (answer) => Array.isArray(answer.json().items));
}

let before;

// CPU between two reads, and memory, of what the processes may use; the baselines' own figures, from the services themselves.
export function readResources() {
    const pages = METRICS.map((url) => http.get(url).body || '').join('\n');
    const of = (name) => [...pages.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map((found) => Number(found[1]));
    const sum = (name) => of(name).reduce((all, one) => all + one, 0);
    const now = { at: Date.now() / 1000, used: sum('process_cpu_seconds_total') };
    if (before && now.at > before.at) cpu.add((100 * (now.used - before.used)) / (now.at - before.at) / sum('process_cpu_limit_cores'));
    before = now;
    const limits = of('process_memory_limit_bytes');
    of('process_resident_memory_bytes').forEach((bytes, at) => memory.add((100 * bytes) / limits[at]));
}
