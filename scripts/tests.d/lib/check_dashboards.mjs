// Holds the dashboards against Grafana's own schema: each is written into a TypeScript file as a literal of the schema's type,
// which the compiler then checks, unknown fields and values of enumerations included. And every query of queries.json
// against the grammar of its language.
//
//   node check_dashboards.mjs FOLDER_WITH_NODE_MODULES deploy/monitoring
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve as absolute } from 'node:path';
import { pathToFileURL } from 'node:url';

import { compile } from './compile.mjs';

const [modules, monitoring] = process.argv.slice(2).map((path) => absolute(path));
const schema = join(modules, 'node_modules/@grafana/schema/dist/types/raw');
const folder = join(monitoring, 'grafana/dashboards');
const resolve = (name) => pathToFileURL(createRequire(join(modules, 'package.json')).resolve(name));

// Enumerations of the schema are TypeScript's; JSON has their values.
const HEAD = `
type Json<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
    : T extends Array<infer U> ? Array<Json<U>> : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
import type { Dashboard, Panel, RowPanel, AnnotationQuery } from '${schema}/dashboard/x/types.gen';
// What the data sources' plug-ins add to an annotation.
type Annotation = AnnotationQuery & { expr?: string; step?: string; titleFormat?: string; textFormat?: string; tagKeys?: string };
// A variable's definition is the editor's copy of its query.
type Variables = NonNullable<NonNullable<Dashboard['templating']>['list']>;
type Page = Omit<Dashboard, 'annotations' | 'templating' | 'panels'> & {
    annotations: { list: Annotation[] };
    templating: { list: (Variables[number] & { definition?: string })[] };
    panels: (Panel | RowPanel)[];
};
`;

function source(dashboard) {
    const kinds = [...new Set(dashboard.panels.map((panel) => panel.type))].filter((kind) => kind !== 'row');
    const imports = kinds.map((kind) => `import type * as ${kind} from '${schema}/composable/${kind}/panelcfg/x/types.gen';`);
    const panels = dashboard.panels.filter((panel) => panel.type !== 'row').flatMap((panel) => {
        const name = `${panel.type}_${panel.id}`;
        const custom = panel.fieldConfig?.defaults.custom ?? {};
        return [
            `export const ${name}: Json<${panel.type}.Options> = ${JSON.stringify(panel.options)};`,
            Object.keys(custom).length ? `export const ${name}_custom: Json<${panel.type}.FieldConfig> = ${JSON.stringify(custom)};` : '',
        ];
    });
    return [HEAD, ...imports, `export const page: Json<Page> = ${JSON.stringify(dashboard, null, 1)};`, ...panels].join('\n');
}

const dashboards = readdirSync(folder).filter((file) => file.endsWith('.json'))
    .map((file) => [file.slice(0, -5), JSON.parse(readFileSync(join(folder, file), 'utf8'))]);
let failed = 0;
const check = (well, name, said = '') => {
    if (!well) failed += 1;
    console.log(`${well ? 'ok' : 'FAILED'}: ${name}${well ? '' : `\n${said}`}`);
};

const { status, said } = compile(modules, dashboards.map(([name, dashboard]) => [name, source(dashboard)]));
check(status === 0, `${dashboards.length} dashboards fit Grafana's schema`, said);
// The check must be able to fail: a wrong field, a wrong value of an enumeration, an option that no panel has.
const spoil = [
    (page) => { page.tittle = page.title; },
    (page) => { page.panels[1].fieldConfig.defaults.color.mode = 'rainbow'; },
    (page) => { page.panels[1].options.colour = 'red'; },
];
for (const [at, change] of spoil.entries()) {
    const page = structuredClone(dashboards[0][1]);
    change(page);
    check(compile(modules, [['spoilt', source(page)]]).status !== 0, `mistake ${at + 1} in a dashboard is found`);
}

const { parser: logql } = await import(resolve('@grafana/lezer-logql'));
const { parser: promql } = await import(resolve('@prometheus-io/lezer-promql'));
const faults = (text, parser) => {
    let found = 0;
    parser.parse(text).iterate({ enter: (node) => { found += node.type.isError ? 1 : 0; } });
    return found;
};
const queries = JSON.parse(readFileSync(join(monitoring, 'queries.json'), 'utf8'));
const wrong = queries.filter(({ expr, language }) => faults(expr, language === 'logql' ? logql : promql));
check(queries.length > 100 && wrong.length === 0, `${queries.length} queries parse`, wrong.map((query) => query.where).join('\n'));
const selectors = ['promtail.yml', 'alloy.alloy', 'alloy.kubernetes.alloy'].map((file) => {
    const [, quoted, single] = readFileSync(join(monitoring, 'logs', file), 'utf8').match(/selector(?:: '(.*)'| = "(.*)")$/m);
    return quoted ?? JSON.parse(`"${single}"`);
});
check(selectors.every((selector) => faults(selector, logql) === 0), 'the selectors of the log shippers parse', selectors.join('\n'));
check(faults('sum by (a (rate(x[5m])', promql) > 0 && faults('{job="x" | json =', logql) > 0, 'broken queries do not parse');
console.log('end');
process.exit(failed ? 1 : 0);
