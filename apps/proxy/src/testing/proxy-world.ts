/** A proxy in this process: recording backends, a scripted source, real HTTP servers, time that stands still. */
import type { Family, Resource } from '@signalbox/core';
import type { Composition, SourceBundle } from '../compose/composition.ts';
import { createLogging } from '../logging/logger.ts';
import { startProxy, type Proxy } from '../proxy.ts';
import { recordingComposition, type RecordingComposition } from './composition.ts';
import { freePort } from './free-port.ts';
import type { Platform } from '../config/types.ts';
import { settingsOf } from './settings.ts';

export interface World {
  readonly parts: RecordingComposition;
  readonly proxy: Proxy;
  readonly fatal: string[];
  readonly lines: string[];
  get(server: 'health' | 'metrics', path: string, init?: RequestInit): Promise<Response>;
  /** Lets time pass, in half seconds, and everything that follows from it happen. */
  settle(milliseconds?: number): Promise<void>;
}

const running: Proxy[] = [];

/** In the place of what records. */
interface Overrides {
  readonly composition?: Partial<Composition>;
  readonly bundle?: Partial<SourceBundle>;
  /** The platform of the modes; `linux` where absent. */
  readonly platform?: Platform;
}

/** After each test. */
export async function stopAll(): Promise<void> {
  for (const proxy of running.splice(0)) await proxy.stop();
}

export async function start(
  argv: readonly string[] = [],
  families: readonly Family[] = ['IPv4', 'IPv6'],
  { composition = {}, bundle: otherBundle = {}, platform = 'linux' }: Overrides = {},
): Promise<World> {
  // One object: what a test sets of it later counts for the composition itself.
  const parts = Object.assign(recordingComposition(families), composition);
  const ports = { health: await freePort(), metrics: await freePort() };
  const servers = [
    `--healthz-bind-address=127.0.0.1:${ports.health}`,
    `--metrics-bind-address=127.0.0.1:${ports.metrics}`,
  ];
  const settings = settingsOf([...servers, '--hostname-override=node-a', ...argv], { platform });
  const lines: string[] = [];
  const logging = createLogging(settings.config.logging, {
    write: (line) => lines.push(line),
    now: () => 0,
    pid: 1,
  });
  const fatal: string[] = [];
  const bundle = {
    source: parts.source,
    events: { record: (event: never) => void parts.events.push(event) },
    ...otherBundle,
  };
  const proxy = await startProxy({
    settings,
    composition: parts,
    logging,
    families,
    bundle,
    onFatal: (why) => fatal.push(why),
  });
  running.push(proxy);
  const settle = (milliseconds = 0): Promise<void> => settleWorld(parts, milliseconds);
  const get = (server: 'health' | 'metrics', path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${ports[server]}${path}`, init);
  return { parts, proxy, fatal, lines, get, settle };
}

async function settleWorld({ manualClock }: RecordingComposition, milliseconds: number): Promise<void> {
  for (let passed = 0; passed <= milliseconds; passed += 500) {
    manualClock.advance(passed === 0 ? 0 : 500);
    // Health-check servers open on the event loop: let it turn.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

export const NODE = {
  kind: 'Node',
  apiVersion: 'v1',
  metadata: { name: 'node-a', uid: 'n1' },
  spec: { podCIDRs: ['10.244.1.0/24'] },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] },
};

export const SERVICE = {
  kind: 'Service',
  apiVersion: 'v1',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    ipFamilies: ['IPv4'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  },
};

/** With the endpoint of `SERVICE`, on the node of `NODE`. */
export const SLICE = {
  kind: 'EndpointSlice',
  apiVersion: 'discovery.k8s.io/v1',
  metadata: { namespace: 'default', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: ['10.244.1.5'], nodeName: 'node-a', conditions: { ready: true } }],
};

/** `SERVICE` as a load balancer that is to ask this port whether the node has endpoints. */
export function healthChecked(port: number): object {
  const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: port };
  return { ...SERVICE, spec: { ...SERVICE.spec, ...local } };
}

export function upsert(world: World, resource: Resource, object: unknown): void {
  world.parts.source.handlers.onEvents([{ type: 'upsert', resource, object }]);
}

export function synced(world: World, ...resources: Resource[]): void {
  for (const resource of resources) world.parts.source.handlers.onSynced(resource);
}
