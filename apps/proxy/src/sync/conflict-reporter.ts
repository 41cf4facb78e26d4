/**
 * Reports addresses that two Services ask for, in the log and as an Event on the Service that lost, and logs the end of each
 * conflict. Only what lasts is reported: until a new list
 * is complete, Services that were deleted meanwhile still have their addresses.
 */
import { formatInputProblem, type Clock, type InputProblem, type Model } from '@signalbox/core';
import type { Events } from '../compose/composition.ts';
import type { Logger } from '../logging/logger.ts';
import { warnService } from './service-warning.ts';

export interface ConflictReporterOptions {
  readonly model: Pick<Model, 'conflicts'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Events;
}

export interface ConflictReporter {
  /** After each change of the model. */
  readonly changed: () => void;
  readonly stop: () => void;
}

/** The deletions of a list of 10,000 objects come within 3 s of its first item. */
export const SETTLE_MS = 5000;

interface Seen {
  readonly problem: InputProblem;
  readonly since: number;
  reported: boolean;
}

export function createConflictReporter(options: ConflictReporterOptions): ConflictReporter {
  const { model, clock, logger } = options;
  const seen = new Map<string, Seen>();
  let last: readonly InputProblem[] = [];
  let cancel: (() => void) | null = null;

  const reportOld = (): void => {
    cancel = null;
    const now = clock.now();
    const unreported = [...seen].filter(([, { reported }]) => !reported);
    for (const [text, entry] of unreported) {
      // A clock that was set back does not keep a conflict young.
      entry.reported = Math.abs(now - entry.since) >= SETTLE_MS;
      if (entry.reported) report(options, text, entry.problem);
    }
    if (unreported.some(([, { reported }]) => !reported)) cancel = clock.schedule(SETTLE_MS, reportOld);
  };
  return {
    changed() {
      const conflicts = model.conflicts();
      if (conflicts === last) return;
      last = conflicts;
      const current = new Map(conflicts.map((problem) => [formatInputProblem(problem), problem]));
      for (const [text, { problem, reported }] of seen) {
        if (current.has(text)) continue;
        seen.delete(text);
        if (reported) logResolved(logger, problem);
      }
      const since = clock.now();
      for (const [text, problem] of current) {
        if (!seen.has(text)) seen.set(text, { problem, since, reported: false });
      }
      const waits = [...seen.values()].some(({ reported }) => !reported);
      if (waits) cancel ??= clock.schedule(SETTLE_MS, reportOld);
    },
    stop: () => cancel?.(),
  };
}

function report({ logger, events }: ConflictReporterOptions, text: string, problem: InputProblem): void {
  logger.warning(text);
  const { object, field, value, reason } = problem;
  warnService(events, {
    service: object,
    reason: 'AddressConflict',
    note: `${field} ${value}: ${reason}`,
  });
}

function logResolved(logger: Logger, { object, field, value }: InputProblem): void {
  logger.info('Address conflict resolved', { service: object, field, address: value });
}
