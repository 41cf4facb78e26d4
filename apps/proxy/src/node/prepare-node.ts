/** The node's settings that have to be right before the first rule, and that need privileges. */
import { networkInterfaces, release } from 'node:os';
import type { InterfaceAddress } from '@signalbox/core';
import { parseCidr } from '../config/ip.ts';
import type { KubeProxyConfiguration } from '../config/types.ts';
import { applyConntrack } from './conntrack-settings.ts';
import { onlineCpus } from './cpu-count.ts';
import { setSysctl, writeSetting, readTrimmed, type Files, type SettingError } from './sysctl.ts';

/** All of it; the first failure ends it, since the proxy would not do what it was asked to. */
export function prepareNode(files: Files, config: KubeProxyConfiguration): SettingError | null {
  return applyConntrack(files, config.conntrack, onlineCpus(files)) ?? applyModeSysctls(files, config);
}

/** Only what the mode's own rules need. */
export function applyModeSysctls(files: Files, config: KubeProxyConfiguration): SettingError | null {
  for (const [name, value] of modeSysctls(config)) {
    const error = setSysctl(files, name, value);
    if (error !== null) return error;
  }
  return null;
}

type Sysctl = readonly [name: string, value: string];

export function modeSysctls(config: KubeProxyConfiguration, kernel: string = release()): readonly Sysctl[] {
  if (config.mode === 'iptables')
    return needsRouteLocalnet(config) ? [['net/ipv4/conf/all/route_localnet', '1']] : [];
  if (config.mode !== 'ipvs') return [];
  const arp: readonly Sysctl[] = config.ipvs.strictARP
    ? [
        ['net/ipv4/conf/all/arp_ignore', '1'],
        ['net/ipv4/conf/all/arp_announce', '2'],
      ]
    : [];
  // Reuse of a connection's port was broken before 5.9, and cannot be switched off before 4.1.
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const version = major * 1000 + minor;
  const reuse: readonly Sysctl[] =
    version >= 4001 && version < 5009 ? [['net/ipv4/vs/conn_reuse_mode', '0']] : [];
  return [
    ['net/ipv4/vs/conntrack', '1'],
    ...reuse,
    ['net/ipv4/vs/expire_nodest_conn', '1'],
    ['net/ipv4/vs/expire_quiescent_template', '1'],
    ['net/ipv4/ip_forward', '1'],
    ...arp,
  ];
}

/** Packets to 127.0.0.1 leave the node only with this; needed where node ports answer there. */
function needsRouteLocalnet({ iptables, nodePortAddresses }: KubeProxyConfiguration): boolean {
  if (!iptables.localhostNodePorts || nodePortAddresses[0] === 'primary') return false;
  const ipv4 = nodePortAddresses.flatMap((text) => {
    const cidr = parseCidr(text);
    return cidr?.family === 'IPv4' ? [cidr] : [];
  });
  if (ipv4.length === 0) return true;
  return ipv4.some(({ text, prefixLength }) => prefixLength === 0 || text.startsWith('127.'));
}

/** How willingly the kernel kills this process when memory is short. A failure is worth a log line only. */
export function setOomScore(files: Files, score: number): SettingError | null {
  const path = '/proc/self/oom_score_adj';
  const current = readTrimmed(files, path);
  return current === String(score) ? null : writeSetting(files, path, { value: String(score), current });
}

/** Addresses of the node's interfaces that are up, without scope ids. */
export function interfaceAddresses(): readonly InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ family, address }) => ({ interface: name, family, address })),
  );
}
