/** After --init-only, a process that is not root does the work with the capabilities that deploy/ gives it. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWorld, type World } from '@signalbox/netns';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, packedProgram, startProgram } from './node-processes.ts';

const PATCH = fileURLToPath(
  new URL('../../../deploy/kubernetes-unprivileged/daemon-set-patch.yaml', import.meta.url),
);

/** The lines of the patch from `setpriv` up to the program, without those for the legacy variant if not asked for. */
function setpriv(legacy: 'with rights for legacy' | 'nft only'): readonly string[] {
  const words = [...readFileSync(PATCH, 'utf8').matchAll(/^ +- (setpriv|--\S+)$/gm)].map(
    ([, word]) => word ?? '',
  );
  const from = words.indexOf('setpriv');
  const own = words.slice(from, words.indexOf('--no-new-privs', from) + 1);
  return legacy === 'nft only' ? own.map((word) => word.replace(',+net_raw,+dac_read_search', '')) : own;
}

/** Root in a container that has no more than the capabilities of the patch. */
function container(): readonly string[] {
  const [, added = ''] = /add: \[(.*)\]/.exec(readFileSync(PATCH, 'utf8')) ?? [];
  const bounds = added.split(', ').map((name) => `+${name.toLowerCase()}`);
  return ['setpriv', '--inh-caps=-all', `--bounding-set=-all,${bounds.join()}`];
}

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 80}]}
`;

const held: { world: World | null; folder: string } = { world: null, folder: '' };
beforeEach(async () => {
  held.folder = mkdtempSync(join(tmpdir(), 'proxy-unprivileged-'));
  chmodSync(held.folder, 0o755);
  held.world = await createWorld({ pods: [], outside: [] });
});
afterEach(async () => {
  await held.world?.close();
  rmSync(held.folder, { recursive: true });
});

interface Shell {
  readonly prefix: readonly string[];
  /** Output and exit status of a command in the node's namespaces. */
  readonly run: (...words: readonly string[]) => Promise<{ readonly status: number; readonly text: string }>;
}

function shell(): Shell {
  const prefix = held.world?.node.prefix ?? [];
  return {
    prefix,
    run: (...words) =>
      new Promise((resolve) => {
        const [file = '', ...rest] = [...prefix, ...words];
        execFile(file, rest, (error, stdout, stderr) => {
          resolve({ status: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr });
        });
      }),
  };
}

/** The program, which every user may read, and the flags of both runs. */
function install(): { readonly program: readonly string[]; readonly flags: readonly string[] } {
  const objects = join(held.folder, 'objects.yaml');
  writeFileSync(objects, SERVICE);
  const flags = [`--manifests=${objects}`, '--hostname-override=node-a', '--conntrack-max-per-core=0'];
  return { program: packedProgram(), flags };
}

describe.each(['nft', 'legacy'] as const)('F4: a node whose kubelet uses iptables-%s', (variant) => {
  it('serves as uid 65534 with CAP_NET_ADMIN, once root has run --init-only', async (context) => {
    const { run, prefix } = shell();
    const { program, flags } = install();
    const drop = [...container(), ...setpriv(variant === 'nft' ? 'nft only' : 'with rights for legacy')];
    const able = await run(...drop, process.execPath, '--version');
    if (able.status !== 0) context.skip(`no process of another user here: ${able.text.trim()}`);
    const kubelet = await run(`iptables-${variant}`, '-t', 'mangle', '-N', 'KUBE-KUBELET-CANARY');
    if (kubelet.status !== 0) context.skip(kubelet.text.trim());
    expect(await run(...program, '--init-only', ...flags)).toEqual({ status: 0, text: '' });
    const proxy = startProgram([...prefix, ...drop, ...program, ...flags]);
    const rules = (): Promise<string> => run(`iptables-${variant}-save`).then(({ text }) => text);
    await eventually(
      rules,
      (text) => text.includes('-d 10.96.0.10/32'),
      () => proxy.log(),
    );
    expect(await proxy.end('SIGTERM')).toBe(0);
    expect(proxy.log()).not.toContain('ip_tables_names');
    const other = await run(`iptables-${variant === 'nft' ? 'legacy' : 'nft'}-save`);
    expect(other.text).not.toContain('KUBE-SERVICES');
  }, 120_000);
});
