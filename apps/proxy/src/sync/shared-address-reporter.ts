/**
 * Warns about external and load-balancer IPs that are the address of another node or of a pod, for modes that bind them to
 * this node: its connections to other ports of such an address end here, and are refused. Once for each Service and address,
 * in the log and as an Event, and the end of it in the log.
 */
import {
  sharedExternalAddresses,
  type Clock,
  type DesiredState,
  type SharedExternalAddress,
} from '@signalbox/core';
import type { Events } from '../compose/composition.ts';
import type { Logger } from '../logging/logger.ts';
import { warnService } from './service-warning.ts';

export interface SharedAddressReporterOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Events;
  /** Of all endpoints of this family, ready or not. */
  readonly endpointAddresses: () => Iterable<string>;
  /** Addresses of this node besides those that node ports have. */
  readonly nodeIPs: () => readonly string[];
}

export interface SharedAddressReporter {
  /** After each sync. */
  readonly synced: (state: DesiredState) => void;
  readonly stop: () => void;
}

/** All endpoints are compared: not for each change of a burst. */
export const CHECK_DELAY_MS = 5000;

export function createSharedAddressReporter(options: SharedAddressReporterOptions): SharedAddressReporter {
  const { clock, logger, endpointAddresses, nodeIPs } = options;
  let reported = new Map<string, SharedExternalAddress>();
  let latest: DesiredState | null = null;
  let cancel: (() => void) | null = null;
  const check = (): void => {
    cancel = null;
    if (latest === null) return;
    const own = new Set([...latest.node.nodePortIPs, ...nodeIPs()]);
    const shared = sharedExternalAddresses(latest, endpointAddresses, own);
    latest = null;
    const current = new Map(shared.map((each) => [`${each.namespace}/${each.name} ${each.address}`, each]));
    for (const [key, each] of current) if (!reported.has(key)) warn(options, each);
    for (const [key, { namespace, name, address }] of reported) {
      if (current.has(key)) continue;
      const data = { service: `${namespace}/${name}`, address };
      logger.info('Address conflict resolved', data);
    }
    reported = current;
  };
  return {
    synced: (state) => {
      latest = state;
      cancel ??= clock.schedule(CHECK_DELAY_MS, check);
    },
    stop: () => cancel?.(),
  };
}

function warn({ logger, events }: SharedAddressReporterOptions, shared: SharedExternalAddress): void {
  const { namespace, name, address } = shared;
  const problem = 'External address of a Service is that of another node or a pod';
  const effect = 'in this proxy mode nodes refuse connections of their own to its other ports';
  const service = `${namespace}/${name}`;
  logger.warning(`${problem}: ${effect}`, { service, address });
  warnService(events, {
    service,
    reason: 'ExternalAddressInUse',
    note: `${problem}, ${address}: ${effect}`,
  });
}
