/** This backend for the scenario suite: the real one, over the HNS simulator in this process. */
import {
  familyOf,
  PROTOCOL_NUMBER,
  type Backend,
  type Destination,
  type Family,
  type Outcome,
  type Packet,
} from '@signalbox/core';
import type { FaultPlan, ScenarioBackend, ScenarioInstance, ScenarioSetup } from '@signalbox/core/testing';
import { createHns, type Hns, type HnsRoute } from '@signalbox/hns-simulator';
import { createWinvfpBackend } from '../backend.ts';
import type { HcnApi } from '../driver/hcn-api.ts';
import { failedReply } from '../encode/reply.ts';
import { goldenText } from './golden.ts';
import { addBridge, attachPods, NETWORK_NAME } from './scenario-world.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

const NODE_IP: Readonly<Record<Family, string>> = { IPv4: '192.0.2.10', IPv6: '2001:db8:0:2::10' };

/** kernelspace mode for the scenarios; its golden is the listing `winvfp.json`. */
export const winvfpScenarioBackend: ScenarioBackend = {
  mode: 'winvfp',
  goldens: ['winvfp.json'],
  create(setup) {
    const hns = createHns({ hostAddresses: setup.host.addresses });
    addBridge(hns);
    const hcn = withFaults(createSimulatedHcn(hns), setup.faults);
    const backend = withPlugin(createBackend(setup, hcn), hns);
    return instance(backend, hns, setup.family);
  },
};

/** Options of `backend.winvfp` in scenario.yaml: `enableDSR` (default true, as clusters with Windows nodes set it). */
function createBackend(setup: ScenarioSetup, hcn: HcnApi): Backend {
  return createWinvfpBackend({
    family: setup.family,
    hcn,
    networkName: NETWORK_NAME,
    enableDSR: setup.options['enableDSR'] !== false,
    nodeIP: NODE_IP[setup.family],
  });
}

function withFaults(hcn: HcnApi, faults: FaultPlan): HcnApi {
  return {
    call: (request) =>
      faults(request.op) ? Promise.resolve(failedReply(request.op, 'injected')) : hcn.call(request),
  };
}

/** Pods of this node get their endpoint from the CNI plug-in before a service can select them. */
function withPlugin(backend: Backend, hns: Hns): Backend {
  return {
    ...backend,
    sync(change) {
      attachPods(hns, change);
      return backend.sync(change);
    },
  };
}

function instance(backend: Backend, hns: Hns, family: Family): ScenarioInstance {
  const route = (packet: Packet): HnsRoute | null =>
    hns.route({
      protocol: PROTOCOL_NUMBER[packet.protocol],
      source: packet.source,
      destination: packet.destination,
      destinationPort: packet.destinationPort,
    });
  return {
    backend,
    golden: () => ({ 'winvfp.json': goldenText(hns, family) }),
    trace: (packet) => (familyOf(packet.destination) === family ? outcome(route(packet)) : { kind: 'pass' }),
    connect(packet, random) {
      const found = route(packet);
      if (found === null) return { kind: 'pass' };
      const index = found.sticky ? hash(packet.source) : Math.floor(random() * found.destinations.length);
      const picked = found.destinations[index % found.destinations.length];
      return outcome(picked === undefined ? null : { ...found, destinations: [picked] });
    },
  };
}

function outcome(route: HnsRoute | null): Outcome {
  if (route === null) return { kind: 'pass' };
  const destinations = route.destinations.map(({ address, port, fromHost }): Destination => ({
    address,
    port,
    masquerade: fromHost,
  }));
  return { kind: 'forward', destinations };
}

/** VFP selects by a hash of the source address; any function of the address is sufficient here. */
function hash(text: string): number {
  let value = 0;
  for (const char of text) value = (value * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return value;
}
