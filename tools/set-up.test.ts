import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installPackages } from './set-up.mjs';

const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const lock = {
  packages: { [`node_modules/${name}`]: { version: '24.21.0', integrity: 'sha512-right' } },
};

const held = { folder: '' };
beforeEach(() => {
  held.folder = mkdtempSync(path.join(tmpdir(), 'signalbox-set-up-'));
});
afterEach(() => rmSync(held.folder, { recursive: true, force: true }));

/** An npm that writes down its words and the Node that it would run under. */
function fakeNpm(
  integrity: string,
  installStatus = 0,
): { readonly env: NodeJS.ProcessEnv; readonly calls: () => string[] } {
  const programs = path.join(held.folder, 'bin');
  const log = path.join(held.folder, 'log');
  mkdirSync(programs);
  const installed = JSON.stringify({ packages: { [`node_modules/${name}`]: { integrity } } });
  writeFileSync(
    path.join(programs, 'npm'),
    `#!/bin/sh
echo "$1 $(basename "$(dirname "$(dirname "$(command -v node)")")")" >> '${log}'
test "$1" = install || exit 0
mkdir -p "$3/node_modules/${name}/bin"
printf '#!/bin/sh\n' > "$3/node_modules/${name}/bin/node"
chmod +x "$3/node_modules/${name}/bin/node"
echo '${installed}' > "$3/node_modules/.package-lock.json"
exit ${installStatus}
`,
  );
  writeFileSync(path.join(programs, 'node'), '#!/bin/sh\n');
  for (const program of ['npm', 'node']) chmodSync(path.join(programs, program), 0o755);
  const env = { PATH: `${programs}:${process.env['PATH'] ?? ''}` };
  return { env, calls: () => readFileSync(log, 'utf8').trim().split('\n') };
}

const own = (): string => path.basename(held.folder);

describe.skipIf(process.platform === 'win32')('npm ci', () => {
  it('runs under the pinned Node if this one is older', async () => {
    const { env, calls } = fakeNpm('sha512-right');
    expect(await installPackages(lock, { env, running: '20.20.2' })).toBe(0);
    expect(calls()).toEqual([`install ${own()}`, `ci ${name}`]);
  });

  it('runs under this Node if it has the pinned major version', async () => {
    const { env, calls } = fakeNpm('sha512-right');
    expect(await installPackages(lock, { env, running: '24.1.0' })).toBe(0);
    expect(calls()).toEqual([`ci ${own()}`]);
  });

  it('runs under this Node where no Node is pinned or the pinned one cannot be fetched', async () => {
    const { env, calls } = fakeNpm('sha512-right', 1);
    await installPackages({ packages: {} }, { env, running: '20.20.2' });
    await installPackages(lock, { env, running: '20.20.2' });
    expect(calls()).toEqual([`ci ${own()}`, `install ${own()}`, `ci ${own()}`]);
  });

  it('is not started if the Node of the registry is not the one of the lockfile', async () => {
    const { env, calls } = fakeNpm('sha512-wrong');
    await expect(installPackages(lock, { env, running: '20.20.2' })).rejects.toThrow(
      `${name}@24.21.0 of the registry has another integrity hash than in package-lock.json`,
    );
    expect(calls()).toEqual([`install ${own()}`]);
  });
});
