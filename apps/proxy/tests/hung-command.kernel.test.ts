/** A command of the node that neither ends nor heeds SIGTERM, as one that waits for a lock of the kernel. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorld, type World } from '@signalbox/netns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, packedProgram, startProgram, type ProxyProcess } from './node-processes.ts';

interface Rig {
  readonly world: World;
  readonly folder: string;
  proxy: ProxyProcess | null;
}

const held: { rig: Rig | null } = { rig: null };
function rig(): Rig {
  if (held.rig === null) throw new Error('the world was not built');
  return held.rig;
}

const COMMANDS = ['iptables-nft-restore', 'iptables-legacy-restore', 'iptables-restore'];

/** Runs the command of that name further on in PATH; once the file `hang` exists, one that never ends. */
function wrapper(folder: string, name: string): string {
  const program = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
  return `#!/bin/sh
if [ -e ${folder}/hang ]; then exec ${process.execPath} -e "${program}" ${folder}/hang "$@"; fi
PATH="\${PATH#*:}"
exec ${name} "$@"
`;
}

function service(...ports: readonly number[]): void {
  const spec = { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ipFamilies: ['IPv4'] };
  const list = ports.map((port) => ({ name: `p${port}`, port, protocol: 'TCP' }));
  const metadata = { name: 'web', namespace: 'default' };
  const object = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ...spec, ports: list } };
  writeFileSync(join(rig().folder, 'objects', 'web.yaml'), JSON.stringify(object));
}

/** Processes that were started by the wrappers and hang. */
function hanging(): readonly string[] {
  const marker = join(rig().folder, 'hang');
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(marker);
    } catch {
      return false;
    }
  });
}

beforeAll(async () => {
  const world = await createWorld({ pods: [], outside: [] });
  const folder = mkdtempSync(join(tmpdir(), 'hung-command-'));
  held.rig = { world, folder, proxy: null };
  for (const name of ['bin', 'objects']) mkdirSync(join(folder, name));
  for (const name of COMMANDS) {
    writeFileSync(join(folder, 'bin', name), wrapper(folder, name));
    chmodSync(join(folder, 'bin', name), 0o755);
  }
});
afterAll(async () => {
  if (held.rig === null) return;
  await held.rig.proxy?.end('SIGKILL');
  for (const pid of hanging()) process.kill(Number(pid), 'SIGKILL');
  await held.rig.world.close();
  rmSync(held.rig.folder, { recursive: true, force: true });
});

describe('a command that hangs', () => {
  it('F90: is named in the log after 10 s, and neither keeps SIGTERM waiting nor outlives the proxy', async () => {
    const { world, folder } = rig();
    service(80);
    const path = ['sh', '-c', `PATH=${join(folder, 'bin')}:$PATH exec "$@"`, 'sh'];
    const flags = [`--manifests=${join(folder, 'objects')}`, '--hostname-override=node-a', '-v=2'];
    const proxy = startProgram([...world.node.prefix, ...path, ...packedProgram(), ...flags]);
    rig().proxy = proxy;
    const logs = (text: RegExp): Promise<unknown> =>
      eventually(
        () => Promise.resolve(proxy.log()),
        (log) => text.test(log),
      );
    await logs(/First sync verified in the kernel" family="IPv4"/);
    writeFileSync(join(folder, 'hang'), '');
    // One or two commands that were started ahead still work.
    let port = 81;
    await eventually(
      () => {
        service(80, port);
        port += 1;
        return Promise.resolve(proxy.log());
      },
      (log) => log.includes('"Command still running"'),
    );
    expect(hanging()).not.toEqual([]);
    expect(await proxy.end('SIGTERM')).toBe(0);
    await eventually(
      () => Promise.resolve(hanging()),
      (pids) => pids.length === 0,
    );
  });
});
