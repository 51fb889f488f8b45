// Has the TypeScript compiler check files: literals of a type, so that unknown fields are found too.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Compiles `[name, text]` pairs beside the node_modules of `modules`: the compiler's exit code and what it said. */
export function compile(modules, sources) {
    const work = mkdtempSync(join(modules, 'check-'));
    try {
        for (const [name, text] of sources) writeFileSync(join(work, `${name}.ts`), text);
        const options = { strict: true, noEmit: true, skipLibCheck: true, module: 'esnext', moduleResolution: 'bundler', target: 'es2022', types: [] };
        writeFileSync(join(work, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }));
        const compiler = join(modules, 'node_modules/typescript/bin/tsc');
        const { status, stdout, stderr, error } = spawnSync(process.execPath, [compiler, '-p', work, '--pretty', 'false'], { encoding: 'utf8' });
        if (error) throw error;
        return { status, said: (stdout + stderr).replaceAll(`${work}/`, '') };
    } finally {
        rmSync(work, { recursive: true });
    }
}
