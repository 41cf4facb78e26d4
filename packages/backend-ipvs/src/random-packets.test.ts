/** Any packet to any frontend: the kernel's objects treat it as the core decides. */
import {
  explain,
  type DesiredNode,
  type DesiredServicePort,
  type DesiredState,
  type Frontend,
  type LocalDetector,
  type Packet,
  type Route,
} from '@signalbox/core';
import { formatOutcome, seededRandom } from '@signalbox/testkit';
import { describe, expect, it } from 'vitest';
import { createIpvsBackend } from './ipvs-backend.ts';
import { change, service, TEST_NODE, type ServiceShape } from './testing/cluster.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';
import { tracePacket } from './testing/trace-packet.ts';

const HOST = { addresses: ['127.0.0.1', '192.0.2.10', '192.0.2.11'] };
const PODS = ['10.244.1.2', '10.244.1.3', '10.244.2.2', '10.244.3.2'];
const COUNTS = { servicePorts: 0, endpoints: 0, noLocalEndpointsInternal: 0, noLocalEndpointsExternal: 0 };
const SENDERS: readonly Pick<Packet, 'source' | 'inInterface'>[] = [
  { source: '10.244.1.2', inInterface: 'cni0' },
  { source: '10.244.1.9', inInterface: 'cni0' },
  { source: '10.244.2.9', inInterface: 'eth0' },
  { source: '198.51.100.7', inInterface: 'eth0' },
  { source: '198.51.101.7', inInterface: 'eth0' },
  { source: '192.0.2.10', inInterface: null },
];
const DETECTORS: readonly LocalDetector[] = [
  { kind: 'none' },
  { kind: 'cidrs', cidrs: ['10.244.0.0/16'] },
  { kind: 'cidrs', cidrs: ['10.244.1.0/24', '10.245.0.0/16'] },
  { kind: 'interface', name: 'cni0' },
  { kind: 'interface-prefix', prefix: 'cni' },
];

type Random = () => number;

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Every address and port belongs to one service only. */
function randomService(random: Random, index: number): DesiredServicePort {
  const some = <T>(value: T): readonly T[] => (random() < 0.5 ? [value] : []);
  const shape: ServiceShape = {
    name: `s${index}`,
    clusterIP: `10.96.0.${index}`,
    protocol: pick(random, ['TCP', 'UDP', 'SCTP']),
    port: pick(random, [80, 30_080, 8080]),
    endpoints: PODS.filter(() => random() < 0.4),
    externalPolicy: pick(random, ['cluster', 'local']),
    internalPolicy: pick(random, ['cluster', 'local']),
    externalIPs: some(`203.0.113.${index}`),
    loadBalancerIPs: some(`203.0.113.${100 + index}`),
    nodePort: 30_080 + index,
    ...(random() < 0.4
      ? { sourceRanges: { cidrs: ['198.51.100.0/24', '10.244.1.0/24'], alsoAddresses: [] } }
      : {}),
  };
  return service(shape);
}

/** Without a detector there are no routes of local pods, and cluster IPs are masqueraded for no client. */
function withDetector(servicePort: DesiredServicePort, detector: LocalDetector): DesiredServicePort {
  if (detector.kind !== 'none') return servicePort;
  const frontends = servicePort.frontends.map((frontend): Frontend => {
    const routes = frontend.routes.filter(({ source }) => source !== 'local-pods');
    const plain = routes.map((route): Route => ({ ...route, masquerade: false }));
    return { ...frontend, routes: frontend.kind === 'cluster-ip' ? plain : routes };
  });
  return { ...servicePort, frontends };
}

/** What this mode cannot distinguish (README): where external clients get local endpoints, all clients do. */
function asThisModeHasIt(state: DesiredState): DesiredState {
  const adapt = (frontend: Frontend): Frontend => {
    if (frontend.routes.at(-1)?.target !== 'local') return frontend;
    const routes = frontend.routes.map((route): Route => ({ ...route, target: 'local' }));
    return { ...frontend, routes };
  };
  const servicePorts = [...state.servicePorts.values()].map((port) => ({
    ...port,
    frontends: port.frontends.map(adapt),
  }));
  return { ...state, servicePorts: new Map(servicePorts.map((port) => [port.key, port])) };
}

function packets(state: DesiredState): readonly Packet[] {
  return [...state.servicePorts.values()].flatMap(({ name, frontends }) =>
    frontends.flatMap((frontend) =>
      (frontend.kind === 'node-port' ? state.node.nodePortIPs : [frontend.address]).flatMap((destination) =>
        SENDERS.map((sender) => ({
          ...sender,
          protocol: name.protocol,
          destination,
          destinationPort: frontend.port,
        })),
      ),
    ),
  );
}

describe.each(Array.from({ length: 60 }, (_, index) => index + 1))('random packets, seed %i', (seed) => {
  it('end as explained', async () => {
    const random = seededRandom(seed);
    const localDetector = pick(random, DETECTORS);
    const clusterIPMasquerade = localDetector.kind === 'none' ? 'none' : 'not-local-pods';
    const node: DesiredNode = { ...TEST_NODE, localDetector, clusterIPMasquerade };
    const ports = Array.from({ length: 8 }, (_, index) =>
      withDetector(randomService(random, index + 1), node.localDetector),
    );
    const state: DesiredState = {
      family: 'IPv4',
      node,
      servicePorts: new Map(ports.map((port) => [port.key, port])),
      healthChecks: new Map(),
      counts: COUNTS,
    };
    const kernel = createFakeKernel({ hostAddresses: HOST.addresses });
    const backend = createIpvsBackend({
      family: 'IPv4',
      driver: createFakeIpvs({ family: 'IPv4', kernel }).driver,
    });
    expect(await backend.sync(change('full', { node, added: ports }))).toMatchObject({ outcome: 'ok' });
    const desired = asThisModeHasIt(state);
    const wrong = packets(state).flatMap((packet) => {
      const expected = formatOutcome(explain(desired, packet, HOST).outcome);
      const got = formatOutcome(tracePacket({ kernel, family: 'IPv4' }, packet));
      return got === expected ? [] : [`${JSON.stringify(packet)}\n  expected ${expected}\n  got      ${got}`];
    });
    expect(wrong, `${JSON.stringify(node.localDetector)}\n${wrong.join('\n')}`).toEqual([]);
  });
});
