/** Checks endpoints by connections, for Services whose annotation requests it. */
import { endpointsByPlace } from '@signalbox/backend-kit';
import type { Clock, DesiredEndpoint, DesiredServicePort, ServicePortKey } from '@signalbox/core';
import { connectOnce } from './connect-endpoint.ts';
import type { OpenFiles } from './open-files.ts';
import type { Upstream } from './upstream.ts';

export interface EndpointChecks {
  /** Starts, changes or ends the checks of the service port, as it requests now. */
  watch(servicePort: DesiredServicePort): void;
  /** Ends the checks of all other service ports. */
  keep(keys: ReadonlySet<ServicePortKey>): void;
}

interface Parts {
  readonly clock: Clock;
  readonly files: OpenFiles;
  readonly upstream: (key: ServicePortKey) => Upstream;
}

interface Watched {
  readonly interval: number;
  servicePort: DesiredServicePort;
  readonly stop: () => void;
}

/** As the probes of pods. */
const CHECK_TIMEOUT = 1000;

/** So many checks begin at a time: thousands of them would block the event loop and take all files that are free. */
const BATCH = 50;

export function createEndpointChecks(parts: Parts): EndpointChecks {
  const all = new Map<ServicePortKey, Watched>();
  const end = (key: ServicePortKey): void => {
    all.get(key)?.stop();
    all.delete(key);
  };
  return {
    watch(servicePort) {
      const { key } = servicePort;
      const known = all.get(key);
      const interval = intervalOf(servicePort);
      if (known !== undefined && known.interval === interval) known.servicePort = servicePort;
      else {
        end(key);
        if (interval !== null) all.set(key, start(servicePort, interval, parts));
      }
    },
    keep(keys) {
      for (const key of all.keys()) if (!keys.has(key)) end(key);
    },
  };
}

function intervalOf({ name, connections }: DesiredServicePort): number | null {
  return name.protocol === 'TCP' ? (connections?.checkInterval ?? null) : null;
}

function start(servicePort: DesiredServicePort, interval: number, parts: Parts): Watched {
  const { clock } = parts;
  const state = { stopTimer: (): void => {}, cancelRound: (): void => {} };
  const watched: Watched = {
    interval,
    servicePort,
    stop() {
      state.stopTimer();
      state.cancelRound();
      parts.upstream(servicePort.key).keepChecked([]);
    },
  };
  const schedule = (delay: number): void => {
    state.stopTimer = clock.schedule(delay, () => {
      schedule(interval);
      state.cancelRound = checkAll(watched, parts);
    });
  };
  // The nodes of a cluster, and the Services of a node, do not check at the same time.
  schedule(clock.random() * interval);
  return watched;
}

/** All checks begin in the first half of the interval; the returned function cancels them. */
function checkAll(watched: Watched, parts: Parts): () => void {
  const { interval, servicePort } = watched;
  const endpoints = [...endpointsByPlace(servicePort).values()];
  parts.upstream(servicePort.key).keepChecked(endpoints);
  const batches = Math.ceil(endpoints.length / BATCH);
  const cancels = Array.from({ length: batches }, (_, at) => {
    const batch = endpoints.slice(at * BATCH, (at + 1) * BATCH);
    const begin = (): (() => void) => together(batch.map((endpoint) => check(endpoint, watched, parts)));
    return at === 0 ? begin() : later((interval * at) / (2 * batches), begin, parts.clock);
  });
  return together(cancels);
}

function together(cancels: readonly (() => void)[]): () => void {
  return () => {
    for (const cancel of cancels) cancel();
  };
}

/** The returned function cancels what `begin` began, or prevents it. */
function later(delay: number, begin: () => () => void, clock: Clock): () => void {
  const state = { cancel: (): void => {} };
  state.cancel = clock.schedule(delay, () => void (state.cancel = begin()));
  return () => state.cancel();
}

/** The returned function cancels it. It has ended before the next one begins. */
function check(endpoint: DesiredEndpoint, { interval, servicePort }: Watched, parts: Parts): () => void {
  const { clock, files, upstream } = parts;
  // Connections of clients have priority.
  if (!files.take(1)) return () => {};
  const timeout = Math.min(servicePort.connections?.connectTimeout ?? CHECK_TIMEOUT, interval / 2);
  const report = (isHealthy: boolean): void => upstream(servicePort.key).checked(endpoint, isHealthy);
  return connectOnce({ endpoint, timeout }, clock, {
    onAttempt: (socket) => void socket.once('close', () => files.release(1)),
    onConnect(socket) {
      socket.destroy();
      report(true);
    },
    onFailedAttempt: () => report(false),
  });
}
