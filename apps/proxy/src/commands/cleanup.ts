import { formatBackendError } from '@signalbox/core';
import type { Composition } from '../compose/composition.ts';
import { isTransient } from '../compose/transient.ts';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import { DONE, failed, type Outcome } from './outcome.ts';

/** `--cleanup`: takes the rules of every mode of this platform away. All are tried, whatever fails. */
export async function cleanup(
  settings: Settings,
  composition: Composition,
  logger: Logger,
): Promise<Outcome> {
  const cleaners = composition.createCleaners(settings);
  if (cleaners.length === 0) return failed('--cleanup: not implemented on this platform');
  const errors: string[] = [];
  for (const cleaner of cleaners) {
    const { mode, family } = cleaner;
    const result = await cleaner.clean();
    const about = family === null ? { mode } : { mode, family };
    if (result.outcome === 'failed') {
      const { code } = result.error;
      // A tool that was killed has left rules behind.
      const unable = code === 'unsupported' || (code === 'unavailable' && !isTransient(result.error));
      // A mode whose tools or kernel parts are missing has hardly left anything behind.
      if (unable)
        logger.info('Skipped: required tool or kernel module not found', {
          ...about,
          why: result.error.message,
        });
      else errors.push(`cleanup of ${mode} (${family ?? 'IPv4, IPv6'}): ${formatBackendError(result.error)}`);
      continue;
    }
    for (const removed of result.removed) logger.info('Removed', { ...about, removed });
  }
  return errors.length === 0 ? DONE : failed(...errors, 'encountered an error while tearing down rules');
}
