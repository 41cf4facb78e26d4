/** After any sequence of changes, the rules treat any packet to any frontend as the core's explanation states. */
import {
  createModel,
  explain,
  type DesiredState,
  type Family,
  type LocalDetection,
  type ModelConfig,
  type Packet,
} from '@signalbox/core';
import { formatOutcome, seededRandom } from '@signalbox/testkit';
import { describe, expect, it } from 'vitest';
import type { TableName, Variant } from '@signalbox/iptables';
import { createFakeIptables, tracePacket } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import { rulesOf } from '../testing/scenario-backend.ts';

type Random = () => number;
type Address = (text: string) => string;

/** `a.b.c.d` unchanged, or as an IPv6 address of the same digits. */
const ADDRESS: Readonly<Record<Family, Address>> = {
  IPv4: (text) => text,
  IPv6: (text) => (text === '127.0.0.1' ? '::1' : `fd00::${text.replaceAll('.', ':')}`),
};
/** The network of an address, with the `bits` of the IPv4 prefix. */
const cidr = (family: Family, text: string, bits: 16 | 24): string =>
  family === 'IPv4' ? `${text}/${bits}` : `${ADDRESS.IPv6(text)}/${bits === 16 ? 96 : 112}`;

const PODS = ['10.244.1.2', '10.244.1.3', '10.244.2.2', '10.244.3.2'];
const HOSTS = ['127.0.0.1', '192.0.2.10', '192.0.2.11'];
const SENDERS = [
  ['10.244.1.2', 'cni0'],
  ['10.244.1.9', 'cni0'],
  ['10.244.2.9', 'eth0'],
  ['198.51.100.7', 'eth0'],
  ['198.51.101.7', 'eth0'],
  ['203.0.113.101', 'eth0'],
  ['192.0.2.10', null],
  ['192.0.2.11', null],
] as const;
const LOOPBACK_SENDERS = [['127.0.0.1', null]] as const;

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function randomConfig(random: Random, family: Family): ModelConfig {
  const detections: readonly LocalDetection[] = [
    { mode: 'ClusterCIDR', cidrs: [] },
    { mode: 'ClusterCIDR', cidrs: [cidr(family, '10.244.0.0', 16)] },
    { mode: 'ClusterCIDR', cidrs: [cidr(family, '10.244.1.0', 24), cidr(family, '10.244.3.0', 24)] },
    { mode: 'BridgeInterface', name: 'cni0' },
    { mode: 'InterfaceNamePrefix', prefix: 'cn' },
  ];
  return {
    nodeName: 'node-a',
    localDetection: pick(random, detections),
    masqueradeAll: random() < 0.3,
    nodePortAddresses: pick<ModelConfig['nodePortAddresses']>(random, [
      [],
      ['primary'],
      [cidr(family, '192.0.2.0', 24)],
      [cidr(family, '198.18.0.0', 24)],
    ]),
    localhostNodePorts: random() < 0.5,
    externalIPs: random() < 0.9,
    nodeIPOverride: null,
  };
}

/** Services share addresses, and sometimes have the same one as another. */
function randomService(random: Random, family: Family, index: number): object {
  const at = ADDRESS[family];
  const some = (chance: number, ...texts: readonly string[]): readonly string[] =>
    texts.filter(() => random() < chance).map(at);
  const type = pick(random, ['ClusterIP', 'NodePort', 'LoadBalancer']);
  const ranges = [cidr(family, '198.51.100.0', 24), cidr(family, '10.244.1.0', 24)];
  const port = (name: string, number: number, protocol: string) => ({
    name,
    port: number,
    protocol,
    ...(type === 'ClusterIP' ? {} : { nodePort: 30_000 + index * 2 + (name === 'a' ? 0 : 1) }),
  });
  return {
    metadata: { namespace: 'n'.repeat(63), name: 's'.repeat(60) + index },
    spec: {
      type,
      clusterIP: at(`10.96.0.${index + 1}`),
      ports: [
        port('a', pick(random, [80, 81]), pick(random, ['TCP', 'UDP', 'SCTP'])),
        port('b'.repeat(15), pick(random, [443, 31_002]), 'TCP'),
      ],
      externalIPs: some(0.3, `203.0.113.${index}`, '203.0.113.50', '192.0.2.11'),
      externalTrafficPolicy: pick(random, ['Cluster', 'Local']),
      internalTrafficPolicy: pick(random, ['Cluster', 'Local']),
      sessionAffinity: pick(random, ['None', 'ClientIP']),
      loadBalancerSourceRanges: [...ranges, cidr(family, '192.0.2.0', 24)].filter(() => random() < 0.3),
    },
    status: {
      loadBalancer: {
        ingress: some(0.5, `203.0.113.${100 + index}`, `203.0.113.${200 + index}`, '203.0.113.60').map(
          (ip) => ({
            ip,
          }),
        ),
      },
    },
  };
}

