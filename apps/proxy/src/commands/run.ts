/** The proxy as a process: prepares the node, starts, follows its configuration, and ends on a signal. */
import { readFileSync } from 'node:fs';
import type { Composition, FamilySupport } from '../compose/composition.ts';
import { completeSettings } from '../config/complete.ts';
import { compareSettings, watchFile } from '../config/reload.ts';
import type { Settings } from '../config/settings.ts';
import type { ParsedFlags } from '../flags/parse.ts';
import { flagValues } from '../servers.ts';
import type { Logging } from '../logging/logger.ts';
import { takeInstanceLock } from '../node/instance-lock.ts';
import { checkFamilies } from '../node/family-check.ts';
import { applySysctls, prepareNode, setOomScore } from '../node/prepare-node.ts';
import { systemFiles } from '../node/sysctl.ts';
import { startEarly } from '../sync/early-source.ts';
import { startProxy, type Proxy } from '../proxy.ts';
import type { Surroundings } from '../config/complete.ts';
import { DONE, failed, type Outcome } from './outcome.ts';

export interface RunOptions {
  readonly settings: Settings;
  readonly flags: ParsedFlags;
  readonly around: Surroundings;
  readonly composition: Composition;
  readonly logging: Logging;
}

/** Milliseconds for the Event about a fatal error to reach the API server. */
const EVENT_GRACE = 1000;

/** Resolves when the process should end. */
export async function run(options: RunOptions): Promise<Outcome> {
  const { settings, composition, logging } = options;
  const { logger } = logging;
  for (const [name, value] of flagValues(options))
    logger.debug(1, `FLAG: --${name}=${JSON.stringify(value)}`);
  const service = await composition.startService(settings);
  if (typeof service === 'string') return failed(service);
  const made = await composition.createSource(settings, logger.component('source'));
  if (typeof made === 'string') return failed(made);
  const error = await prepare(options);
  if (error !== null) return failed(error);
  if (settings.initOnly) return DONE;
  const bundle = { ...made, source: startEarly(made.source) };
  const found = await surveyNode(options);
  if (typeof found === 'string') return failed(found);
  return new Promise((resolve) => {
    const end = (outcome: Outcome): void => {
      const told = service?.finish(outcome.status) ?? Promise.resolve();
      told.finally(() => resolve(outcome)).catch(() => undefined);
    };
    service?.stopRequested.then(() => end(DONE)).catch(() => end(DONE));
    const onFatal = (why: string): void => {
      composition.clock.schedule(EVENT_GRACE, () => end(failed(why)));
    };
    const started = startProxy({ ...options, families: found.families, bundle, onFatal });
    started
      .then((proxy) => follow(options, proxy, end))
      .catch((reason: unknown) => end(failed(describe(reason))));
  });
}

/** What works on this node, and who else is there; or why nothing does. */
async function surveyNode(options: RunOptions): Promise<FamilySupport | string> {
  const { settings, composition, logging, around } = options;
  const { logger } = logging;
  const onLinux = around.platform === 'linux';
  const [support, lock] = await Promise.all([
    composition.probeFamilies(settings),
    onLinux ? takeInstanceLock() : 'not-asked',
    onLinux ? composition.removeLeftovers(settings, logger) : undefined,
  ]);
  if (lock === null) {
    logger.error(
      'Another signalbox runs in this network namespace: both write the same rules; stop one of them',
    );
  }
  return judgeFamilies(options, support) ?? support;
}

/** Sysctls, connection tracking, and how the kernel treats this process. */
async function prepare({ settings, around, logging, composition }: RunOptions): Promise<string | null> {
  const { config, initOnly, manifests } = settings;
  if (around.platform !== 'linux') return initOnly ? '--init-only: not implemented on Windows' : null;
  const sysctls = await composition.modeSysctls(settings);
  if (manifests !== '' && !initOnly) {
    // For trying things out and for tests: limits of the node as a whole are left alone.
    const error = applySysctls(systemFiles, sysctls);
    if (error !== null) logging.logger.warning(error);
    return null;
  }
  const error = prepareNode(systemFiles, config, sysctls);
  if (error !== null || initOnly) return error;
  const oom = setOomScore(systemFiles, config.oomScoreAdj);
  if (oom !== null) logging.logger.warning(oom);
  return null;
}

function judgeFamilies({ settings, logging }: RunOptions, support: FamilySupport): string | null {
  const { fatal, warnings } = checkFamilies(settings.config, support.families);
  for (const reason of support.reasons) logging.logger.info(reason);
  for (const warning of warnings) logging.logger.warning(warning);
  // The reasons are the cure; one line has them all.
  return fatal === null ? null : [fatal, ...support.reasons].join('; ');
}

/** Signals end it with 0 and leave the rules; a change of the configuration that cannot be taken over with 1. */
function follow(options: RunOptions, proxy: Proxy, end: (outcome: Outcome) => void): void {
  const { logging, settings, composition, around } = options;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logging.logger.info('Ending; the rules stay in place', { signal });
      proxy.servers.close().then(
        () => end(DONE),
        () => end(DONE),
      );
    });
  }
  if (settings.configFile === '') return;
  let current = settings;
  watchFile({
    path: settings.configFile,
    content: settings.configText,
    read: around.readFile,
    clock: composition.clock,
    onChange: (content) => {
      const next = takeChange(options, { content, before: current });
      if (next === 'restart') end(failed("content of the proxy server's configuration file was updated"));
      else if (next !== null) {
        current = next;
        proxy.reconfigure(next);
      }
    },
  });
}

interface Change {
  readonly content: string;
  readonly before: Settings;
}

/** New settings for the running proxy, or that it must restart; `null`: a file that is wrong changes nothing. */
function takeChange(
  { flags, around, logging }: RunOptions,
  { content, before }: Change,
): Settings | 'restart' | null {
  const logger = logging.logger.component('config');
  const result = completeSettings(flags, { ...around, readFile: () => content });
  if (!result.ok) {
    for (const error of result.errors)
      logger.error('Changed configuration refused; the old one counts', { err: error });
    return null;
  }
  const change = compareSettings(before, result.settings);
  if (change.restart.length > 0) {
    logger.info('Configuration changed; a new process has to take it over', { fields: change.restart });
    return 'restart';
  }
  if (change.live.length > 0) logger.info('Configuration changed and taken over', { fields: change.live });
  return result.settings;
}

function describe(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}

/** The file system as `completeSettings` wants it. */
export function readTextFile(path: string): string {
  return readFileSync(path, 'utf8');
}
