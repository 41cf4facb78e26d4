/**
 * Another proxy mode in a running process. The rules of the former mode serve until those of the new one were found in the
 * kernel; a mode that cannot serve here leaves the former one in force.
 */
import { formatBackendError, type BackendError, type Family } from '@signalbox/core';
import type { Settings } from '../config/settings.ts';
import { applySysctls } from '../node/prepare-node.ts';
import { systemFiles } from '../node/sysctl.ts';
import type { ModeLoops, Parts } from '../parts.ts';
import { createModeLoops, type LoopListener } from './mode-loops.ts';
import { modelConfig } from './model-config.ts';

/** So many failed syncs of one family, none of them successful, end the attempt. */
const MOST_FAILURES = 3;

/** Errors that another sync does not cure. */
const LASTING: ReadonlySet<BackendError['code']> = new Set(['unsupported', 'not-permitted']);

/** Applies settings of the same mode. */
export function reconfigure(parts: Parts, settings: Settings): void {
  parts.current = settings;
  const { format, verbosity, vmodule } = settings.config.logging;
  parts.logging.configure({ format, verbosity, vmodule });
  parts.model.configure(modelConfig(settings));
  parts.running.loops.forEach((loop) => loop.request('configuration changed'));
}

/** As `reconfigure`, with another mode, or with new backends of the same; why that does not serve: then nothing changes. */
export function changeMode(parts: Parts, settings: Settings): Promise<string | null> {
  return parts.changing(() => changeAlone(parts, settings));
}

async function changeAlone(parts: Parts, settings: Settings): Promise<string | null> {
  const { events } = parts.bundle;
  const [before, after] = [parts.current.config.mode, settings.config.mode];
  const why = await switchMode(parts, settings);
  const action = 'ChangeProxyMode';
  if (why === null) {
    reconfigure(parts, settings);
    const note =
      before === after
        ? `proxy mode ${after} programmed again`
        : `proxy mode changed from ${before} to ${after}`;
    events.record({ type: 'Normal', reason: 'ProxyModeChanged', action, note });
  } else {
    const note = `proxy mode ${before} stays, ${after} does not serve: ${why}`;
    events.record({ type: 'Warning', reason: 'FailedToChangeProxyMode', action, note });
  }
  return why;
}

/** Why the mode of `settings` does not serve: then the former one does. `null`: it serves. */
async function switchMode(parts: Parts, settings: Settings): Promise<string | null> {
  const obstacle = await whyNot(parts, settings);
  if (obstacle !== null) return obstacle;
  const former = parts.running.settings;
  const trial = createTrial(parts.families);
  const made = await make(() =>
    createModeLoops(parts, { settings, isFirst: false, listener: trial.listener }),
  );
  if (typeof made === 'string') return made;
  const closed = await replace(parts, made);
  const failure = await trial.outcome;
  await closed();
  if (failure === null) return null;
  const close = await replace(parts, await createModeLoops(parts, { settings: former, isFirst: false }));
  await close();
  return failure;
}

/** What a start in this mode would end with. */
async function whyNot({ composition, families, logging }: Parts, settings: Settings): Promise<string | null> {
  const { logger } = logging;
  const support = await composition.probeFamilies(settings, logger);
  const missing = families.filter((family) => !support.families.includes(family));
  if (missing.length > 0) {
    const reasons = support.reasons.map((reason) => reason.split('\n')[0] ?? reason);
    return [`no ${missing.join(' and no ')} support on this node`, ...reasons].join('; ');
  }
  for (const warning of support.warnings ?? []) logger.warning(warning);
  const sysctls = await composition.modeSysctls(settings);
  if (typeof sysctls === 'string') return sysctls;
  const error = applySysctls(systemFiles, sysctls);
  if (error === null || settings.manifests === '') return error;
  logger.warning(error);
  return null;
}

async function make(create: () => Promise<ModeLoops>): Promise<ModeLoops | string> {
  try {
    return await create();
  } catch (error) {
    return String(error);
  }
}

/**
 * The returned function closes the former mode. If traffic of that mode ends with the process, its sockets serve until this call,
 * after the rules of the next mode are verified. New sockets of the same mode need the ports of the former ones.
 */
async function replace(parts: Parts, next: ModeLoops): Promise<() => Promise<void>> {
  const former = parts.running;
  await former.stop();
  const servesLonger = former.settings.mode.endsWithProcess === true;
  const isSameMode = former.settings.mode === next.settings.mode;
  const closing = servesLonger && isSameMode ? former.close() : null;
  parts.current = next.settings;
  parts.model.configure(modelConfig(next.settings));
  parts.running = next;
  if (parts.started) next.loops.forEach((loop) => loop.start());
  if (closing !== null) return () => closing;
  if (servesLonger) return () => former.close();
  await former.close();
  return () => Promise.resolve();
}

interface Trial {
  readonly listener: LoopListener;
  /** `null`: every family is verified. */
  readonly outcome: Promise<string | null>;
}

function createTrial(families: readonly Family[]): Trial {
  const waiting = new Map(families.map((family) => [family, MOST_FAILURES]));
  let resolve: (why: string | null) => void = () => undefined;
  const outcome = new Promise<string | null>((done) => (resolve = done));
  return {
    outcome,
    listener: {
      verified: (family) => {
        waiting.delete(family);
        if (waiting.size === 0) resolve(null);
      },
      failed: (family, error) => {
        const left = (waiting.get(family) ?? Infinity) - 1;
        if (waiting.has(family)) waiting.set(family, left);
        const isText = typeof error === 'string';
        if (left > 0 && !isText && !LASTING.has(error.code)) return;
        resolve(`${family}: ${isText ? error : formatBackendError(error)}`);
      },
    },
  };
}
