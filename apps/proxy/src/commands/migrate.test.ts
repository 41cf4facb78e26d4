import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@signalbox/core/system-clock';
import { backendError } from '@signalbox/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { createSource } from '../compose/sources.ts';
import { MODES } from '../modes/index.ts';
import { recordingComposition } from '../testing/composition.ts';

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a' },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] },
};

function service(type: string): object {
  const nodePort = type === 'NodePort' ? { nodePort: 30_080 } : {};
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      type,
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10'],
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', ...nodePort }],
    },
  };
}

const folder = { path: '' };
beforeAll(() => {
  folder.path = mkdtempSync(join(tmpdir(), 'proxy-migrate-'));
});
afterAll(() => rmSync(folder.path, { recursive: true, force: true }));

const LEFT = ['12 chains in table nat (nft), IPv4'];
const lockHeld = backendError('busy', 'iptables-save', 'the lock is held');

async function migrate(type: string, words: readonly string[], found: typeof LEFT | typeof lockHeld = LEFT) {
  writeFileSync(
    join(folder.path, 'objects.yaml'),
    [NODE, service(type)].map((each) => JSON.stringify(each)).join('\n---\n'),
  );
  const printed: string[] = [];
  // The kernel of the machine is no part of the test.
  const modes = MODES.map((mode) => ({
    ...mode,
    survey: () => Promise.resolve(mode.name === 'iptables' ? found : []),
  }));
  const parts = { ...recordingComposition(), modes, clock: systemClock, createSource };
  const terminal = { print: (text: string) => void printed.push(text), hint: () => undefined };
  const flags = [`--manifests=${folder.path}`, '--hostname-override=node-a'];
  const outcome = await runCommandLine(['migrate', ...words, ...flags], parts, terminal);
  return { ...outcome, printed: printed.join('') };
}

describe('signalbox migrate', () => {
  it('lists what would be removed and what differs for users, and ends with 2', async () => {
    const { status, printed } = await migrate('NodePort', ['--to=nftables', '--dry-run', '-o', 'json']);
    const plan = JSON.parse(printed) as {
      readonly from: string;
      readonly to: string;
      readonly removed: readonly string[];
      readonly differences: readonly { readonly about: string; readonly message: string }[];
    };
    expect([status, plan.from, plan.to]).toEqual([2, 'iptables', 'nftables']);
    expect(plan.removed).toEqual([`iptables mode: ${LEFT[0]}`]);
    expect(plan.differences).toContainEqual({
      about: 'node-ports',
      message: expect.stringMatching(/^node ports no longer answer on .*127\.0\.0\.1/) as string,
      services: ['shop/web'],
    });
    expect(plan.differences.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['packets to unused addresses of the ServiceCIDRs are dropped']),
    );
  });

  it('S40: lists no loopback address that both modes serve', async () => {
    const words = ['--to=nftables', '--dry-run', '--nodeport-addresses=127.0.0.1/32'];
    const { printed } = await migrate('NodePort', words);
    expect(printed).toContain('From iptables to nftables mode');
    expect(printed).not.toMatch(/node ports (no longer )?answer on/);
    const gate = '--feature-gates=KubeProxyNFTablesLocalhostNodePorts=false';
    const without = await migrate('NodePort', [...words, gate]);
    expect(without.printed).toContain('node ports no longer answer on 127.0.0.1');
  });

  it('ends with 0 where nothing differs for users', async () => {
    const { status, printed } = await migrate('ClusterIP', ['--dry-run', '--to', 'iptables']);
    expect(status).toBe(0);
    expect(printed).toContain('From iptables to iptables mode on this node (nothing was changed)\n');
    expect(printed).toContain('Different for users:\n  nothing\n');
  });

  it('names a scheduler that the new mode does not have', async () => {
    const words = ['--to=iptables', '--dry-run', '--proxy-mode=ipvs', '--ipvs-scheduler=lc'];
    const { status, printed } = await migrate('ClusterIP', words);
    expect(status).toBe(2);
    expect(printed).toContain('endpoints get connections by equal shares, not by the IPVS scheduler lc');
  });

  it.each([
    [['--dry-run'], /^--to: required/],
    [['--to=nftables'], /^--dry-run: required/],
    [['--to=ebpf', '--dry-run'], /^--to: ebpf is not one of iptables, ipvs, nftables, userspace$/],
    [['--to=nftables', '--dry-run', '-o=yaml'], /^-o: yaml is not text or json$/],
  ])('%j ends with 1 and one line', async (words, line) => {
    const { status, errors } = await migrate('ClusterIP', words);
    expect([status, errors]).toEqual([1, [expect.stringMatching(line)]]);
  });

  it('ends with 1 where the rules cannot be read', async () => {
    const { status, errors } = await migrate('ClusterIP', ['--to=nftables', '--dry-run'], lockHeld);
    expect([status, errors]).toEqual([
      1,
      [expect.stringContaining('iptables mode: iptables-save: the lock is held')],
    ]);
  });
});
