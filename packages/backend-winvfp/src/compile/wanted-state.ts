/**
 * The desired state, compiled and kept: which load balancer is wanted at each frontend, and which frontends have to be
 * looked at again. Work is in proportion to what a change touches.
 */
import {
  objectKey,
  type DesiredChange,
  type DesiredHealthCheck,
  type DesiredNode,
  type DesiredServicePort,
  type ObjectKey,
  type ServicePortKey,
} from '@signalbox/core';
import type {
  CompileContext,
  CompiledService,
  WantedEndpoint,
  WantedLoadBalancer,
} from '../objects/wanted.ts';
import { sourceVipEndpoint } from './remote-endpoints.ts';
import { compileService } from './service-dispatch.ts';

export interface WantedState {
  /** Takes the change over; nothing is compiled yet. */
  take(change: DesiredChange): void;
  node(): DesiredNode | null;
  /** That of the last `compile`. */
  context(): CompileContext | null;
  /** Compiles what was touched, or everything if the context is another one. */
  compile(context: CompileContext): void;
  /** Frontends whose load balancer may be wrong. */
  readonly dirty: ReadonlySet<string>;
  markDirty(frontend: string): void;
  /** All but `failed` are as wanted: neither dirty nor remembered. */
  settle(failed: ReadonlySet<string>): void;
  wantedAt(frontend: string): WantedLoadBalancer | undefined;
  /** What was wanted there last, as long as its load balancer may still stand. */
  formerlyAt(frontend: string): WantedLoadBalancer | undefined;
  frontends(): ReadonlyMap<string, WantedLoadBalancer>;
  /** Service VIPs and the source VIP. */
  extraEndpoints(): readonly WantedEndpoint[];
  servicePorts(): ReadonlyMap<ServicePortKey, DesiredServicePort>;
}

interface Tables {
  readonly services: Map<ServicePortKey, DesiredServicePort>;
  readonly healthPorts: Map<ObjectKey, number>;
  readonly keysByObject: Map<ObjectKey, Set<ServicePortKey>>;
  readonly compiled: Map<ServicePortKey, CompiledService>;
  /** Two service ports may want one frontend (S28): the first in key order has it. */
  readonly claims: Map<string, Map<ServicePortKey, WantedLoadBalancer>>;
  readonly winners: Map<string, WantedLoadBalancer>;
  /** Winners that nothing took the place of, until their load balancers are gone. */
  readonly former: Map<string, WantedLoadBalancer>;
  /** Stand-ins of cluster IPs: empty but on overlay networks. */
  readonly serviceVips: Map<ServicePortKey, WantedEndpoint>;
  readonly touched: Set<ServicePortKey>;
  readonly dirty: Set<string>;
}

function createTables(): Tables {
  return {
    services: new Map(),
    healthPorts: new Map(),
    keysByObject: new Map(),
    compiled: new Map(),
    claims: new Map(),
    winners: new Map(),
    former: new Map(),
    serviceVips: new Map(),
    touched: new Set(),
    dirty: new Set(),
  };
}

export function createWantedState(): WantedState {
  const tables = createTables();
  let node: DesiredNode | null = null;
  let compiledFor = '';
  let compiledWith: CompileContext | null = null;
  let sourceVip: WantedEndpoint | null = null;
  return {
    dirty: tables.dirty,
    markDirty: (frontend) => void tables.dirty.add(frontend),
    settle(failed) {
      tables.dirty.clear();
      for (const frontend of failed) tables.dirty.add(frontend);
      for (const frontend of tables.former.keys()) if (!failed.has(frontend)) tables.former.delete(frontend);
    },
    take(change) {
      node = change.node;
      takeServices(tables, change);
      takeHealthChecks(tables, change);
    },
    node: () => node,
    context: () => compiledWith,
    compile(context) {
      const fingerprint = JSON.stringify(context);
      compileTouched(tables, context, fingerprint === compiledFor ? 'touched' : 'all');
      compiledFor = fingerprint;
      compiledWith = context;
      sourceVip = sourceVipEndpoint(context);
    },
    wantedAt: (frontend) => tables.winners.get(frontend),
    formerlyAt: (frontend) => tables.former.get(frontend),
    frontends: () => tables.winners,
    extraEndpoints: () => {
      const unique = new Map([...tables.serviceVips.values()].map((endpoint) => [endpoint.id, endpoint]));
      return sourceVip === null ? [...unique.values()] : [sourceVip, ...unique.values()];
    },
    servicePorts: () => tables.services,
  };
}

