/** The proxy as a process: starts, and ends on a signal, on a fatal error, or for a new configuration. */
import { readFileSync } from 'node:fs';
import type { ServiceControl } from '../compose/composition.ts';
import { startProxy, type Proxy } from '../proxy.ts';
import { flagValues } from '../servers.ts';
import { startEarly } from '../sync/early-source.ts';
import { followConfig } from './follow-config.ts';
import { DONE, failed, type Outcome } from './outcome.ts';
import type { RunOptions } from './run-options.ts';
import { prepare, surveyNode } from './survey-node.ts';

interface Life {
  service: ServiceControl | null;
  proxy: Proxy | null;
  readonly end: (outcome: Outcome) => void;
}

/** Milliseconds for the Event about a fatal error to reach the API server. */
const EVENT_GRACE = 1000;

/** Resolves when the process should end. */
export function run(options: RunOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    const life: Life = {
      service: null,
      proxy: null,
      end: (outcome) => {
        const ended = Promise.allSettled([life.service?.finish(outcome.status), life.proxy?.flush()]);
        ended.finally(() => resolve(outcome)).catch(() => undefined);
      },
    };
    endOnSignals(options, life);
    options.composition.reportExceptions(options.logging.logger);
    start(options, life).then(
      (outcome) => (outcome === null ? undefined : life.end(outcome)),
      (reason: unknown) => life.end(failed(describe(reason))),
    );
  });
}

/** From the first moment: a container's first process gets no signal that it does not ask for. The rules stay. */
function endOnSignals({ logging }: RunOptions, life: Life): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      const drained = life.proxy?.drain() ?? null;
      const message =
        drained === null
          ? 'Shutting down; rules stay in place'
          : 'Shutting down; new connections are refused, open ones may end';
      logging.logger.info(message, { signal });
      const closed = Promise.all([drained, life.proxy?.servers.close()]);
      closed.finally(() => life.end(DONE)).catch(() => undefined);
    });
  }
}

/** `null`: the proxy runs. */
async function start(options: RunOptions, life: Life): Promise<Outcome | null> {
  const { settings, composition, logging } = options;
  const { logger } = logging;
  for (const [name, value] of flagValues(options)) {
    logger.debug(1, `FLAG: --${name}=${JSON.stringify(value)}`);
  }
  const service = await composition.startService(settings);
  if (typeof service === 'string') return failed(service);
  life.service = service;
  service?.stopRequested.then(() => life.end(DONE)).catch(() => life.end(DONE));
  const made = await composition.createSource(settings, logger.component('source'));
  if (typeof made === 'string') return failed(made);
  const error = await prepare(options);
  if (error !== null) return failed(error);
  if (settings.initOnly) return DONE;
  const bundle = { ...made, source: startEarly(made.source) };
  const found = await surveyNode(options);
  if (typeof found === 'string') return failed(found);
  const onFatal = (why: string): void => {
    composition.clock.schedule(EVENT_GRACE, () => life.end(failed(why)));
  };
  life.proxy = await startProxy({ ...options, families: found.families, bundle, onFatal });
  followConfig(options, life.proxy, life.end);
  return null;
}

function describe(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}

/** The file system in the form that `completeSettings` takes. */
export function readTextFile(path: string): string {
  return readFileSync(path, 'utf8');
}
