/** Consumers of the records of connections that pass through this process: access log and traces. */
import type { Clock } from '@signalbox/core';
import { withinDeadline } from '../cluster/within-deadline.ts';
import { messageOf } from '../config/problem.ts';
import type { Settings } from '../config/settings.ts';
import { standalone } from '../flags/standalone.ts';
import type { Logger } from '../logging/logger.ts';
import type { Registry } from '../metrics/registry.ts';
import type { OnConnectionEnd } from '../modes/proxy-mode.ts';
import type { Tracing } from '../tracing/open-tracing.ts';
import { openAccessLog, type AccessLog } from './access-log.ts';

export interface ConnectionObservers {
  /** `null`: no consumer, so that the data path collects nothing. */
  readonly onConnectionEnd: OnConnectionEnd | null;
  /** Writes the lines of the access log that wait; a file that blocks delays the end only for a limited time. */
  close(): Promise<void>;
}

interface ObserverOptions {
  readonly settings: Pick<Settings, 'given'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracing: Pick<Tracing, 'onConnectionEnd'> | null;
  readonly registry: Registry;
}

/** Milliseconds. */
const CLOSE_DEADLINE = 2000;

export async function observeConnections(options: ObserverOptions): Promise<ConnectionObservers> {
  const { settings, tracing, registry, clock } = options;
  const path = standalone(settings.given, 'userspace-access-log') ?? '';
  const accessLog = path === '' ? null : await accessLogAt(path, options);
  if (accessLog !== null) registerDropped(registry, accessLog);
  return {
    onConnectionEnd: inSequence(accessLog?.write ?? null, tracing?.onConnectionEnd ?? null),
    close: async () => {
      if (accessLog === null) return;
      await withinDeadline(accessLog.close(), { clock, deadline: CLOSE_DEADLINE, what: path });
    },
  };
}

/** An access log that cannot be opened is reported: Services are served without it. */
async function accessLogAt(path: string, options: ObserverOptions): Promise<AccessLog | null> {
  try {
    return await openAccessLog(path, options);
  } catch (error) {
    options.logger.error('Failed to open the access log; it is off', { path, err: messageOf(error) });
    return null;
  }
}

function inSequence(first: OnConnectionEnd | null, second: OnConnectionEnd | null): OnConnectionEnd | null {
  if (first === null || second === null) return first ?? second;
  return (record) => {
    first(record);
    second(record);
  };
}

function registerDropped(registry: Registry, accessLog: AccessLog): void {
  const dropped = registry.gauge({
    name: 'kubeproxy_userspace_access_log_dropped_lines_total',
    help: '[ALPHA] Lines of the access log that were dropped: its buffer was full or its file could not be written',
    as: 'counter',
  });
  registry.onCollect(() => dropped.set(accessLog.dropped()));
}
