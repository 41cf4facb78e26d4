/**
 * The desired state, compiled and kept: which load balancer is desired at each frontend, and which frontends have to be
 * compared again. Work is in proportion to what a change touches.
 */
import {
  createDesiredView,
  createOwnedObjects,
  type DesiredView,
  type OwnedObjects,
  type Step,
} from '@signalbox/backend-kit';
import { objectKey, type DesiredChange, type DesiredNode, type ServicePortKey } from '@signalbox/core';
import type { CompileContext, DesiredHnsEndpoint, DesiredLoadBalancer } from '../objects/desired.ts';
import { sourceVipEndpoint } from './remote-endpoints.ts';
import { compileService } from './service-dispatch.ts';

export interface DesiredObjects {
  /** Records the change; nothing is compiled yet. */
  apply(change: DesiredChange): void;
  readonly node: DesiredNode | null;
  /** That of the last `compile`. */
  readonly context: CompileContext | null;
  /** Compiles what was touched, or everything if the context is another one. */
  compile(context: CompileContext): void;
  /** Frontends whose load balancer may differ. */
  readonly dirty: ReadonlySet<string>;
  markDirty(frontend: string): void;
  /** All but `failed` are as desired: no longer dirty, and their former state is dropped. */
  settle(failed: ReadonlySet<string>): void;
  /** Of two service ports that specify one frontend (S28) the first in key order has it. */
  desiredAt(frontend: string): DesiredLoadBalancer | undefined;
  /** The last desired load balancer there, as long as it may still exist. */
  formerlyAt(frontend: string): DesiredLoadBalancer | undefined;
  frontends(): ReadonlyMap<string, DesiredLoadBalancer>;
  /** Service VIPs and the source VIP. */
  extraEndpoints(): readonly DesiredHnsEndpoint[];
  readonly servicePorts: DesiredView['servicePorts'];
  /** A copy compiled for this context, independent of syncs that compile this one. */
  copy(context: CompileContext): DesiredObjects;
}

export function createDesiredObjects(): DesiredObjects {
  const view = createDesiredView();
  const balancers = createOwnedObjects<DesiredLoadBalancer>();
  /** Endpoints of cluster IPs: empty except on overlay networks. */
  const serviceVips = createOwnedObjects<DesiredHnsEndpoint>();
  const touched = createTouchedFrontends();
  let compiledFor = '';
  let context: CompileContext | null = null;
  return {
    dirty: touched.dirty,
    markDirty: (frontend) => void touched.dirty.add(frontend),
    settle: (failed) => touched.settle(failed),
    apply: (change) => view.apply(change),
    get node() {
      return view.node;
    },
    get context() {
      return context;
    },
    compile(next) {
      const fingerprint = JSON.stringify(next);
      compileOwed({ view, balancers, serviceVips }, next, fingerprint === compiledFor ? 'owed' : 'all');
      compiledFor = fingerprint;
      context = next;
      serviceVips.takeSteps();
      touched.record(balancers.takeSteps());
    },
    desiredAt: (frontend) => balancers.get(frontend),
    formerlyAt: (frontend) => touched.former.get(frontend),
    frontends: () => new Map(balancers.entries()),
    extraEndpoints() {
      const sourceVip = context === null ? null : sourceVipEndpoint(context);
      const vips = [...serviceVips.entries()].map(([, endpoint]) => endpoint);
      return sourceVip === null ? vips : [sourceVip, ...vips];
    },
    servicePorts: view.servicePorts,
    copy: (from) => copyOf(view, from),
  };
}

function copyOf(view: DesiredView, context: CompileContext): DesiredObjects {
  const copy = createDesiredObjects();
  const full = view.full();
  if (full !== null) copy.apply(full);
  copy.compile(context);
  return copy;
}

function createTouchedFrontends() {
  /** Load balancers that were not replaced by another, until they are deleted. */
  const former = new Map<string, DesiredLoadBalancer>();
  const dirty = new Set<string>();
  return {
    former,
    dirty,
    record(steps: ReadonlyMap<string, Step<DesiredLoadBalancer>>): void {
      for (const [frontend, { before, after }] of steps) {
        dirty.add(frontend);
        if (after !== undefined) former.delete(frontend);
        else if (before !== undefined) former.set(frontend, before);
      }
    },
    settle(failed: ReadonlySet<string>): void {
      dirty.clear();
      for (const frontend of failed) dirty.add(frontend);
      for (const frontend of former.keys()) if (!failed.has(frontend)) former.delete(frontend);
    },
  };
}

interface Tables {
  readonly view: DesiredView;
  readonly balancers: OwnedObjects<DesiredLoadBalancer>;
  readonly serviceVips: OwnedObjects<DesiredHnsEndpoint>;
}

function compileOwed(tables: Tables, context: CompileContext, which: 'owed' | 'all'): void {
  const { view, balancers, serviceVips } = tables;
  const owed = view.owed();
  const isAll = which === 'all' || owed === null || owed.kind === 'full';
  if (isAll) for (const objects of [balancers, serviceVips]) objects.clear();
  const touched = isAll ? view.servicePorts.keys() : touchedBy(owed, view.servicePorts);
  for (const key of touched) compileOne(tables, key, context);
  view.settle();
}

/** A health check belongs to all ports of its Service. */
function touchedBy(
  { servicePorts, healthChecks }: DesiredChange,
  all: DesiredView['servicePorts'],
): ReadonlySet<ServicePortKey> {
  const touched = new Set(keysOf(servicePorts));
  const checked = new Set(keysOf(healthChecks));
  if (checked.size > 0) {
    for (const { key, name } of all.values())
      if (checked.has(objectKey(name.namespace, name.name))) touched.add(key);
  }
  return touched;
}

type KeyedChanges = DesiredChange['servicePorts'] | DesiredChange['healthChecks'];

function keysOf({ added, changed, removed }: KeyedChanges): readonly string[] {
  return [...removed, ...added, ...changed.map(({ after }) => after)].map(({ key }) => key);
}

function compileOne({ view, balancers, serviceVips }: Tables, key: string, context: CompileContext): void {
  const port = view.servicePorts.get(key);
  const check = port && view.healthChecks.get(objectKey(port.name.namespace, port.name.name));
  const compiled = port && compileService(port, check?.port ?? null, context);
  balancers.contribute(key, compiled?.loadBalancers.map((each) => [each.frontend, each]) ?? []);
  const vip = compiled?.serviceVip ?? null;
  serviceVips.contribute(key, vip === null ? [] : [[vip.id, vip]]);
}
