/** The host of one random sequence: HNS, the CNI plug-in, objects of other programs, and this backend on top. */
import {
  fullChange,
  type Backend,
  type DesiredChange,
  type DesiredServicePort,
  type DesiredState,
  type SyncResult,
} from '@signalbox/core';
import { createHns, HR, type Hns, type HnsOptions } from '@signalbox/hns-simulator';
import { createWinvfpBackend } from '../backend.ts';
import type { HcnApi } from '../driver/hcn-api.ts';
import { LOCAL_PODS, pick, randomService, type Random } from './random-world.ts';
import { featuresOf } from '../objects/hns-version.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

export interface HostShape {
  readonly overlay: boolean;
  readonly hns: HnsOptions;
}

export interface RandomHost {
  readonly hns: Hns;
  /** One event; then, most times, a sync. */
  step(): Promise<void>;
  /** Ends all faults, starts HNS and creates the endpoint of every pod; returns the state that must follow. */
  settle(): Promise<SyncResult>;
  readonly backend: () => Backend;
  readonly state: () => DesiredState;
}

/** Results of failing calls. A deletion that returned "not found" and did nothing is detected by the next listing. */
const FAILURES = [
  HR.fail,
  HR.rpcUnavailable,
  HR.portAlreadyExists,
  HR.alreadyExists,
  HR.elementNotFound,
  HR.notImplemented,
];

/** Results of calls that took effect. */
const LATE_FAILURES = [HR.fail, HR.rpcUnavailable];

const NODE: DesiredState['node'] = {
  name: 'node-a',
  localDetector: { kind: 'none' },
  clusterIPMasquerade: 'none',
  nodePortAddresses: { kind: 'any-local', loopback: false },
  nodePortIPs: [],
  serviceCIDRs: [],
};

export function stateOf(services: ReadonlyMap<string, DesiredServicePort>): DesiredState {
  const counts = { servicePorts: 0, endpoints: 0, noLocalEndpointsInternal: 0, noLocalEndpointsExternal: 0 };
  return { family: 'IPv4', node: NODE, servicePorts: services, healthChecks: new Map(), counts };
}

export function newBackend(shape: HostShape, hcn: HcnApi): Backend {
  return createWinvfpBackend({
    family: 'IPv4',
    hcn,
    networkName: 'cbr0',
    sourceVip: '10.244.1.100',
    enableDSR: shape.hns.version === undefined || featuresOf(shape.hns.version).dsr,
    nodeIP: '192.0.2.10',
    hostMac: '02-fc-00-00-00-01',
  });
}

export function addNetwork(hns: Hns, shape: HostShape, providers: readonly string[]): string {
  const routes = providers.map((provider, index) => ({
    Type: 'RemoteSubnetRoute',
    Settings: { DestinationPrefix: `10.244.${index + 2}.0/24`, ProviderAddress: provider },
  }));
  return hns.addNetwork({
    Name: 'cbr0',
    Type: shape.overlay ? 'Overlay' : 'L2Bridge',
    Policies: routes,
    Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }],
  });
}

export function attachPod(hns: Hns, address: string): void {
  const { networks, endpoints } = hns.snapshot();
  const there = endpoints.some(
    (entry) => entry.Flags !== 1 && entry.IpConfigurations?.[0]?.IpAddress === address,
  );
  const network = networks[0];
  if (there || network === undefined) return;
  hns.attach({
    Name: `pod-${address}`,
    HostComputeNetwork: network.ID,
    IpConfigurations: [{ IpAddress: address }],
  });
}

/** Objects of other programs, which must not be modified: another frontend, a policy of a shape that no proxy makes. */
export function addUnowned(hns: Hns): void {
  const { networks, endpoints } = hns.snapshot();
  const network = { HostComputeNetwork: networks[0]?.ID ?? '' };
  const own =
    endpoints.find((entry) => entry.Name === 'other-agent') ??
    hns.attach({ Name: 'other-agent', ...network, IpConfigurations: [{ IpAddress: '10.244.1.200' }] });
  const mapping = { Protocol: 6, InternalPort: 9, ExternalPort: 9 };
  hns.putLoadBalancer({
    ID: 'F0000000-0000-4000-8000-000000000001',
    HostComputeEndpoints: [own.ID],
    FrontendVIPs: ['203.0.113.200'],
    PortMappings: [mapping],
  });
  hns.putLoadBalancer({
    ID: 'F0000000-0000-4000-8000-000000000002',
    HostComputeEndpoints: [own.ID],
    FrontendVIPs: ['203.0.113.201', '203.0.113.202'],
    PortMappings: [mapping],
  });
}

