/** Builders of services and hosts for the tests beside the source. */
import {
  fullChange,
  servicePortKey,
  type Backend,
  type DesiredEndpoint,
  type DesiredHealthCheck,
  type DesiredServicePort,
  type Frontend,
  type Protocol,
  type Route,
  type TrafficPolicy,
} from '@signalbox/core';
import { createHns, type Hns, type HnsOptions } from '@signalbox/hns-simulator';
import { createWinvfpBackend } from '../backend.ts';
import { recordHcn, type HcnRecorder } from '../driver/recorder.ts';
import { featuresOf } from '../objects/hns-version.ts';
import type { CompileContext } from '../objects/desired.ts';
import type { WinvfpOptions } from '../options.ts';
import { attachPod, stateOf } from './random-host.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

/** `10.244.1.x` and `fd00:10:244:1:…` run on this node. */
export function endpoint(address: string, port = 8080): DesiredEndpoint {
  return { address, port, isLocal: /^(10\.244\.1\.|fd00:10:244:1:)/.test(address) };
}

function routesTo(target: Route['target'], masquerade: 'masquerade' | 'keep' = 'keep'): readonly Route[] {
  return [{ source: 'any', target, masquerade: masquerade === 'masquerade', rule: 'S15' }];
}

export function clusterIP(address: string, policy: TrafficPolicy = 'cluster'): Frontend {
  return { kind: 'cluster-ip', address, port: 80, policy, routes: routesTo(policy) };
}

export function externalIP(address: string, policy: TrafficPolicy = 'cluster'): Frontend {
  return { kind: 'external-ip', address, port: 80, policy, routes: routesTo(policy, 'masquerade') };
}

export function balancerIP(address: string, policy: TrafficPolicy = 'cluster'): Frontend {
  const routes = routesTo(policy, 'masquerade');
  return { kind: 'load-balancer', address, port: 80, sourceRanges: null, policy, routes };
}

/** A load balancer of another program over this endpoint. With two frontends it is of a form that Signalbox never creates. */
export function unownedBalancer(
  endpointId: string | undefined,
  FrontendVIPs: readonly string[] = ['203.0.113.200', '203.0.113.201'],
) {
  return {
    ID: 'F0000000-0000-4000-8000-000000000001',
    HostComputeEndpoints: [endpointId ?? ''],
    FrontendVIPs,
    PortMappings: [{ Protocol: 6, InternalPort: 1, ExternalPort: 2 }],
  };
}

export function nodePort(port: number, policy: TrafficPolicy = 'cluster'): Frontend {
  return { kind: 'node-port', port, policy, routes: routesTo(policy, 'masquerade') };
}

export interface ServiceShape {
  readonly name?: string;
  readonly protocol?: Protocol;
  readonly frontends?: readonly Frontend[];
  readonly endpoints?: readonly DesiredEndpoint[];
  readonly affinity?: DesiredServicePort['affinity'];
  readonly windows?: Partial<DesiredServicePort['windows']>;
}

export function service(shape: ServiceShape = {}): DesiredServicePort {
  const id = {
    namespace: 'ns',
    name: shape.name ?? 'web',
    port: '',
    protocol: shape.protocol ?? 'TCP',
  } as const;
  const endpoints = shape.endpoints ?? [endpoint('10.244.1.2'), endpoint('10.244.2.2')];
  return {
    key: servicePortKey(id),
    name: id,
    frontends: shape.frontends ?? [clusterIP('10.96.0.10')],
    clusterEndpoints: endpoints,
    localEndpoints: endpoints.filter((entry) => entry.isLocal),
    servingEndpoints: endpoints,
    affinity: shape.affinity ?? null,
    balancing: null,
    windows: { preserveDestination: false, updateInPlace: true, ...shape.windows },
  };
}

export function healthCheck(name: string, port: number): DesiredHealthCheck {
  return { key: `ns/${name}`, namespace: 'ns', name, port, localEndpoints: 1 };
}

export function stateWith(...services: readonly DesiredServicePort[]): ReturnType<typeof stateOf> {
  return stateOf(new Map(services.map((entry) => [entry.key, entry])));
}

export function fullOf(...services: readonly DesiredServicePort[]): ReturnType<typeof fullChange> {
  return fullChange(stateWith(...services));
}

export function context(more: Partial<CompileContext> = {}): CompileContext {
  return {
    family: 'IPv4',
    features: featuresOf({ major: 15, minor: 5 }),
    network: { id: 'N', overlay: false, remoteSubnets: [] },
    enableDSR: true,
    sourceVip: '',
    nodeIP: '192.0.2.10',
    hostMac: '02-fc-00-00-00-01',
    healthCheckVip: null,
    nodePorts: { kind: 'any-local', loopback: false },
    ...more,
  };
}

export const OVERLAY: Partial<CompileContext> = {
  network: {
    id: 'N',
    overlay: true,
    remoteSubnets: [{ prefix: '10.244.2.0/24', providerAddress: '192.0.2.20' }],
  },
  sourceVip: '10.244.1.100',
};

export interface TestHost {
  readonly hns: Hns;
  readonly recorder: HcnRecorder;
  readonly backend: Backend;
  /** Another process over the same HNS. */
  restart(): Backend;
  /** Documents of the load balancers by frontend address (`*` for node ports), endpoints as addresses. */
  balancers(): Readonly<Record<string, readonly string[]>>;
}

export const NETWORK_ID = '11111111-1111-1111-1111-111111111111';

export function testHost(options: HnsOptions = {}, more: Partial<WinvfpOptions> = {}): TestHost {
  const hns = createHns({ hostAddresses: ['192.0.2.10'], ...options });
  hns.addNetwork(
    { Name: 'cbr0', Type: 'L2Bridge', Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }] },
    NETWORK_ID,
  );
  for (const address of ['10.244.1.2', '10.244.1.3']) attachPod(hns, address);
  const recorder = recordHcn(createSimulatedHcn(hns));
  const create = (): Backend =>
    createWinvfpBackend({
      family: 'IPv4',
      hcn: recorder,
      networkName: 'cbr0',
      enableDSR: true,
      nodeIP: '192.0.2.10',
      ...more,
    });
  return { hns, recorder, backend: create(), restart: create, balancers: () => balancersOf(hns) };
}

function balancersOf(hns: Hns): Readonly<Record<string, readonly string[]>> {
  const { endpoints, loadBalancers } = hns.snapshot();
  const addressOf = (id: string): string =>
    endpoints.find((entry) => entry.ID.toUpperCase() === id.toUpperCase())?.IpConfigurations?.[0]
      ?.IpAddress ?? id;
  return Object.fromEntries(
    loadBalancers.map((entry) => [
      `${entry.FrontendVIPs?.[0] ?? '*'}:${entry.PortMappings[0]?.ExternalPort ?? 0}`,
      entry.HostComputeEndpoints.map(addressOf).sort(),
    ]),
  );
}

/** Operations that change something, in order. */
export function writes(recorder: HcnRecorder): readonly string[] {
  const ops = recorder.take().map((call) => call.request.op);
  return ops.filter((op) => op !== 'list' && op !== 'hns');
}