function compileTouched(tables: Tables, context: CompileContext, which: 'touched' | 'all'): void {
  const all = which === 'all' ? [...tables.services.keys(), ...tables.compiled.keys()] : [];
  for (const key of new Set([...tables.touched, ...all])) compileOne(tables, key, context);
  tables.touched.clear();
}

function takeServices(tables: Tables, change: DesiredChange): void {
  const { added, changed, removed } = change.servicePorts;
  if (change.kind === 'full') for (const port of tables.services.values()) removeService(tables, port);
  for (const port of removed) removeService(tables, port);
  for (const port of [...added, ...changed.map((entry) => entry.after)]) {
    const object = objectKey(port.name.namespace, port.name.name);
    tables.services.set(port.key, port);
    tables.keysByObject.set(object, (tables.keysByObject.get(object) ?? new Set()).add(port.key));
    tables.touched.add(port.key);
  }
}

function removeService(tables: Tables, port: DesiredServicePort): void {
  const object = objectKey(port.name.namespace, port.name.name);
  const keys = tables.keysByObject.get(object);
  keys?.delete(port.key);
  if (keys?.size === 0) tables.keysByObject.delete(object);
  tables.services.delete(port.key);
  tables.touched.add(port.key);
}

function takeHealthChecks(tables: Tables, change: DesiredChange): void {
  const { added, changed, removed } = change.healthChecks;
  const stale = change.kind === 'full' ? [...tables.healthPorts.keys()] : removed.map((entry) => entry.key);
  for (const key of stale) setHealthPort(tables, key, null);
  const current: readonly DesiredHealthCheck[] = [...added, ...changed.map((entry) => entry.after)];
  for (const check of current) setHealthPort(tables, check.key, check.port);
}

function setHealthPort(tables: Tables, key: ObjectKey, port: number | null): void {
  if ((tables.healthPorts.get(key) ?? null) === port) return;
  if (port === null) tables.healthPorts.delete(key);
  else tables.healthPorts.set(key, port);
  for (const servicePort of tables.keysByObject.get(key) ?? []) tables.touched.add(servicePort);
}

function compileOne(tables: Tables, key: ServicePortKey, context: CompileContext): void {
  for (const balancer of tables.compiled.get(key)?.loadBalancers ?? [])
    unclaim(tables, balancer.frontend, key);
  tables.compiled.delete(key);
  tables.serviceVips.delete(key);
  const port = tables.services.get(key);
  if (port === undefined) return;
  const healthPort = tables.healthPorts.get(objectKey(port.name.namespace, port.name.name)) ?? null;
  const compiled = compileService(port, healthPort, context);
  tables.compiled.set(key, compiled);
  if (compiled.serviceVip !== null) tables.serviceVips.set(key, compiled.serviceVip);
  for (const balancer of compiled.loadBalancers) claim(tables, balancer, key);
}

function claim(tables: Tables, balancer: WantedLoadBalancer, key: ServicePortKey): void {
  const claims = tables.claims.get(balancer.frontend) ?? new Map<ServicePortKey, WantedLoadBalancer>();
  tables.claims.set(balancer.frontend, claims.set(key, balancer));
  electWinner(tables, balancer.frontend, claims);
}

function unclaim(tables: Tables, frontend: string, key: ServicePortKey): void {
  const claims = tables.claims.get(frontend);
  if (claims === undefined) return;
  claims.delete(key);
  if (claims.size === 0) tables.claims.delete(frontend);
  electWinner(tables, frontend, claims);
}

function electWinner(
  tables: Tables,
  frontend: string,
  claims: ReadonlyMap<ServicePortKey, WantedLoadBalancer>,
): void {
  tables.dirty.add(frontend);
  const [first] = [...claims.keys()].sort();
  const winner = first === undefined ? undefined : claims.get(first);
  if (winner !== undefined) {
    tables.winners.set(frontend, winner);
    tables.former.delete(frontend);
    return;
  }
  const last = tables.winners.get(frontend);
  if (last !== undefined) tables.former.set(frontend, last);
  tables.winners.delete(frontend);
}
