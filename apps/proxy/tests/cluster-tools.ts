/** kubectl and helm for tests: what they render, as objects. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';
import type { TestContext } from 'vitest';

export const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));

export type Manifest = Readonly<Record<string, unknown>>;
export const parse = (text: string): readonly Manifest[] =>
  (loadAll(text) as (Manifest | null)[]).filter((object) => object !== null);

interface Tools {
  readonly helm?: string;
  readonly kubectl?: string;
  readonly missing?: string;
}

/** Fetched by a process of its own, because programs of tools/ are no modules of the app. */
function fetchTools(): Tools {
  const program = path.join(DEPLOY, '../tools/publish/cluster-tools.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Tools;
}

const fetched: { tools: Tools } = { tools: {} };

/** For a hook before all tests: a download takes long on a busy machine. */
export function prepareTools(): void {
  fetched.tools = fetchTools();
}

function pathOf(name: 'helm' | 'kubectl', context: TestContext): string {
  const found = [fetched.tools[name], `/usr/local/bin/${name}`, `/usr/bin/${name}`].find(
    (file) => file !== undefined && existsSync(file),
  );
  return found ?? context.skip(fetched.tools.missing ?? `no ${name}`);
}

/** No configuration of the user, and no cluster. */
const env = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: '/nonexistent' });

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function helm(context: TestContext, args: readonly string[]): Ran {
  return spawnSync(pathOf('helm', context), args, { encoding: 'utf8', env: env() });
}

export function kubectl(context: TestContext, args: readonly string[], input = ''): readonly Manifest[] {
  const options = { encoding: 'utf8', input, env: env() } as const;
  const { status, stdout, stderr } = spawnSync(pathOf('kubectl', context), args, options);
  if (status !== 0) throw new Error(stderr);
  return parse(stdout);
}
