/** The open sockets of one family. */
import type { BackendError, LimitUsage, Result, ServicePortKey } from '@signalbox/core';
import { listenerKey, type Listener } from '../objects/listener.ts';
import type { DataPath } from './data-path.ts';
import type { OpenListener } from './open-listener.ts';
import { openTcpListener } from './tcp-listener.ts';
import { openUdpListener } from './udp-listener.ts';

export interface Sockets {
  keys(): ReadonlySet<string>;
  open(listener: Listener): Promise<BackendError | null>;
  close(listener: Listener): void;
  /** Removes the state of service ports without a socket. */
  prune(): void;
  /** Of service ports with a limit and with connections so far. */
  limits(): ReadonlyMap<ServicePortKey, readonly LimitUsage[]>;
  /** Closes all; resolves when the connections have ended, or are reset after the drain timeout. */
  drain(): Promise<void>;
}

export function createSockets(path: DataPath): Sockets {
  const all = new Map<string, OpenListener>();
  // Iterating over all sockets after every change would make its cost proportional to the size of the cluster.
  const state = { hasLeft: false };
  return {
    keys: () => new Set(all.keys()),
    async open(listener) {
      const key = listenerKey(listener);
      const known = all.get(key);
      if (known !== undefined) {
        state.hasLeft ||= known.listener.servicePort.key !== listener.servicePort.key;
        known.update(listener);
        path.checks.watch(listener.servicePort);
        return null;
      }
      const made = await opened(listener, path);
      if (!made.ok) return made.error;
      all.set(key, made.value);
      path.checks.watch(listener.servicePort);
      return null;
    },
    close(listener) {
      const key = listenerKey(listener);
      all.get(key)?.close();
      state.hasLeft = all.delete(key) || state.hasLeft;
    },
    prune() {
      if (!state.hasLeft) return;
      state.hasLeft = false;
      path.keepUpstreams(new Set([...all.values()].map((each) => each.listener.servicePort.key)));
    },
    limits: () => limitsOf(all.values(), path),
    async drain() {
      path.checks.keep(new Set());
      for (const each of all.values()) each.close();
      all.clear();
      await allClosed(path);
    },
  };
}

function opened(listener: Listener, path: DataPath): Promise<Result<OpenListener>> {
  return listener.protocol === 'TCP' ? openTcpListener(listener, path) : openUdpListener(listener, path);
}

function limitsOf(
  sockets: Iterable<OpenListener>,
  { upstreams }: DataPath,
): ReadonlyMap<ServicePortKey, readonly LimitUsage[]> {
  const found = new Map<ServicePortKey, readonly LimitUsage[]>();
  for (const { listener } of sockets) {
    const { key } = listener.servicePort;
    const usage = upstreams.get(key)?.limits(listener.servicePort) ?? [];
    if (usage.length > 0) found.set(key, usage);
  }
  return found;
}

function allClosed(path: DataPath): Promise<void> {
  const { sockets, clock, drainTimeout } = path;
  if (sockets.size === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const stopTimer = clock.schedule(drainTimeout, () => {
      path.isDrained = true;
      for (const socket of sockets) socket.resetAndDestroy();
    });
    path.onIdle = () => {
      stopTimer();
      resolve();
    };
  });
}
