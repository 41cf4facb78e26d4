/** Back to kube-proxy: the commands of docs/upgrade.md, as they are written there, in a network namespace. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWorld, type World } from '@signalbox/netns';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, startSignalbox } from './node-processes.ts';

const GUIDE = fileURLToPath(new URL('../../../docs/upgrade.md', import.meta.url));

/** More frontends than are looked through one by one: a dispatch tree is written. */
const SERVICES = 40;

const held: { world: World | null; folder: string } = { world: null, folder: '' };
afterEach(async () => {
  await held.world?.close();
  held.world = null;
  if (held.folder !== '') rmSync(held.folder, { recursive: true });
  held.folder = '';
});

/** The script of the guide whose text has this in it. */
function scriptWith(text: string): string {
  const scripts = [...readFileSync(GUIDE, 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(
    ([, body = '']) => body,
  );
  const found = scripts.find((script) => script.startsWith('for family') && script.includes(text));
  if (found === undefined) throw new Error(`no script with ${text} in ${GUIDE}`);
  return found;
}

function writeServices(folder: string): void {
  for (let index = 1; index <= SERVICES; index++) {
    const name = `web-${index}`;
    const spec = { clusterIP: `10.96.0.${index}`, clusterIPs: [`10.96.0.${index}`], ipFamilies: ['IPv4'] };
    const ports = [{ port: 80, protocol: 'TCP' }];
    const labels = { 'kubernetes.io/service-name': name };
    const objects = {
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name, namespace: 'default' },
          spec: { ...spec, ports },
        },
        {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name, namespace: 'default', labels },
          addressType: 'IPv4',
          ports: [{ name: '', port: 80, protocol: 'TCP' }],
          endpoints: [{ addresses: [`10.244.1.${index}`], conditions: { ready: true } }],
        },
      ],
    };
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(objects));
  }
}

interface Shell {
  run(script: string): Promise<{ readonly status: number; readonly text: string }>;
}

async function build(): Promise<{ world: World; shell: Shell }> {
  const world = await createWorld({
    pods: [{ name: 'web', addresses: ['10.244.1.1'] }],
    outside: ['198.51.100.7'],
  });
  held.world = world;
  const [file = '', ...prefix] = world.node.prefix;
  const shell: Shell = {
    run: (script) =>
      new Promise((resolve) => {
        const words = [...prefix, 'sh', '-c', `{ ${script}\n} 2>&1`];
        execFile(file, words, (error, text) => {
          resolve({ status: typeof error?.code === 'number' ? error.code : 0, text });
        });
      }),
  };
  return { world, shell };
}

describe('back to kube-proxy', () => {
  it('F87: kube-proxy treats every chain of the dispatch trees as a chain of a deleted service', async () => {
    const { world, shell } = await build();
    held.folder = mkdtempSync(join(tmpdir(), 'proxy-roll-back-'));
    writeServices(held.folder);
    const flags = [`--manifests=${held.folder}`, '--hostname-override=node-a', '--proxy-mode=iptables'];
    const proxy = startSignalbox(world.node, flags);
    const serviceChains = async (): Promise<string[]> => {
      const { text } = await shell.run('iptables-save -t nat');
      return [...text.matchAll(/^:(KUBE-(?:SVC|SVL|EXT|FW|SEP)-\S+) /gm)].map(([, name = '']) => name);
    };
    /** Chains of services, as kube-proxy names them: 16 characters of base32. */
    const isHash = (name: string): boolean => /-[A-Z2-7]{16}$/.test(name) && !/-(VIP|PORT)-/.test(name);
    await eventually(
      async () => (await serviceChains()).filter((name) => !isHash(name)).length,
      (count) => count > 0,
      () => proxy.log(),
    );
    expect(await proxy.end('SIGTERM')).toBe(0);

    const restore = (lines: readonly string[]) =>
      shell.run(
        `printf '%s\\n' '*nat' ${lines.map((line) => `'${line}'`).join(' ')} COMMIT | iptables-restore --noflush`,
      );
    // Its first sync: the entries written anew (here: emptied), what no Service has emptied and deleted.
    const unknown = (await serviceChains()).filter((name) => !isHash(name));
    const entries = [':KUBE-SERVICES - [0:0]', ':KUBE-NODEPORTS - [0:0]'];
    const first = [
      ...entries,
      ...unknown.map((name) => `:${name} - [0:0]`),
      ...unknown.map((name) => `-X ${name}`),
    ];
    expect(await restore(first)).toEqual({ status: 0, text: '' });
    // Later every Service goes.
    const left = await serviceChains();
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter((name) => !isHash(name))).toEqual([]);
    const gone = [...left.map((name) => `:${name} - [0:0]`), ...left.map((name) => `-X ${name}`)];
    expect(await restore(gone)).toEqual({ status: 0, text: '' });
    expect(await serviceChains()).toEqual([]);
  });

  it('F88: the rules of ipvs mode in mangle go with the other script, and rules of other programs stay', async () => {
    const { shell } = await build();
    const made = await shell.run(
      [
        'iptables -t mangle -N KUBE-PROXY-FIREWALL',
        'iptables -t mangle -N KUBE-DROP-EXTERNAL',
        'iptables -t mangle -A KUBE-PROXY-FIREWALL -j KUBE-DROP-EXTERNAL',
        'iptables -t mangle -A PREROUTING -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
        'iptables -t mangle -A PREROUTING -p tcp -j RETURN',
      ].join('\n'),
    );
    expect(made).toEqual({ status: 0, text: '' });
    expect(await shell.run(scriptWith('KUBE-DROP-EXTERNAL'))).toEqual({ status: 0, text: '' });
    const { text } = await shell.run('iptables-save -t mangle');
    expect(rulesOf(text)).toEqual(['-A PREROUTING -p tcp -j RETURN']);
    expect(text).not.toContain('KUBE-');
  });
});

/** Without counters and remarks, which change by themselves. */
function rulesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.startsWith('-A '));
}
