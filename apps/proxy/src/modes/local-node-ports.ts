/** TCP node ports at 127.0.0.1 and ::1 for a mode whose rules do not serve them there: sockets of this process. */
import type { UserspaceBackend } from '@signalbox/backend-userspace';
import {
  formatBackendError,
  fullChange,
  namesLoopback,
  type DesiredChange,
  type DesiredServicePort,
  type DesiredState,
  type Family,
  type ServiceFailure,
  type ServicePortKey,
  type SyncResult,
} from '@signalbox/core';
import { createFeatureGates } from '../config/feature-gates.ts';
import type { KubeProxyConfiguration } from '../config/types.ts';
import { inOrder } from '../in-order.ts';
import { localNodePortsState } from './local-node-ports-state.ts';
import type { LocalNodePorts, LocalNodePortsAccess, LocalNodePortsParts } from './proxy-mode.ts';

export const LOCAL_NODE_PORTS: LocalNodePortsAccess = { isEnabled, open };

function isEnabled({ featureGates }: KubeProxyConfiguration): boolean {
  return createFeatureGates(featureGates).enabled('KubeProxyNFTablesLocalhostNodePorts');
}

/** Milliseconds from a failed attempt to open a port to the next one; a sync in between tries too. */
const RETRY = 10_000;

interface Served {
  readonly family: Family;
  readonly parts: LocalNodePortsParts;
  /** `null`: loopback addresses were never named. */
  backend: UserspaceBackend | null;
  state: DesiredState | null;
  /** What the backend has; `null`: nothing yet. */
  servicePorts: ReadonlyMap<ServicePortKey, DesiredServicePort> | null;
  /** Of the last sync. */
  failures: readonly ServiceFailure[];
  /** Reported ones, with the message. */
  reported: ReadonlyMap<string, string>;
  cancelRetry: () => void;
}

function open(family: Family, parts: LocalNodePortsParts): LocalNodePorts {
  const served: Served = {
    family,
    parts,
    backend: null,
    state: null,
    servicePorts: null,
    failures: [],
    reported: new Map(),
    cancelRetry: () => undefined,
  };
  // A retry may be due while a sync runs.
  const alone = inOrder();
  const retry = (): void => void alone(() => serve(served, retry)).catch(() => undefined);
  return {
    sync: (state) => {
      served.state = state;
      return alone(() => serve(served, retry));
    },
    failures: () => served.failures,
    close: () => alone(() => close(served)),
  };
}

async function serve(served: Served, retry: () => void): Promise<void> {
  const { family, parts, state } = served;
  served.cancelRetry();
  const config = parts.config();
  const isAsked = isEnabled(config) && namesLoopback(config.nodePortAddresses, family);
  if (state === null || (!isAsked && served.backend === null)) return;
  served.backend ??= await createBackend(served);
  const wanted = localNodePortsState(isAsked ? state : { ...state, servicePorts: new Map() });
  const result = await served.backend.sync(changeTo(wanted, served.servicePorts));
  served.servicePorts = wanted.servicePorts;
  record(served, result);
  if (result.failures.length > 0) served.cancelRetry = parts.clock.schedule(RETRY, retry);
}

async function createBackend({ family, parts: { clock } }: Served): Promise<UserspaceBackend> {
  const { createUserspaceBackend } = await import('@signalbox/backend-userspace');
  // Connections through it end with the mode or the process, as in kube-proxy: neither waits for them.
  return createUserspaceBackend({ family, serviceAddresses: 'none', drainTimeout: 0, clock });
}

/** Objects of service ports that did not change are the same. */
function changeTo(state: DesiredState, known: Served['servicePorts']): DesiredChange {
  if (known === null) return fullChange(state);
  const { family, node, servicePorts, counts } = state;
  const all = [...servicePorts.values()];
  return {
    kind: 'incremental',
    family,
    node,
    nodeChanged: false,
    servicePorts: {
      added: all.filter(({ key }) => !known.has(key)),
      changed: all.flatMap((after) => {
        const former = known.get(after.key);
        return former === undefined || former === after ? [] : [{ before: former, after }];
      }),
      removed: [...known.values()].filter(({ key }) => !servicePorts.has(key)),
    },
    healthChecks: { added: [], changed: [], removed: [] },
    counts,
  };
}

function record(served: Served, { failures }: SyncResult): void {
  const { family, parts, servicePorts } = served;
  const { logger, metrics } = parts;
  const labels = { ip_family: family };
  const reported = new Map(failures.map(({ key, error }) => [key, formatBackendError(error)]));
  for (const [key, err] of reported) {
    metrics.localListenerFailures.inc(labels);
    if (served.reported.get(key) === err) continue;
    logger.error('Failed to serve node port at the loopback address', { err, family, key });
  }
  served.failures = failures;
  served.reported = reported;
  metrics.localListeners.set((servicePorts?.size ?? 0) - failures.length, labels);
}

async function close(served: Served): Promise<void> {
  served.cancelRetry();
  const { backend, family, parts } = served;
  served.backend = null;
  served.servicePorts = null;
  served.state = null;
  served.failures = [];
  await backend?.close();
  if (backend !== null) parts.metrics.localListeners.set(0, { ip_family: family });
}
