/** The node's settings that have to be right before the first rule, and that need privileges. */
import { availableParallelism, cpus, networkInterfaces } from 'node:os';
import { nodePortAddresses, type InterfaceAddress } from '@signalbox/core';
import type { KubeProxyConfiguration } from '../config/types.ts';
import { applyConntrack, type ConntrackResult } from './conntrack-settings.ts';
import {
  setSysctl,
  writeSetting,
  readTrimmed,
  type Files,
  type SettingError,
  type Sysctl,
} from './sysctl.ts';

/** Limits of connection tracking, for the CPUs of this node. */
export function prepareConntrack(
  files: Files,
  { conntrack }: Pick<KubeProxyConfiguration, 'conntrack'>,
): ConntrackResult {
  return applyConntrack(files, conntrack, onlineCpus(files));
}

/** The first setting that could not be made ends it. */
export function applySysctls(files: Files, sysctls: readonly Sysctl[]): SettingError | null {
  for (const sysctl of sysctls) {
    const error = setSysctl(files, sysctl);
    if (error !== null) return error;
  }
  return null;
}

/** Packets to 127.0.0.1 leave the node only with route_localnet; needed where node ports answer there (S40). */
export function needsRouteLocalnet({ iptables, nodePortAddresses: wanted }: KubeProxyConfiguration): boolean {
  const { localhostNodePorts } = iptables;
  return nodePortAddresses({ family: 'IPv4', nodePortAddresses: wanted, localhostNodePorts, nodeIP: null })
    .loopback;
}

/** How willingly the kernel kills this process when memory is short. A failure is worth a log line only. */
export function setOomScore(files: Files, score: number): SettingError | null {
  const path = '/proc/self/oom_score_adj';
  const current = readTrimmed(files, path);
  if (current === String(score)) return null;
  const right =
    'no permission: a lower score requires CAP_SYS_RESOURCE; with oomScoreAdj: 0 the score is not changed';
  return writeSetting(files, path, { value: String(score), current, right });
}

/** Addresses of the node's interfaces that are up, without scope ids. */
export function interfaceAddresses(): readonly InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ family, address }) => ({ interface: name, family, address })),
  );
}

/** CPUs that are switched on: a container's limit does not count, since connection tracking is the node's. */
function onlineCpus(files: Files): number {
  const ranges = readTrimmed(files, '/sys/devices/system/cpu/online');
  const count = ranges === null ? 0 : countRanges(ranges);
  return count > 0 ? count : Math.max(cpus().length, availableParallelism());
}

/** `0-3,8` is five. */
export function countRanges(text: string): number {
  const counts = text.split(',').map((range) => {
    const [from = Number.NaN, to = from] = range.split('-').map(Number);
    return to - from + 1;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Number.isInteger(total) && total > 0 ? total : 0;
}
