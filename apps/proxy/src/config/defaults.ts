import { familyOf } from '@signalbox/core';
import { FIELDS, getField, setField, SYNC_SECTIONS } from './fields.ts';
import { parseAddress, SERVER_PORTS, withDefaultPort } from './ip.ts';
import { kindOf } from './kinds.ts';
import type { KubeProxyConfiguration, Platform } from './types.ts';
import type { ModeConfiguration, ProxyMode } from '../modes/proxy-mode.ts';

/**
 * The addresses that a file leaves out, of the family of bindAddress. An empty one is refilled, so it cannot switch a
 * server off: the word `none` does.
 */
export function applyAddressDefaults(config: KubeProxyConfiguration): void {
  const address = parseAddress(config.bindAddress);
  const ipv6 = address !== null && familyOf(address) === 'IPv6';
  config.healthzBindAddress ||= ipv6 ? '[::]' : '0.0.0.0';
  config.metricsBindAddress ||= ipv6 ? '[::1]' : '127.0.0.1';
}

/** Appends the ports that addresses leave out; an empty address stays empty. */
export function completePorts(config: KubeProxyConfiguration): void {
  config.healthzBindAddress = withDefaultPort(config.healthzBindAddress, SERVER_PORTS.healthz);
  config.metricsBindAddress = withDefaultPort(config.metricsBindAddress, SERVER_PORTS.metrics);
}

/** What an empty mode means, and empty fields with this mode and on this platform. */
export function applyModeDefaults(config: KubeProxyConfiguration, mode: ProxyMode, platform: Platform): void {
  config.mode ||= mode.name;
  if (platform === 'linux') config.detectLocalMode ||= 'ClusterCIDR';
  mode.configuration.applyDefaults?.(config);
}

/** Every value in its one spelling: code that reads the configuration from here on has the canonical form alone. */
export function normalizeFields(config: KubeProxyConfiguration): void {
  for (const { path, kind } of FIELDS) {
    const { normalize } = kindOf(kind);
    if (normalize !== undefined) setField(config, path, normalize(getField(config, path)));
  }
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
