/** Which IP families work on this node, as the driver of a mode sees it. */
import {
  FAMILIES,
  formatBackendError,
  formatDuration,
  type BackendError,
  type Clock,
  type Family,
} from '@signalbox/core';
import type { Logger } from '../logging/logger.ts';
import { readTrimmed, type Files } from '../node/sysctl.ts';
import { retryWhileTransient } from '../compose/transient.ts';
import type { FamilySupport } from './proxy-mode.ts';

export interface FamilyProbe<Driver extends { close(): unknown }> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly files: Files;
  /** What the driver asks, for the log. */
  readonly asked: string;
  readonly open: (family: Family) => Driver;
  /** What does not work although the family does, one line each; or why the family does not work. */
  readonly ask: (driver: Driver) => Promise<readonly string[] | BackendError>;
}

/** A family counts if the driver works and the kernel has the protocol switched on. */
export async function probeFamilies<Driver extends { close(): unknown }>(
  probe: FamilyProbe<Driver>,
): Promise<Required<FamilySupport>> {
  const answers = await Promise.all(
    FAMILIES.map(async (family) => ({ family, ...(await askFamily(family, probe)) })),
  );
  return {
    families: answers.filter(({ reason }) => reason === null).map(({ family }) => family),
    reasons: answers.flatMap(({ family, reason }) => (reason === null ? [] : [`no ${family}: ${reason}`])),
    warnings: answers.flatMap(({ family, warnings }) => warnings.map((each) => `${family}: ${each}`)),
  };
}

/** A family that is missing at start is missing for the life of the process: what may pass is waited for that long. */
const PATIENCE_MS = 60_000;

interface FamilyAnswer {
  /** `null`: the family works. */
  readonly reason: string | null;
  readonly warnings: readonly string[];
}

async function askFamily<Driver extends { close(): unknown }>(
  family: Family,
  { clock, logger, files, asked, open, ask }: FamilyProbe<Driver>,
): Promise<FamilyAnswer> {
  const off = family === 'IPv6' ? whyNoIPv6(files) : null;
  if (off !== null) return { reason: off, warnings: [] };
  const driver = open(family);
  const answer = await retryWhileTransient(() => ask(driver), {
    clock,
    milliseconds: PATIENCE_MS,
    problem: (each) => ('code' in each ? each : null),
    onRetry: (error, wait) => {
      const retry = `in ${formatDuration(wait)}`;
      logger.warning(`${asked} is not usable yet`, { err: formatBackendError(error), family, retry });
    },
  });
  await driver.close();
  return 'code' in answer
    ? { reason: formatBackendError(answer), warnings: [] }
    : { reason: null, warnings: answer };
}

function whyNoIPv6(files: Files): string | null {
  if (readTrimmed(files, '/proc/net/if_inet6') === null) return 'the kernel has no IPv6';
  const disabled = readTrimmed(files, '/proc/sys/net/ipv6/conf/all/disable_ipv6') === '1';
  return disabled ? 'net.ipv6.conf.all.disable_ipv6 is 1' : null;
}
