/** The image for arm64, built on a machine of any architecture; QEMU runs its programs. */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import { BUILD_LIMIT_MS, buildIfPossible, type BuiltImage, digestOf, sizeOf } from './image-parts.ts';
import { readJson } from './stage.mjs';

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-arm64-'));
const root = path.join(scratch, 'root');
const held: { image: BuiltImage; missing: string } = {
  image: { layer: Buffer.alloc(0), bom: {} },
  missing: '',
};
const { version } = readJson(path.join(repositoryRoot, 'package.json')) as { readonly version: string };

beforeAll(async () => {
  Object.assign(held, await buildIfPossible(root, 'arm64'));
}, BUILD_LIMIT_MS);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Field e_machine of an ELF header: AArch64. */
const AARCH64 = 183;

function elfFiles(): readonly string[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => path.join(root, name));
  return files
    .filter((file) => lstatSync(file).isFile())
    .filter((file) => readFileSync(file).subarray(0, 4).equals(Buffer.from('\u007fELF')));
}

/** Runs a program of the image, with the libraries of the image. */
function emulate(...words: readonly string[]): string {
  const args = ['-L', root, ...words.map((word) => (word.startsWith('/') ? path.join(root, word) : word))];
  const { status, stdout, stderr } = spawnSync('qemu-aarch64-static', args, {
    encoding: 'utf8',
    timeout: 100_000,
  });
  return `${stdout}${stderr}status ${status}`;
}

describe('the image for arm64', () => {
  it('has programs and libraries of this architecture only', (context) => {
    if (held.missing !== '') context.skip(held.missing);
    const files = elfFiles();
    const others = files.filter((file) => readFileSync(file).readUInt16LE(18) !== AARCH64);
    expect(others).toEqual([]);
    // Node.js, the socket of netlink, both variants of iptables, and the other tools.
    expect(files.length).toBeGreaterThan(100);
  });

  it('runs Signalbox', (context) => {
    if (held.missing !== '') context.skip(held.missing);
    const program = '/usr/lib/signalbox';
    expect(emulate(`${program}/node`, `${program}/main.js`, 'version')).toMatch(
      new RegExp(`^Signalbox: +v${version}$`, 'm'),
    );
  });

  it.for([
    ['/usr/sbin/iptables-legacy', 'legacy'],
    ['/usr/sbin/ip6tables-legacy', 'legacy'],
    // QEMU does not emulate the sockets of netfilter: these two end with their own error.
    ['/usr/sbin/iptables-nft', 'iptables: Failed to initialize nft: Protocol not supported'],
    ['/usr/sbin/nft', 'Unable to initialize Netlink socket: Protocol not supported'],
    ['/usr/sbin/conntrack', 'conntrack v'],
    ['/usr/sbin/ipset', 'ipset v'],
    ['/usr/bin/kmod', 'kmod version'],
    ['/usr/bin/setpriv', 'util-linux'],
  ] as const)('runs %s', ([file, text], context) => {
    if (held.missing !== '') context.skip(held.missing);
    expect(emulate(file, '--version')).toContain(text);
  });

  it(
    'has the same bytes each time, and at most 50 MB',
    async (context) => {
      if (held.missing !== '') context.skip(held.missing);
      const again = await buildIfPossible(path.join(scratch, 'again'), 'arm64');
      expect(digestOf(again.image)).toBe(digestOf(held.image));
      expect(sizeOf(held.image, path.join(scratch, 'layout'))).toBeLessThan(50_000_000);
    },
    BUILD_LIMIT_MS,
  );
});
