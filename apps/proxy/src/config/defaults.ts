import { familyOf } from '@signalbox/core';
import { parseAddress, parseCidr, withDefaultPort } from './ip.ts';
import { SYNC_SECTIONS } from './fields.ts';
import type { KubeProxyConfiguration, Platform } from './types.ts';
import type { ModeConfiguration, ProxyMode } from '../modes/proxy-mode.ts';

const HEALTHZ_PORT = 10_256;
const METRICS_PORT = 10_249;

/**
 * Completes what depends on other fields: addresses of the family of bindAddress, and appended ports. An empty
 * address is refilled, so it cannot switch a server off: the word `none` does.
 */
export function applyAddressDefaults(config: KubeProxyConfiguration): void {
  if (config.bindAddress === '') config.bindAddress = '0.0.0.0';
  const address = parseAddress(config.bindAddress);
  const ipv6 = address !== null && familyOf(address) === 'IPv6';
  config.healthzBindAddress ||= ipv6 ? `[::]:${HEALTHZ_PORT}` : `0.0.0.0:${HEALTHZ_PORT}`;
  config.metricsBindAddress ||= ipv6 ? `[::1]:${METRICS_PORT}` : `127.0.0.1:${METRICS_PORT}`;
  completePorts(config);
}

/** Appends the ports that addresses leave out; an empty address stays empty. */
export function completePorts(config: KubeProxyConfiguration): void {
  config.healthzBindAddress = withDefaultPort(config.healthzBindAddress, HEALTHZ_PORT);
  config.metricsBindAddress = withDefaultPort(config.metricsBindAddress, METRICS_PORT);
}

/** What an empty mode means, and empty fields with this mode and on this platform. */
export function applyModeDefaults(config: KubeProxyConfiguration, mode: ProxyMode, platform: Platform): void {
  config.mode ||= mode.name;
  if (platform === 'linux') config.detectLocalMode ||= 'ClusterCIDR';
  mode.configuration.applyDefaults?.(config);
}

/**
 * Valid addresses in their one spelling. Validation takes `010.0.0.1` and `/08`, as kube-proxy does; rules and everything
 * else behind it know the canonical form alone. What is not valid, since not validated (in another mode), stays.
 */
export function normalizeAddresses(config: KubeProxyConfiguration): void {
  const range = (text: string): string => parseCidr(text)?.text ?? text;
  config.bindAddress = parseAddress(config.bindAddress) ?? config.bindAddress;
  config.nodePortAddresses = config.nodePortAddresses.map(range);
  config.ipvs.excludeCIDRs = config.ipvs.excludeCIDRs.map(range);
  config.clusterCIDR = config.clusterCIDR.split(',').map(range).join(',');
}

/** Only the periods of the mode in use are shown; the other sections carry zero. */
export function clearUnusedPeriods(
  config: KubeProxyConfiguration,
  { periods }: Pick<ModeConfiguration, 'periods'>,
): void {
  for (const section of SYNC_SECTIONS) {
    if (section === periods) continue;
    config[section].syncPeriod = 0;
    config[section].minSyncPeriod = 0;
  }
}