function furnish(hns: Hns, shape: HostShape, random: Random): void {
  addNetwork(hns, shape, ['192.0.2.20', '192.0.2.30']);
  addUnowned(hns);
  for (const address of LOCAL_PODS) if (random() < 0.8) attachPod(hns, address);
}

/** `rate`: the share of calls that fail now. */
function faultyHns(shape: HostShape, random: Random, rate: () => number): Hns {
  const failing = (share: number, codes: readonly number[]): number =>
    random() < rate() * share ? pick(random, codes) : HR.ok;
  const fault = (): number => failing(1, FAILURES);
  const lateFault = (): number => failing(0.5, LATE_FAILURES);
  return createHns({ ...shape.hns, fault, lateFault });
}

export function createRandomHost(shape: HostShape, random: Random): RandomHost {
  let rate = 0;
  const hns = faultyHns(shape, random, () => rate);
  furnish(hns, shape, random);
  const services = new Map<string, DesiredServicePort>();
  const start = (): Backend => newBackend(shape, createSimulatedHcn(hns));
  let backend = start();
  let fresh = true;
  const sync = async (change: DesiredChange): Promise<SyncResult> => {
    const full = fresh || random() < 0.05;
    fresh = false;
    return backend.sync(full ? fullChange(stateOf(services)) : change);
  };
  const hostEvents = createHostEvents(hns, shape, random);
  return {
    hns,
    backend: () => backend,
    state: () => stateOf(services),
    async step() {
      const roll = random();
      if (roll < 0.15) hostEvents();
      else if (roll < 0.2 && shape.hns.ignoresRequestedIds !== true) {
        backend = start(); // the process was restarted
        fresh = true;
      } else if (roll < 0.35) rate = random() < 0.5 ? 0 : 0.15;
      await sync(random() < 0.15 ? incremental([], [], []) : randomChange(services, random));
    },
    async settle() {
      rate = 0;
      hns.start('keep');
      hns.rehydrate();
      addUnowned(hns); // a restart may have lost them
      for (const address of LOCAL_PODS) attachPod(hns, address);
      await sync(incremental([], [], []));
      return backend.sync(incremental([], [], []));
    },
  };
}

type Changed = { readonly before: DesiredServicePort; readonly after: DesiredServicePort };

export function incremental(
  added: readonly DesiredServicePort[],
  changed: readonly Changed[],
  removed: readonly DesiredServicePort[],
): DesiredChange {
  const base = fullChange(stateOf(new Map()));
  return { ...base, kind: 'incremental', nodeChanged: false, servicePorts: { added, changed, removed } };
}

function randomChange(services: Map<string, DesiredServicePort>, random: Random): DesiredChange {
  const after = randomService(random);
  const before = services.get(after.key);
  if (before !== undefined && random() < 0.3) {
    services.delete(before.key);
    return incremental([], [], [before]);
  }
  services.set(after.key, after);
  return before === undefined ? incremental([after], [], []) : incremental([], [{ before, after }], []);
}

function createHostEvents(hns: Hns, shape: HostShape, random: Random): () => void {
  const isUnowned = (id: string): boolean => id.startsWith('F0000000');
  const events: readonly (() => void)[] = [
    () => hns.stop(),
    () => hns.start(pick(random, ['keep', 'lose', 'hide'] as const)),
    () => hns.rehydrate(),
    () => attachPod(hns, pick(random, LOCAL_PODS)),
    () => {
      const pod = hns.snapshot().endpoints.find((entry) => entry.Name?.startsWith('pod-'));
      if (pod !== undefined) hns.detach(pod.ID);
    },
    () => {
      const hit = hns.snapshot().loadBalancers.filter((entry) => !isUnowned(entry.ID));
      if (hit.length > 0) hns.call('HcnDeleteLoadBalancer', [pick(random, hit).ID]);
    },
    () => {
      const network = hns.snapshot().networks[0];
      if (network !== undefined && shape.overlay) moveRoutes(hns, network.ID, random);
    },
  ];
  return () => pick(random, events)();
}

/** A node got another address: its pods are reached through that from now on. */
function moveRoutes(hns: Hns, id: string, random: Random): void {
  const network = hns.snapshot().networks.find((entry) => entry.ID === id);
  if (network === undefined) return;
  const Policies = (network.Policies ?? []).map((policy) => ({
    ...policy,
    Settings: {
      ...policy.Settings,
      ProviderAddress: pick(random, ['192.0.2.20', '192.0.2.30', '192.0.2.40']),
    },
  }));
  hns.addNetwork({ ...network, Policies }, id);
}
