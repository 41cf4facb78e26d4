/**
 * Back to kube-proxy in ipvs mode. It does not know the mangle table: the rules there stay. It replaces the contents of its
 * sets in each sync.
 */
import type { Packet } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { setName, type SetId } from './compile/names.ts';
import { SET_IDS } from './compile/ip-sets.ts';
import { createIpvsBackend } from './ipvs-backend.ts';
import { change, service, type ServiceShape } from './testing/cluster.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';
import { tracePacket } from './testing/trace-packet.ts';

const OUTSIDE = '198.51.100.7';
const GUARD_SETS: readonly SetId[] = [
  'EXTERNAL-IP-LOCAL',
  'LOAD-BALANCER-FW',
  'LOAD-BALANCER-SOURCE-CIDR',
  'LOAD-BALANCER-SOURCE-IP',
];

/** What kube-proxy puts into the sets that the rules in mangle match, for a Service without source ranges and external IPs: nothing. */
function syncSetsAsKubeProxy(kernel: FakeKernel): void {
  for (const id of GUARD_SETS) {
    const held = kernel.sets.get(setName('IPv4', id));
    const entries = [...(held?.entries.values() ?? [])];
    if (entries.length > 0) kernel.apply({ kind: 'set-delete', set: setName('IPv4', id), entries });
  }
}

async function synced(shape: ServiceShape): Promise<FakeKernel> {
  const kernel = createFakeKernel({ hostAddresses: ['127.0.0.1', '192.0.2.10', '192.0.2.11'] });
  const { driver } = createFakeIpvs({ family: 'IPv4', kernel });
  const backend = createIpvsBackend({ family: 'IPv4', driver });
  expect(await backend.sync(change('full', { added: [service(shape)] }))).toMatchObject({ outcome: 'ok' });
  return kernel;
}

const packetTo = (destination: string, destinationPort: number): Packet => ({
  protocol: 'TCP',
  source: OUTSIDE,
  inInterface: 'eth0',
  destination,
  destinationPort,
});

const REMOTE = { endpoints: ['10.244.2.7'] } as const;

describe('after a rollback to kube-proxy in ipvs mode', () => {
  it.each([
    [
      'a load-balancer IP without local endpoints',
      { ...REMOTE, externalPolicy: 'local', loadBalancerIPs: ['203.0.113.9'] },
      packetTo('203.0.113.9', 80),
    ],
    [
      'a node port without local endpoints',
      { ...REMOTE, externalPolicy: 'local', nodePort: 30_080 },
      packetTo('192.0.2.10', 30_080),
    ],
    [
      'a cluster IP without local endpoints',
      { ...REMOTE, internalPolicy: 'local' },
      packetTo('10.96.0.10', 80),
    ],
  ] as const)('packets to %s are not dropped any more', async (_, shape, packet) => {
    const kernel = await synced(shape);
    expect(tracePacket({ kernel, family: 'IPv4' }, packet)).toEqual({ kind: 'drop' });
    syncSetsAsKubeProxy(kernel);
    expect(tracePacket({ kernel, family: 'IPv4' }, packet).kind).not.toBe('drop');
  });

  it('packets that were rejected (S66) are neither rejected nor dropped any more', async () => {
    const kernel = await synced({ ...REMOTE, externalPolicy: 'local', failover: 'reject', nodePort: 30_080 });
    const packet = packetTo('192.0.2.10', 30_080);
    expect(tracePacket({ kernel, family: 'IPv4' }, packet)).toEqual({ kind: 'reject' });
    syncSetsAsKubeProxy(kernel);
    expect(tracePacket({ kernel, family: 'IPv4' }, packet).kind).toBe('forward');
  });

  it('no set is left that kube-proxy does not replace', () => {
    const ofKubeProxy =
      /^(?:LOOP-BACK|CLUSTER-IP|EXTERNAL-IP(?:-LOCAL)?|LOAD-BALANCER(?:-(?:LOCAL|FW|SOURCE-CIDR|SOURCE-IP))?|NODE-PORT(?:-LOCAL)?-(?:TCP|UDP|SCTP-HASH)|HEALTH-CHECK-NODE-PORT|IPVS-IPS)$/;
    expect(SET_IDS.filter((id) => !ofKubeProxy.test(id))).toEqual([]);
  });
});
