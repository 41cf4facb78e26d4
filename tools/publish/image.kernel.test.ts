/** The image: reproducible, within its size limit, and its root runs every Linux mode whose tools it contains. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import {
  BUILD_LIMIT_MS,
  buildIfPossible,
  type BuiltImage,
  digestOf,
  OBJECTS,
  runInImage,
  serveAndRemove,
  sizeOf,
} from './image-parts.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-image-'));
const root = path.join(scratch, 'root');
const held: { image: BuiltImage; missing: string } = {
  image: { layer: Buffer.alloc(0), bom: {} },
  missing: '',
};

beforeAll(async () => {
  Object.assign(held, await buildIfPossible(root, 'amd64'));
}, BUILD_LIMIT_MS);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const inImage = (script: string) => runInImage({ root, scratch }, script);

const deployed = (name: string): string => readFileSync(path.join(repositoryRoot, 'deploy', name), 'utf8');

/** The command of a container, on the node node-a. */
function commandOf(file: string, container: string): string {
  const pattern = new RegExp(
    String.raw`- name: ${container}\n(?:\s+image: .*\n)?\s+command:\n((?:\s+- .*\n)+)`,
  );
  const [, lines = ''] = pattern.exec(deployed(file)) ?? [];
  return lines
    .replaceAll(/\n?\s*- /g, ' ')
    .replace('$(NODE_NAME)', 'node-a')
    .trim();
}

/** The configuration of deploy/kubernetes, as the ConfigMap is mounted. */
function configFolder(): string {
  const [, text = ''] =
    /^ {2}config\.conf: \|\n((?: {4}.*\n)+)/m.exec(deployed('kubernetes/config-map.yaml')) ?? [];
  const folder = path.join(scratch, 'config');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'config.conf'), text.replaceAll(/^ {4}/gm, ''));
  return folder;
}

describe('the image', () => {
  it.for([
    ['iptables', 'iptables-save', '*10.96.0.10*'],
    ['nftables', 'nft list ruleset', '*10.96.0.10*'],
    // The port of the node, 30080, of a socket.
    ['userspace', 'listSockets', '*:7580*'],
  ] as const)(
    'serves in %s mode from a read-only root, and --cleanup removes it',
    { timeout: 300_000 },
    (row, context) => {
      if (held.missing !== '') context.skip(held.missing);
      const [mode, listing, pattern] = row;
      const { status, text } = inImage(serveAndRemove({ mode, listing, pattern }));
      expect(text).toMatch(/^served\n(?:.*\n)*removed$/m);
      expect(status, text).toBe(0);
    },
  );

  it.for([
    ['kubernetes/daemon-set.yaml', ''],
    ['kubernetes-unprivileged/daemon-set-patch.yaml', 'settings'],
  ] as const)('serves with the commands of %s', { timeout: 300_000 }, ([file, init], context) => {
    if (held.missing !== '') context.skip(held.missing);
    const command = `${commandOf(file, 'kube-proxy')} ${OBJECTS}`;
    const prepare = init === '' ? ':' : `${commandOf(file, init)} ${OBJECTS}`;
    const served = {
      mode: 'iptables',
      listing: 'iptables-save',
      pattern: '*10.96.0.10*',
      prepare,
      command,
    };
    const { status, text } = runInImage({ root, scratch, config: configFolder() }, serveAndRemove(served));
    // In a user namespace that has only one user.
    if (/^setpriv: .*failed/m.test(text)) context.skip(text.trim());
    expect(text).toMatch(/^served\n(?:.*\n)*removed$/m);
    expect(status, text).toBe(0);
  });

  it('removes the rules of the proxy with the command of deploy/cleanup', (context) => {
    if (held.missing !== '') context.skip(held.missing);
    const cleanup = commandOf('cleanup/daemon-set.yaml', 'cleanup');
    const served = { mode: 'nftables', listing: 'nft list ruleset', pattern: '*10.96.0.10*', cleanup };
    const { status, text } = inImage(serveAndRemove(served));
    expect(cleanup).toContain('--cleanup');
    expect(text).toMatch(/^served\n(?:.*\n)*removed$/m);
    expect(status, text).toBe(0);
  });

  it('has the tools that kube-proxy images have', (context) => {
    if (held.missing !== '') context.skip(held.missing);
    const tools = [
      'iptables',
      'ip6tables',
      'iptables-legacy',
      'ip6tables-legacy',
      'conntrack',
      'nft',
      'ipset',
      'modprobe',
      'setpriv',
    ];
    const versions = tools.map((tool) => `${tool} --version`).join('; ');
    // ipvsadm succeeds only on a kernel with IPVS.
    const { status, text } = inImage(`${versions}; kube-proxy version; ipvsadm --help || true`);
    expect(status, text).toBe(0);
    expect(text).toContain('Signalbox');
    expect(text).not.toContain('shared libraries');
    expect(text).not.toContain('not found\n');
  });

  it('runs signalbox test, which connects from a temporary pod', (context) => {
    if (held.missing !== '') context.skip(held.missing);
    const flags = `${OBJECTS} --hostname-override=node-a --pod-address=10.244.1.99`;
    const { status, text } = inImage(`signalbox test ${flags} || echo status $?`);
    // No proxy runs.
    expect(text).toMatch(/^ {2}pod +ClusterIP +10\.96\.0\.10:80\/tcp +0\/10 answered$/m);
    expect(text).toMatch(/^Total: 0 answered, 4 not answered\nstatus 2$/m);
    expect(status, text).toBe(0);
  });

  it.for([
    ['nft without rules', 'true', 'nf_tables'],
    ['the variant of the kubelet, legacy', 'iptables-legacy -t mangle -N KUBE-KUBELET-CANARY', 'legacy'],
    [
      'the variant of the kubelet before that with more rules',
      'iptables-nft -t mangle -N KUBE-IPTABLES-HINT; iptables-legacy -A INPUT -j ACCEPT; iptables-legacy -A INPUT -j DROP',
      'nf_tables',
    ],
    ['the variant with more rules', 'iptables-legacy -A INPUT -j ACCEPT', 'legacy'],
  ] as const)('iptables is %s', ([, prepare, variant], context) => {
    if (held.missing !== '') context.skip(held.missing);
    const hasLegacy = 'iptables-legacy -t mangle -S > /run/out 2>&1 || { echo no-legacy; exit 0; }';
    const unprepared = prepare.includes('legacy') ? hasLegacy : 'true';
    const names = ['', '-save', '-restore'].map((suffix) => `iptables${suffix} --version`).join('; ');
    const { status, text } = inImage(`${unprepared}; ${prepare}; ${names}; ip6tables --version`);
    if (text.includes('no-legacy')) context.skip('the kernel has no legacy tables');
    expect(status, text).toBe(0);
    const ofTools = [variant, variant, variant, 'nf_tables'];
    expect([...text.matchAll(/ v[\d.]+ \((\w+)\)/g)].map(([, found]) => found)).toEqual(ofTools);
  });

  it(
    'has the same bytes each time, and at most 50 MB',
    async (context) => {
      if (held.missing !== '') context.skip(held.missing);
      const again = await buildIfPossible(path.join(scratch, 'again'), 'amd64');
      expect(digestOf(again.image)).toBe(digestOf(held.image));
      expect(sizeOf(held.image, path.join(scratch, 'layout'))).toBeLessThan(50_000_000);
    },
    BUILD_LIMIT_MS,
  );
});
