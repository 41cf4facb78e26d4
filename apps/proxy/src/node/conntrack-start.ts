/** Connection tracking at start: its module is loaded where need be, and settings that do not exist yet are made later. */
import type { Clock } from '@signalbox/core';
import type { ConntrackSection } from '../config/types.ts';
import type { Logger } from '../logging/logger.ts';
import { hasConntrack, type ConntrackResult } from './conntrack-settings.ts';
import { prepareConntrack } from './prepare-node.ts';
import type { Files, SettingError } from './sysctl.ts';

export interface ConntrackStart {
  readonly files: Files;
  readonly conntrack: ConntrackSection;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the kernel load nf_conntrack; why it could not, in one line. */
  readonly load: () => Promise<string | null>;
}

/** Milliseconds. Rules that the first sync writes load the module where nothing else can. */
const RETRY = 10_000;

/** An error ends the start. That the kernel has no connection tracking yet is none: the settings wait for it. */
export async function startConntrack(start: ConntrackStart): Promise<SettingError | null> {
  const { files, logger, load } = start;
  const why = hasConntrack(files) ? null : await load();
  if (hasConntrack(files)) {
    const { error, warning } = prepareConntrack(files, start);
    if (warning !== null) logger.warning(warning);
    return error;
  }
  logger.warning('Conntrack settings do not exist in this kernel yet; applied once they do', {
    setting: '/proc/sys/net/netfilter/nf_conntrack_max',
    err: why ?? 'the kernel accepted the request to load nf_conntrack',
  });
  waitForModule(start);
  return null;
}

function waitForModule(start: ConntrackStart): void {
  start.clock.schedule(RETRY, () => {
    if (hasConntrack(start.files)) report(start.logger, prepareConntrack(start.files, start));
    else waitForModule(start);
  });
}

/** The proxy runs: what would have ended its start is an error in the log. */
function report(logger: Logger, { error, warning }: ConntrackResult): void {
  if (error !== null) logger.error('Failed to set limits of connection tracking', { err: error });
  else if (warning !== null) logger.warning(warning);
  else logger.info('Applied conntrack settings');
}
