/** The image: reproducible, within its size limit, and its root runs every Linux mode whose tools it contains. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILD_LIMIT_MS, buildIfPossible, type BuiltImage, digestOf, sizeOf } from './image-parts.ts';

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

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 80}]}
`;

/** Runs a script in the image's root, read-only except /run, in its own network namespace. */
function inImage(script: string): { readonly status: number | null; readonly text: string } {
  const outer = `set -e
    mount --rbind ${root} ${root}
    mount -t tmpfs none ${root}/run
    mount -t proc none ${root}/proc
    mount --rbind /dev ${root}/dev
    mount --rbind /sys ${root}/sys
    cat > ${root}/run/web.yaml < ${scratch}/web.yaml
    mount -o remount,bind,ro ${root}
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    exec chroot ${root} /bin/sh -e -c '${script}'`;
  writeFileSync(path.join(scratch, 'web.yaml'), SERVICE);
  const args = ['--mount', '--net', '--pid', '--fork', 'sh', '-c', outer];
  const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 100_000 });
  return { status, text: stdout + stderr };
}

const FLAGS = '--manifests=/run/web.yaml --hostname-override=node-a --conntrack-max-per-core=0';
/** Ends as soon as the rules exist; the time limit of the script bounds the loop. */
const serve = (mode: string, listing: string): string => `
  signalbox --proxy-mode=${mode} ${FLAGS} 2> /run/log & proxy=$!
  until ${listing} 2> /dev/null | while read line; do case "$line" in *10.96.0.10*) echo found; break;; esac; done | { read word; }; do
    kill -0 $proxy || { while read line; do echo "$line"; done < /run/log; exit 1; }
  done
  kill $proxy; echo served`;

describe('the image', () => {
  it.for([
    ['iptables', 'iptables-save'],
    ['nftables', 'nft list ruleset'],
  ] as const)('serves in %s mode from a read-only root', ([mode, listing], context) => {
    if (held.missing !== '') context.skip(held.missing);
    const { status, text } = inImage(serve(mode, listing));
    expect(text).toContain('served');
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
