import type { Clock } from '@signalbox/core';
import { withinDeadline } from '../cluster/within-deadline.ts';
import type { TracingSettings } from '../config/tracing.ts';
import type { Logger } from '../logging/logger.ts';
import { createOutageLog } from '../logging/outage-log.ts';
import type { OnConnectionEnd } from '../modes/proxy-mode.ts';
import { SIGNALBOX_VERSION } from '../version/version.ts';
import { createChangeTraces, type ChangeTraces } from './change-traces.ts';
import type * as exporter from './otlp-exporter.ts';

export interface TracingOptions {
  readonly settings: TracingSettings;
  readonly nodeName: string;
  readonly clock: Clock;
  /** Milliseconds since 1970, with fractions. */
  readonly now: () => number;
  readonly logger: Logger;
}

export interface Tracing extends ChangeTraces {
  /** For each connection through this process; `null`: none are sampled. */
  readonly onConnectionEnd: OnConnectionEnd | null;
  /** Sends the recorded spans; a collector that does not answer delays the end only for a limited time. */
  close(): Promise<void>;
}

/** Milliseconds. */
const CLOSE_DEADLINE = 2000;

/** `null`: it cannot be loaded, which is logged. Services are programmed also without traces. */
export async function openTracing(options: TracingOptions): Promise<Tracing | null> {
  const { settings, nodeName, clock, now, logger } = options;
  const loaded = await loadExporter();
  if (typeof loaded === 'string') {
    logger.error('Failed to load the exporter of traces; tracing is off', { err: loaded });
    return null;
  }
  const traces = loaded.createOtlpExporter({
    ...settings,
    nodeName,
    version: SIGNALBOX_VERSION,
    onSent: outageLog(logger, settings.url),
  });
  logger.info('Tracing is on', { ...settings });
  const close = async (): Promise<void> => {
    await withinDeadline(traces.close(), { clock, deadline: CLOSE_DEADLINE, what: settings.url });
  };
  const changes = createChangeTraces({ now, record: (trace) => traces.record(trace) });
  const isSampled = settings.connectionsPerMillion > 0;
  return { ...changes, onConnectionEnd: isSampled ? traces.recordConnection : null, close };
}

async function loadExporter(): Promise<Pick<typeof exporter, 'createOtlpExporter'> | string> {
  try {
    return await import('./otlp-exporter.ts');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function outageLog(logger: Logger, url: string): (error: string | null) => void {
  return createOutageLog({
    onBegin: (err) =>
      logger.warning('Failed to export traces; they are dropped until the collector accepts them', {
        url,
        err,
      }),
    onEnd: () => logger.info('The collector accepts traces again', { url }),
  });
}
