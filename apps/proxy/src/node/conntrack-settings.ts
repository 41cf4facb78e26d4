/** Limits and timeouts of connection tracking, from the `conntrack` section. */
import type { ConntrackSection } from '../config/types.ts';
import { readTrimmed, setSysctl, writeSetting, type Files, type SettingError } from './sysctl.ts';

/** The most that is ever asked for, whatever the cores. */
const MAX_ENTRIES = 1_048_576;
const HASHSIZE = '/sys/module/nf_conntrack/parameters/hashsize';

/** Entries for `nf_conntrack_max`; 0: leave it as it is. */
export function conntrackMax({ maxPerCore, min }: ConntrackSection, cores: number): number {
  if (maxPerCore <= 0) return 0;
  const scaled = maxPerCore * cores;
  return scaled > MAX_ENTRIES ? MAX_ENTRIES : Math.min(MAX_ENTRIES, Math.max(scaled, min));
}

/** The first setting that could not be made ends it. */
export function applyConntrack(files: Files, config: ConntrackSection, cores: number): SettingError | null {
  const max = conntrackMax(config, cores);
  const maxError = max > 0 ? applyMax(files, max) : null;
  if (maxError !== null) return maxError;
  const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);
  const timeouts = [
    ['tcp_timeout_established', seconds(config.tcpEstablishedTimeout)],
    ['tcp_timeout_close_wait', seconds(config.tcpCloseWaitTimeout)],
    // Only ever switched on: somebody else may have had reasons to.
    ['tcp_be_liberal', config.tcpBeLiberal ? 1 : 0],
    ['udp_timeout', seconds(config.udpTimeout)],
    ['udp_timeout_stream', seconds(config.udpStreamTimeout)],
  ] as const;
  for (const [name, value] of timeouts) {
    const error = value > 0 ? setSysctl(files, `net/netfilter/nf_conntrack_${name}`, String(value)) : null;
    if (error !== null) return error;
  }
  return null;
}

/** The hash table follows the limit: a quarter of it, so that chains stay at four entries. */
function applyMax(files: Files, max: number): SettingError | null {
  const error = setSysctl(files, 'net/netfilter/nf_conntrack_max', String(max));
  if (error !== null) return error;
  const current = readTrimmed(files, HASHSIZE);
  const wanted = Math.floor(max / 4);
  if (current === null || Number(current) >= wanted) return null;
  return writeSetting(files, HASHSIZE, { value: String(wanted), current });
}
