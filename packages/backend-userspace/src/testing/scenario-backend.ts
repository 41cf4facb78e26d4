import {
  isLoopback,
  type DesiredEndpoint,
  type Outcome,
  type Packet,
  type ServicePortKey,
} from '@signalbox/core';
import type { ScenarioBackend, ScenarioInstance, ScenarioSetup } from '@signalbox/core/testing';
import { createBalancer, type Balancer } from '../compile/load-balancing.ts';
import { dispatch } from '../compile/service-dispatch.ts';
import { refusalOf } from '../compile/source-ranges.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import { createUserspaceBackend } from '../userspace-backend.ts';
import { expectedOutcome } from './expected-outcome.ts';
import { createFakeDriver, createFakeNode, type FakeNode } from './fake-node.ts';
import { describeNode } from './golden.ts';

/** The mode in the scenarios: the backend on a fake node, whose sockets are dispatched for each packet. */
export const userspaceScenarioBackend: ScenarioBackend = {
  mode: 'userspace',
  expects: expectedOutcome,
  goldens: ['userspace.sockets'],
  create: createInstance,
};

function createInstance({ family, host, faults }: ScenarioSetup): ScenarioInstance {
  const node = createFakeNode(host.addresses);
  const driver = createFakeDriver({ family, node, faults });
  const balancers = new Map<ServicePortKey, Balancer>();
  const balancerOf = ({ servicePort: { key } }: Listener, random: () => number): Balancer => {
    const balancer = balancers.get(key) ?? createBalancer(random);
    balancers.set(key, balancer);
    return balancer;
  };
  return {
    backend: createUserspaceBackend({ family, driver }),
    golden: () => ({ 'userspace.sockets': describeNode(node, family) }),
    trace: (packet) => outcomeAt(node, packet, (endpoints) => endpoints),
    connect: (packet, random) =>
      outcomeAt(node, packet, (endpoints, listener) => {
        const balancer = balancerOf(listener, random);
        const { affinity, balancing } = listener.servicePort;
        const { source: client } = packet;
        const request = { endpoints, affinity, balancing, client, now: 0, active: () => 0 };
        const chosen = balancer.candidates(request, 1);
        for (const endpoint of chosen) balancer.connected(request, endpoint);
        return chosen;
      }),
  };
}

type Choice = (endpoints: readonly DesiredEndpoint[], listener: Listener) => readonly DesiredEndpoint[];

function outcomeAt(node: FakeNode, packet: Packet, choose: Choice): Outcome {
  const { protocol, source, destination: address, destinationPort: port } = packet;
  const isOwn = node.addresses.has(address) || node.hostAddresses.has(address) || isLoopback(address);
  if (!isOwn) return { kind: 'pass' };
  const listener =
    protocol === 'SCTP' ? undefined : node.listeners.get(listenerKey({ protocol, address, port }));
  // No socket: the kernel refuses the connection.
  if (listener === undefined) return { kind: 'reject' };
  const isHostAddress = (each: string): boolean => node.addresses.has(each) || node.hostAddresses.has(each);
  const endpoints = dispatch(listener, { source, isHostAddress });
  if (endpoints === null) return { kind: refusalOf(listener) === 'reset' ? 'reject' : 'drop' };
  const chosen = choose(endpoints, listener).map((endpoint) => ({
    address: endpoint.address,
    port: endpoint.port,
    masquerade: true,
  }));
  return { kind: 'forward', destinations: chosen };
}
