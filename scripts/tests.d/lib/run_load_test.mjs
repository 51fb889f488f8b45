// Runs scripts/load-test.js where there is no k6: its functions in turn, with the few parts of k6's API that it uses. So its
// requests meet a real mesh and its checks and thresholds are tried; the load itself is k6's.
//
//   node run_load_test.mjs ITERATIONS
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const shim = {
    'k6': `export const check = (value, checks) => Object.entries(checks).map(([name, holds]) => {
        const well = Boolean(holds(value)); if (!well) console.log('not ' + name + ': ' + value.status + ' ' + value.body.slice(0, 300)); return well; }).every(Boolean);`,
    'k6/execution': `let at = 0; export default { scenario: { get iterationInTest() { return at++; } }, test: { abort(why) { throw new Error(why); } } };`,
    'k6/metrics': `export const values = {};
        class Metric { constructor(name) { this.all = values[name] = []; } add(value) { this.all.push(Number(value)); } }
        export { Metric as Rate, Metric as Trend };`,
    'k6/http': `import { spawnSync } from 'node:child_process';
        function call(method, url, body, params = {}) {
            const headers = Object.entries(params.headers ?? {}).flatMap(([name, value]) => ['-H', name + ': ' + value]);
            const begin = Date.now();
            const done = spawnSync('curl', ['-sS', '--max-time', '10', '-X', method, ...headers, '-w', '\\n%{http_code}', ...(body ? ['--data-binary', '@-'] : []), url], { input: body ?? '', encoding: 'utf8' });
            const cut = done.stdout.lastIndexOf('\\n');
            const text = done.stdout.slice(0, cut);
            return { status: Number(done.stdout.slice(cut + 1)), body: text, json: () => JSON.parse(text), timings: { duration: Date.now() - begin } };
        }
        export default { get: (url, params) => call('GET', url, undefined, params), post: (url, body, params) => call('POST', url, body, params) };`,
};

const work = mkdtempSync(join(tmpdir(), 'load-'));
try {
    let source = readFileSync('scripts/load-test.js', 'utf8');
    for (const [name, text] of Object.entries(shim)) {
        const file = join(work, `${name.replace('/', '-')}.mjs`);
        writeFileSync(file, text);
        source = source.replace(`from '${name}'`, `from '${pathToFileURL(file)}'`);
    }
    writeFileSync(join(work, 'test.mjs'), source);
    globalThis.__ENV = process.env;
    const test = await import(pathToFileURL(join(work, 'test.mjs')));
    const { values } = await import(pathToFileURL(join(work, 'k6-metrics.mjs')));
    test.setup();
    for (let at = 0; at < Number(process.argv[2]); at += 1) {
        for (const { exec } of Object.values(test.options.scenarios)) test[exec]();
    }
    const p99 = [...values.mesh_duration].sort((a, b) => a - b)[Math.floor(values.mesh_duration.length * 0.99)];
    const errors = values.mesh_errors.reduce((all, one) => all + one, 0);
    const figures = [values.mesh_cpu_percent, values.mesh_memory_percent].map((all) => Math.max(...all));
    console.log(JSON.stringify({ calls: values.mesh_duration.length, errors, p99, cpu: figures[0], memory: figures[1] }));
    const known = Object.keys(test.options.thresholds).every((name) => name === 'dropped_iterations' || values[name]?.length > 0);
    process.exitCode = errors === 0 && known && figures.every((figure) => Number.isFinite(figure) && figure > 0) ? 0 : 1;
} finally {
    rmSync(work, { recursive: true });
}
