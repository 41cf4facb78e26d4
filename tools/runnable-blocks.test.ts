/** Commands of the documents, as typed: the marked ones are run with the built program; the others need a cluster or a node. */
import {
  chmodSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from './install.mjs';
import { run } from './process.mjs';
import { runnableBlocks } from './runnable-blocks.mjs';

interface Block {
  readonly script: string;
  readonly output: string | null;
}

const documents = globSync(['*.md', 'docs/*.md', 'packages/*/README.md', 'apps/*/README.md'], {
  cwd: repositoryRoot,
});
const textOf = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');
const blocks = documents.flatMap((file) =>
  (runnableBlocks(textOf(file), 'sh') as readonly Block[]).map((block) => ({ file, ...block })),
);

/** Why a command is not run here. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^(?:kubectl|curl|kubeadm) /, 'needs a cluster'],
  [/^signalbox (?:cluster|test)\b/, 'needs a cluster'],
  [/--(?:config|kubeconfig)=/, 'needs the configuration of a cluster'],
  [/ --cleanup$|^dpkg |^for family|^done$|--proxy-mode=/, 'changes the node'],
  [/^signalbox completion .* > /, 'writes to the folders of the shell'],
  [/^npm (?:start|test|install)\b|^npx /, 'is a suite, or loads packages'],
  [/^gh attestation |^npm audit signatures$/, 'needs a release'],
];

/** Commands of shell blocks that are not marked, without comments and bodies of loops. */
function unmarkedCommands(markdown: string): readonly string[] {
  const blocks = [...markdown.matchAll(/^( *)```sh\n([\s\S]*?)^ *```$/gm)];
  return blocks.flatMap(([, indent = '', body = '']) =>
    body
      .split('\n')
      .map((line) => line.slice(indent.length).replace(/ +#.*$/, ''))
      .filter((line) => /^\S/.test(line)),
  );
}

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-blocks-'));
const bin = path.join(scratch, 'bin');
const checkout = path.join(scratch, 'checkout');

beforeAll(() => {
  mkdirSync(bin);
  mkdirSync(checkout);
  for (const name of ['apps', 'scenarios']) {
    symlinkSync(path.join(repositoryRoot, name), path.join(checkout, name));
  }
  const main = path.join(repositoryRoot, 'apps/proxy/dist/main.js');
  writeFileSync(path.join(bin, 'signalbox'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(path.join(bin, 'signalbox'), 0o755);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs a script in a folder with links to the repository, to which it can add files, with `signalbox` and this Node in the PATH. */
function execute(script: string) {
  const commands = `${bin}:${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, PATH: commands };
  return run('sh', ['-eu', '-c', script], { cwd: checkout, env, capture: true, timeoutSeconds: 60 });
}

describe('the commands of the documents', () => {
  it.each(blocks)(
    'succeed, and print the output that $file shows: $script',
    async ({ script, output }) => {
      const { status, stdout, output: all } = await execute(script);
      expect(status, all).toBe(0);
      if (output === null) expect(stdout).not.toBe('');
      else expect(stdout).toBe(output);
    },
    100_000,
  );

  it('are run in the README, and in the documents of commands that need no cluster', () => {
    const files = new Set(blocks.map(({ file }) => file));
    expect([...files]).toEqual(
      expect.arrayContaining(['README.md', 'apps/proxy/README.md', 'docs/troubleshooting.md']),
    );
  });

  it('that are not run need a cluster or a node, for a reason that this test lists', () => {
    const commands = documents.flatMap((file) =>
      unmarkedCommands(textOf(file)).map((command) => ({ file, command })),
    );
    expect(commands.length).toBeGreaterThan(10);
    expect(commands.filter(({ command }) => NOT_RUN.every(([pattern]) => !pattern.test(command)))).toEqual(
      [],
    );
  });

  it('fail the test where a command fails, and where its output differs from that shown', async () => {
    const [failing] = runnableBlocks(
      '```sh runnable\nsignalbox explain nonsense\n```\n',
      'sh',
    ) as readonly Block[];
    expect((await execute(failing?.script ?? '')).status).not.toBe(0);
    const text = '```sh runnable\nsignalbox version\n```\n\n```text output\nnone\n```\n';
    const [shown] = runnableBlocks(text, 'sh') as readonly Block[];
    expect((await execute(shown?.script ?? '')).stdout).not.toBe(shown?.output);
    expect(unmarkedCommands('```sh\nsignalbox help  # all\n```\n')).toEqual(['signalbox help']);
  });
});
