// Holds the Kubernetes objects of the pack against Kubernetes' own types and the Prometheus operator's: each is compiled as a
// literal of its type, so unknown fields are found; then what the objects name among each other must be there.
//
//   node check_kubernetes.mjs FOLDER_WITH_NODE_MODULES
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve as absolute } from 'node:path';

import { compile } from './compile.mjs';

const modules = absolute(process.argv[2]);
const { parseAllDocuments } = createRequire(join(modules, 'package.json'))('yaml');
const TOP = 'kubernetes/monitoring';
const EXAMPLES = 'deploy/monitoring/kubernetes';

let failed = 0;
const check = (well, name, said = '') => {
    if (!well) failed += 1;
    console.log(`${well ? 'ok' : 'FAILED'}: ${name}${well ? '' : `: ${said}`}`);
};

const read = (folder) => readdirSync(folder).filter((file) => file.endsWith('.yaml')).flatMap((file) =>
    parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => {
        if (document.errors.length) throw document.errors[0];
        return { file: join(folder, file), object: document.toJS() };
    }));
const all = [...read(TOP), ...read(join(TOP, 'operator')), ...read(EXAMPLES)];
const kustomizations = all.filter(({ object }) => object.kind === 'Kustomization');
const objects = all.filter(({ object }) => object.kind !== 'Kustomization');

function source(object) {
    const ours = object.apiVersion.startsWith('monitoring.coreos.com/') ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models';
    const types = join(modules, 'node_modules', ours, object.apiVersion, object.kind);
    return `import type { I${object.kind} } from '${types}';\nexport const it: I${object.kind} = ${JSON.stringify(object, null, 1)};\n`;
}

const sources = objects.map(({ object }, at) => [`${at}-${object.kind}`, source(object)]);
const { status, said } = compile(modules, sources);
check(status === 0 && objects.length > 50, `${objects.length} objects fit the types of their kinds`, said);
const spoilt = structuredClone(objects.find(({ object }) => object.kind === 'StatefulSet').object);
spoilt.spec.template.spec.containers[0].imag = 'x';
check(compile(modules, [['spoilt', source(spoilt)]]).status !== 0, 'a wrong field in an object is found');

const of = (kind) => objects.map(({ object }) => object).filter((object) => object.kind === kind);
const find = (kind, name) => of(kind).find((object) => object.metadata.name === name);
for (const object of [...of('Deployment'), ...of('StatefulSet')].filter((one) => one.metadata.labels['app.kubernetes.io/part-of'] === 'devmesh-monitoring')) {
    const { name } = object.metadata;
    const pod = object.spec.template;
    const wrong = [];
    for (const volume of pod.spec.volumes) {
        if (volume.configMap && !find('ConfigMap', volume.configMap.name)) wrong.push(volume.configMap.name);
        for (const { configMap } of volume.projected?.sources ?? []) {
            if (!configMap) continue;
            const data = find('ConfigMap', configMap.name)?.data;
            if (!data) wrong.push(configMap.name);
            for (const { key } of configMap.items ?? []) if (!data?.[key]) wrong.push(`${configMap.name}/${key}`);
        }
    }
    const volumes = [...pod.spec.volumes, ...(object.spec.volumeClaimTemplates ?? [])].map((volume) => volume.name ?? volume.metadata.name);
    for (const mount of pod.spec.containers[0].volumeMounts) if (!volumes.includes(mount.name)) wrong.push(`volume ${mount.name}`);
    const service = find('Service', name);
    const matches = Object.entries(service?.spec.selector ?? { none: 1 }).every(([label, value]) => pod.metadata.labels[label] === value);
    if (!matches) wrong.push('its service does not select it');
    for (const port of service?.spec.ports ?? []) {
        if (!pod.spec.containers[0].ports.some((one) => one.name === port.targetPort)) wrong.push(`port ${port.targetPort}`);
    }
    const account = pod.spec.serviceAccountName;
    if (account && !(find('ServiceAccount', account) && find('ClusterRoleBinding', `devmesh-monitoring-${name}`))) wrong.push('its account');
    check(wrong.length === 0, `${name} finds its files, volumes, ports and account`, wrong.join(', '));
}

// Hosts that the configurations talk to.
const hosts = new Set(of('Service').map((service) => service.metadata.name));
for (const map of of('ConfigMap')) {
    const text = Object.values(map.data).join('\n').replaceAll(/^\s*(#|\/\/).*$/gm, '');
    const named = [...text.matchAll(/(?:https?:\/\/|endpoint: |\[|replacement: |hostname: )"?([a-z][a-z-]*)(?::\d+|, port)/g)].map((found) => found[1]);
    const missing = named.filter((host) => !hosts.has(host) && !['localhost', 'jaeger'].includes(host));
    check(missing.length === 0, `${map.metadata.name} talks to services that are there`, missing.join(', '));
    check(Buffer.byteLength(JSON.stringify(map)) < 250_000, `${map.metadata.name} is small enough for kubectl apply`);
}
for (const { file, object } of kustomizations) {
    const folder = file.slice(0, file.lastIndexOf('/'));
    const there = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml').sort();
    check(JSON.stringify([...object.resources].sort()) === JSON.stringify(there), `${file} lists every file beside it`, object.resources);
}
console.log('end');
process.exit(failed ? 1 : 0);