function randomSlice(random: Random, family: Family, index: number): object {
  const dead = random() < 0.25;
  const pods = PODS.filter(() => random() < 0.5);
  return {
    metadata: {
      namespace: 'n'.repeat(63),
      name: `slice-${index}`,
      labels: { 'kubernetes.io/service-name': 's'.repeat(60) + index },
    },
    addressType: family,
    ports: [
      { name: 'a', port: 8080, protocol: pick(random, ['TCP', 'UDP', 'SCTP']) },
      { name: 'b'.repeat(15), port: 8443 },
    ],
    endpoints: pods.map((pod) => ({
      addresses: [ADDRESS[family](pod)],
      nodeName: pod.startsWith('10.244.1.') ? 'node-a' : 'node-b',
      conditions: { ready: !dead && random() < 0.8, serving: random() < 0.7, terminating: dead },
    })),
  };
}

/** Only the node itself reaches its loopback addresses: S40, and martians before that. */
function sendersTo(
  destination: string,
  loopback: string | undefined,
): typeof SENDERS | typeof LOOPBACK_SENDERS {
  return destination === loopback ? LOOPBACK_SENDERS : SENDERS;
}

function packets(state: DesiredState, family: Family): readonly Packet[] {
  const hosts = HOSTS.map(ADDRESS[family]);
  return [...state.servicePorts.values()].flatMap(({ name: { protocol }, frontends }) =>
    frontends
      .flatMap((frontend) =>
        (frontend.kind === 'node-port' ? hosts : [frontend.address]).map((destination) => ({
          protocol,
          destination,
          destinationPort: frontend.port,
        })),
      )
      .flatMap((to) =>
        sendersTo(to.destination, hosts[0]).map(([source, inInterface]) => ({
          ...to,
          source: ADDRESS[family](source),
          inInterface,
        })),
      ),
  );
}

async function run(seed: number, family: Family, variant: Variant): Promise<void> {
  const random = seededRandom(seed);
  const addresses = HOSTS.map(ADDRESS[family]);
  const model = createModel(randomConfig(random, family));
  model.setInterfaceAddresses(addresses.map((address) => ({ interface: 'eth0', family, address })));
  const status = { addresses: [{ type: 'InternalIP', address: addresses[1] }] };
  model.apply({ type: 'upsert', resource: 'Node', object: { metadata: { name: 'node-a' }, status } });
  const fake = createFakeIptables({ family, variant });
  const backend = createIptablesBackend({ family, driver: fake.driver });
  for (let step = 0; step < 4; step++) {
    for (let index = 0; index < 9; index++) {
      const key = { namespace: 'n'.repeat(63), name: 's'.repeat(60) + index };
      if (step > 0 && random() < 0.6) continue;
      if (random() < 0.15) model.apply({ type: 'delete', resource: 'Service', ...key });
      else model.apply({ type: 'upsert', resource: 'Service', object: randomService(random, family, index) });
      model.apply({ type: 'upsert', resource: 'EndpointSlice', object: randomSlice(random, family, index) });
    }
    if (random() < 0.2) model.configure(randomConfig(random, family));
    const { change, state } = model.build(family);
    // On both sides of the limit of S52.
    const counts = { ...change.counts, endpoints: pick(random, [10, 2000]) };
    expect((await backend.sync({ ...change, counts })).error).toBeUndefined();
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    const world = { addresses, recent: new Map(), now: () => 0, remember: false };
    const input = { rules: (table: TableName) => rulesOf(fake, table), world, chance: 'both' } as const;
    const wrong = packets(state, family).flatMap((packet) => {
      const { outcome, reason } = explain(state, packet, { addresses });
      const expected = formatOutcome(outcome);
      const got = formatOutcome(tracePacket(input, packet));
      if (got === expected) return [];
      return [`${JSON.stringify(packet)}\n  expected ${expected} (${reason})\n  got      ${got}`];
    });
    expect(wrong.length, `step ${step}: ${JSON.stringify(state.node)}\n${wrong.slice(0, 4).join('\n')}`).toBe(
      0,
    );
  }
}

describe.each([
  ['IPv4', 'nft'],
  ['IPv6', 'nft'],
  ['IPv4', 'legacy'],
  ['IPv6', 'legacy'],
] as const)('random packets, %s, %s variant', (family, variant) => {
  it.each(Array.from({ length: 8 }, (_, index) => index + 1))('end as explained, seed %i', async (seed) => {
    await run(seed, family, variant);
  });
});
