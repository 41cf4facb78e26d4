import type { Frontend, Outcome, Route } from '@signalbox/core';
import { fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeIptables, tracePacket } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './sync/iptables-backend.ts';
import { describeIptablesOptions, type IptablesOptions } from './options.ts';
import {
  REFUSED,
  SAMPLE_NODE,
  sampleService,
  sampleState,
  TO_CLUSTER_MASQUERADED,
} from './testing/sample-state.ts';
import { rulesOf } from './testing/scenario-backend.ts';

const NODE_PORT: Frontend = {
  kind: 'node-port',
  port: 30_080,
  policy: 'cluster',
  routes: TO_CLUSTER_MASQUERADED,
};

type Node = typeof SAMPLE_NODE;

async function programmed(
  frontends: readonly Frontend[],
  { node = SAMPLE_NODE, ...options }: Partial<IptablesOptions> & { readonly node?: Node } = {},
): Promise<FakeIptables> {
  const fake = createFakeIptables({ family: 'IPv4' });
  const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver, ...options });
  const refused = frontends.every(({ routes }) => routes === REFUSED);
  const service = sampleService({ index: 1, frontends, ...(refused ? { endpoints: [] } : {}) });
  const result = await backend.sync(fullChange(sampleState([service], node)));
  expect(result.error).toBeUndefined();
  return fake;
}

interface Sent {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly from?: string | null;
}

function send(fake: FakeIptables, { source, destination, port, from = 'eth0' }: Sent): Outcome['kind'] {
  const world = { addresses: ['192.0.2.10', '192.0.2.11'], recent: new Map(), now: () => 0, remember: false };
  const packet = { protocol: 'TCP', source, inInterface: from, destination, destinationPort: port } as const;
  return tracePacket({ rules: (table) => rulesOf(fake, table), world, chance: 'both' }, packet).kind;
}

describe('options', () => {
  it('masqueradeBit is the bit of the mark, and of nothing else', async () => {
    const fake = await programmed([NODE_PORT], { masqueradeBit: 31 });
    const text = fake.dump('nat') + fake.dump('filter');
    expect(text.match(/0x[0-9a-f]+/g)).toEqual(expect.arrayContaining(['0x80000000']));
    expect(text).not.toContain('0x4000');
    expect(send(fake, { source: '198.51.100.7', destination: '192.0.2.10', port: 30_080 })).toBe('forward');
  });

  it('randomFully can be disabled', async () => {
    expect((await programmed([NODE_PORT])).dump('nat')).toContain('-j MASQUERADE --random-fully\n');
    expect((await programmed([NODE_PORT], { randomFully: false })).dump('nat')).toContain('-j MASQUERADE\n');
  });

  it('conntrackLiberal leaves packets in state INVALID alone', async () => {
    expect((await programmed([NODE_PORT])).dump('filter')).toContain('--ctstate INVALID -j DROP');
    expect((await programmed([NODE_PORT], { conntrackLiberal: true })).dump('filter')).not.toContain(
      'INVALID',
    );
  });

  it('accounting counts what kube-proxy counts', async () => {
    const node: Node = { ...SAMPLE_NODE, nodePortAddresses: { kind: 'any-local', loopback: true } };
    const fake = await programmed([NODE_PORT], { accounting: true, node });
    expect(fake.dump('filter')).toContain(
      '--ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP',
    );
    expect(fake.dump('nat')).toMatch(
      /-A KUBE-NODEPORTS -d 127\.0\.0\.0\/8 -p tcp .*--nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-/,
    );
    expect(send(fake, { source: '127.0.0.1', destination: '127.0.0.1', port: 30_080, from: null })).toBe(
      'forward',
    );
  });

  it('all have a description', () => {
    expect(describeIptablesOptions().map(({ name }) => name)).toEqual([
      'masqueradeBit',
      'randomFully',
      'conntrackLiberal',
      'accounting',
      'checkInterval',
    ]);
  });
});

describe('node ports', () => {
  const to = (destination: string): Sent => ({ source: '198.51.100.7', destination, port: 30_080 });
  const onLoopback: Sent = { source: '127.0.0.1', destination: '127.0.0.1', port: 30_080, from: null };

  it.each([
    ['a range of the node', ['192.0.2.10/32'], 'forward', 'pass'],
    ['a range that holds loopback, too', ['0.0.0.0/1', '192.0.2.10/32'], 'forward', 'pass'],
    ['no range', [], 'pass', 'pass'],
  ])('accept connections to addresses in %s only', async (_, cidrs, inside, loopback) => {
    const node: Node = { ...SAMPLE_NODE, nodePortAddresses: { kind: 'ranges', cidrs, loopback: false } };
    for (const routes of [TO_CLUSTER_MASQUERADED, REFUSED]) {
      const fake = await programmed([{ ...NODE_PORT, routes }], { node });
      const answer = inside === 'forward' && routes === REFUSED ? 'reject' : inside;
      expect(send(fake, to('192.0.2.10'))).toBe(answer);
      expect(send(fake, to('192.0.2.11'))).toBe('pass');
      expect(send(fake, onLoopback)).toBe(loopback);
    }
  });

  it('on localhost drop packets from other hosts to 127.0.0.1', async () => {
    const node: Node = { ...SAMPLE_NODE, nodePortAddresses: { kind: 'any-local', loopback: true } };
    const fake = await programmed([NODE_PORT], { node });
    expect(send(fake, { source: '198.51.100.7', destination: '127.0.0.1', port: 22 })).toBe('drop');
    expect(send(fake, { source: '127.0.0.1', destination: '127.0.0.1', port: 22, from: null })).toBe('pass');
  });
});

describe('source ranges', () => {
  const frontend = (routes: readonly Route[]): Frontend => ({
    kind: 'load-balancer',
    address: '203.0.113.9',
    port: 80,
    policy: 'cluster',
    routes,
    sourceRanges: { cidrs: ['198.51.100.0/25'], alsoAddresses: ['203.0.113.9'] },
  });
  const from = (source: string): Sent => ({ source, destination: '203.0.113.9', port: 80 });

  it.each([
    ['with endpoints', TO_CLUSTER_MASQUERADED, 'forward'],
    ['without endpoints', REFUSED, 'reject'],
  ])('drop packets from other addresses, %s', async (_, routes, allowed) => {
    const fake = await programmed([frontend(routes)]);
    expect(send(fake, from('198.51.100.7'))).toBe(allowed);
    expect(send(fake, from('203.0.113.9'))).toBe(allowed);
    expect(send(fake, from('198.51.100.200'))).toBe('drop');
  });
});

describe('routes that kube-proxy does not have', () => {
  it('get a chain of their own, whatever the frontend', async () => {
    const routes: readonly Route[] = [
      { source: 'node', target: 'reject', masquerade: false, rule: 'by hand' },
      { source: 'local-pods', target: 'local', masquerade: true, rule: 'by hand' },
      { source: 'any', target: 'cluster', masquerade: false, rule: 'by hand' },
    ];
    const fake = await programmed([
      { kind: 'cluster-ip', address: '10.96.0.1', port: 80, policy: 'cluster', routes },
      NODE_PORT,
    ]);
    const to = { destination: '10.96.0.1', port: 80 };
    expect(send(fake, { ...to, source: '192.0.2.10', from: null })).toBe('reject');
    expect(send(fake, { ...to, source: '10.244.1.9', from: 'cni0' })).toBe('forward');
    expect(send(fake, { ...to, source: '198.51.100.7' })).toBe('forward');
    expect(fake.dump('nat').match(/^:KUBE-EXT-/gm)).toHaveLength(2);
  });
});
