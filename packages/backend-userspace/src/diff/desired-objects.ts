/** The listeners and addresses of all service ports, and which of them changed since the last write. */
import { createFoldedSet, createOwnedObjects } from '@signalbox/backend-kit';
import type {
  BackendError,
  DesiredChange,
  DesiredNode,
  DesiredServicePort,
  ServicePortKey,
} from '@signalbox/core';
import { sameValue } from '@signalbox/core';
import { createServicePortMap } from '../compile/address-map.ts';
import type { CompileContext } from '../compile/compile-context.ts';
import { compileServicePort } from '../compile/service-dispatch.ts';
import { listenerKey, sameListener, type Listener } from '../objects/listener.ts';

export type DesiredOptions = Omit<CompileContext, 'node' | 'mapServicePort'>;

export interface DesiredObjects {
  readonly listeners: ReturnType<typeof createOwnedObjects<Listener>>;
  readonly addresses: ReturnType<typeof createOwnedObjects<true>>;
  /** Service ports that this mode cannot serve. */
  readonly unsupported: ReadonlyMap<ServicePortKey, BackendError>;
  /** Number of frontends whose address is neither mapped nor assigned to the node. */
  readonly unreachable: number;
  apply(change: DesiredChange): void;
}

export function createDesiredObjects(options: DesiredOptions): DesiredObjects {
  const objects = createObjects(options);
  const servicePorts = createFoldedSet<DesiredServicePort>();
  const known: { node: DesiredNode | null } = { node: null };
  return {
    listeners: objects.listeners,
    addresses: objects.addresses,
    unsupported: objects.unsupported,
    get unreachable() {
      return [...objects.unreachable.values()].reduce((sum, each) => sum + each, 0);
    },
    apply(change) {
      if (change.kind === 'full') servicePorts.clear();
      servicePorts.apply(change.servicePorts);
      const { added, changed, removed } = servicePorts.owed();
      servicePorts.settle();
      for (const { key } of removed) objects.withdraw(key);
      const node = known.node !== null && sameValue(known.node, change.node) ? known.node : change.node;
      const arrivals =
        known.node === node ? [...added, ...changed.map(({ after }) => after)] : servicePorts.all.values();
      known.node = node;
      for (const servicePort of arrivals) objects.put(servicePort, node);
    },
  };
}

/** The objects of each service port. */
function createObjects(options: DesiredOptions) {
  const mapServicePort = createServicePortMap(options.mappings);
  const listeners = createOwnedObjects<Listener>(sameListener);
  const addresses = createOwnedObjects<true>();
  const unsupported = new Map<ServicePortKey, BackendError>();
  // Without zeros: every sync adds them up.
  const unreachable = new Map<ServicePortKey, number>();
  const withdraw = (key: ServicePortKey): void => {
    listeners.contribute(key, []);
    addresses.contribute(key, []);
    unsupported.delete(key);
    unreachable.delete(key);
  };
  const put = (servicePort: DesiredServicePort, node: DesiredNode): void => {
    const { key } = servicePort;
    const compiled = compileServicePort(servicePort, { ...options, mapServicePort, node });
    if ('code' in compiled) {
      withdraw(key);
      unsupported.set(key, compiled);
      return;
    }
    const named = compiled.listeners.map((each) => [listenerKey(each), each] as const);
    listeners.contribute(key, named);
    const assigned = compiled.addresses.map((each) => [each, true] as const);
    addresses.contribute(key, assigned);
    unsupported.delete(key);
    if (compiled.unreachable > 0) unreachable.set(key, compiled.unreachable);
    else unreachable.delete(key);
  };
  return { listeners, addresses, unsupported, unreachable, withdraw, put };
}
