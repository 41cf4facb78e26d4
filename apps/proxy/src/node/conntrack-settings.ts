/** Limits and timeouts of connection tracking, from the `conntrack` section. */
import type { ConntrackSection } from '../config/types.ts';
import {
  atLeast,
  readTrimmed,
  setSysctl,
  writeSetting,
  type Files,
  type SettingError,
  type Sysctl,
} from './sysctl.ts';

/** The most that maxPerCore asks for, whatever the cores; `min` has no such limit. */
const MAX_SCALED_ENTRIES = 1_048_576;
const MAX = 'net/netfilter/nf_conntrack_max';
const HASHSIZE = '/sys/module/nf_conntrack/parameters/hashsize';

/** Entries for `nf_conntrack_max`; 0: leave it as it is. */
export function conntrackMax({ maxPerCore, min }: ConntrackSection, cores: number): number {
  return maxPerCore <= 0 ? 0 : Math.max(Math.min(maxPerCore * cores, MAX_SCALED_ENTRIES), min);
}

/** Whether the kernel has the settings: they appear when nf_conntrack is loaded, often with the first rule that needs it. */
export function hasConntrack(files: Files): boolean {
  return readTrimmed(files, `/proc/sys/${MAX}`) !== null;
}

export interface ConntrackResult {
  /** What is there does not suffice and could not be changed. */
  readonly error: SettingError | null;
  /** The hash table stays smaller than a quarter of the limit: lookups take longer, and that is all. */
  readonly warning: SettingError | null;
}

/** The first setting that could not be made ends it. */
export function applyConntrack(files: Files, config: ConntrackSection, cores: number): ConntrackResult {
  const max = conntrackMax(config, cores);
  const sysctls: Sysctl[] =
    max > 0
      ? [{ path: MAX, value: String(max), suffices: atLeast(max) }, ...timeouts(config)]
      : timeouts(config);
  for (const sysctl of sysctls) {
    const error = setSysctl(files, sysctl);
    if (error !== null) return { error, warning: null };
  }
  return { error: null, warning: max > 0 ? growHashTable(files, Math.floor(max / 4)) : null };
}

/** Zero leaves a setting as it is. */
function timeouts(config: ConntrackSection): Sysctl[] {
  const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);
  const values = [
    ['tcp_timeout_established', seconds(config.tcpEstablishedTimeout)],
    ['tcp_timeout_close_wait', seconds(config.tcpCloseWaitTimeout)],
    // Only ever switched on: an operator may have done so for other reasons.
    ['tcp_be_liberal', config.tcpBeLiberal ? 1 : 0],
    ['udp_timeout', seconds(config.udpTimeout)],
    ['udp_timeout_stream', seconds(config.udpStreamTimeout)],
  ] as const;
  return values
    .filter(([, value]) => value > 0)
    .map(([name, value]) => ({ path: `net/netfilter/nf_conntrack_${name}`, value: String(value) }));
}

/** A quarter of the limit keeps chains at four entries. */
function growHashTable(files: Files, buckets: number): SettingError | null {
  const current = readTrimmed(files, HASHSIZE);
  if (current === null || atLeast(buckets)(current)) return null;
  return writeSetting(files, HASHSIZE, { value: String(buckets), current });
}
