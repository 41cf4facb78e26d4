import { formatBackendError, type BackendError } from '@signalbox/core';
import type { Composition } from '../compose/composition.ts';
import { isTransient } from '../compose/transient.ts';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import type { Cleaner } from '../modes/proxy-mode.ts';
import { DONE, failed, type Outcome } from './outcome.ts';

export interface CleanupOptions {
  readonly settings: Settings;
  readonly composition: Composition;
  readonly logger: Logger;
  readonly print: (text: string) => void;
}

/** `--cleanup`: removes the rules of every mode of this platform, and prints what was removed. A failure does not end it. */
export async function cleanup({ settings, composition, logger, print }: CleanupOptions): Promise<Outcome> {
  const cleaners = composition.createCleaners(settings);
  if (cleaners.length === 0) return failed('--cleanup: not implemented on this platform');
  const errors: string[] = [];
  const removed: string[] = [];
  for (const cleaner of cleaners) {
    const result = await cleaner.clean();
    if (result.outcome === 'failed') {
      const error = failureOf(cleaner, result.error, logger);
      if (error !== null) errors.push(error);
      continue;
    }
    for (const what of result.removed) {
      logger.info('Removed', { ...about(cleaner), removed: what });
      removed.push(`${nameOf(cleaner)}: ${what}`);
    }
  }
  if (removed.length > 0) print(removed.map((line) => `Removed: ${line}\n`).join(''));
  else if (errors.length === 0) print('Nothing to remove: this node has no rules of any proxy mode\n');
  return errors.length === 0 ? DONE : failed(...errors, 'encountered an error while tearing down rules');
}

/** `null`: nothing to remove, because a tool or kernel part that the mode needs is missing. */
function failureOf(cleaner: Cleaner, error: BackendError, logger: Logger): string | null {
  // A tool that was killed may have left rules in the kernel.
  const unable = error.code === 'unsupported' || (error.code === 'unavailable' && !isTransient(error));
  if (!unable) return `cleanup of ${nameOf(cleaner)}: ${formatBackendError(error)}`;
  // A mode whose tools or kernel parts are missing is unlikely to have objects in the kernel.
  logger.info('Skipped: required tool or kernel module not found', { ...about(cleaner), why: error.message });
  return null;
}

function about({ mode, family }: Cleaner): { readonly mode: string; readonly family?: string } {
  return family === null ? { mode } : { mode, family };
}

function nameOf({ mode, family }: Cleaner): string {
  return `${mode} (${family ?? 'IPv4, IPv6'})`;
}
