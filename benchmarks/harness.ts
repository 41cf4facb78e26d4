/** What the measurements of kernel modes share: packed scripts, namespaces of their own, tables. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execArgv, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

export interface PackedScripts {
  /** Runs one script in a network namespace of its own and reads the JSON that it prints; `null` where none can be had. */
  inNamespace(script: string, ...args: readonly (string | number)[]): unknown;
  remove(): void;
}

/** Packs what users run packed, too: from source, every process holds the compiler that strips the types (40 MB). */
export async function packScripts(files: readonly string[]): Promise<PackedScripts> {
  const packed = mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
  // Native addons cannot be packed.
  symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), join(packed, 'node_modules'));
  await build({
    // All in one folder, wherever they come from.
    entry: Object.fromEntries(files.map((file) => [basename(file, '.ts'), file])),
    outDir: packed,
    format: 'esm',
    platform: 'node',
    config: false,
    silent: true,
    noExternal: [/.*/],
    outExtension: () => ({ js: '.mjs' }),
    esbuildOptions: (options) => {
      options.conditions = ['signalbox-source'];
    },
  });
  return {
    inNamespace: (script, ...args) => runInNamespace(join(packed, `${script}.mjs`), args.map(String)),
    remove: () => rmSync(packed, { recursive: true }),
  };
}

/** The JSON that a script prints in a network namespace of its own; `null` where none can be had. */
export function runInNamespace(file: string, args: readonly string[]): unknown {
  for (const flags of [['-n'], ['-U', '-r', '-n']]) {
    const done = spawnSync('unshare', [...flags, execPath, ...execArgv, file, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (done.status === 0) return JSON.parse(done.stdout) as unknown;
    if (!/unshare|Operation not permitted/.test(done.stderr)) throw new Error(done.stderr);
  }
  return null;
}

export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    console.log(row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '));
  }
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
