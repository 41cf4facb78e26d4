import type { KubeProxyConfiguration, Platform, ProxyMode } from './types.ts';

/** Modes by platform, the default first. */
export const MODES: Readonly<Record<Platform, readonly ProxyMode[]>> = {
  linux: ['iptables', 'ipvs'],
  windows: ['kernelspace'],
};

/** Names that are a proxy mode, but not in this build: the error must say that much. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  nftables: 'nftables mode is not yet implemented in this build of signalbox; use "iptables" or "ipvs"',
  userspace: 'userspace mode is not yet implemented in this build of signalbox; use "iptables" or "ipvs"',
};

/** Why the mode cannot run here; `null` when it can. Empty means the platform's default. */
export function checkMode(mode: string, platform: Platform): string | null {
  if (mode === '') return null;
  const missing = platform === 'linux' ? NOT_BUILT[mode] : undefined;
  if (missing !== undefined) return missing;
  const supported = MODES[platform];
  if (supported.some((name) => name === mode)) return null;
  return `must be one of ${supported.join(', ')} or blank, on ${platform}`;
}

type Section = 'iptables' | 'ipvs' | 'nftables';
export const SYNC_SECTIONS: readonly Section[] = ['iptables', 'ipvs', 'nftables'];

/** The section whose sync periods count: that of the mode; iptables' for blank and for Windows. */
export function syncSection(mode: string): Section {
  return SYNC_SECTIONS.find((section) => section === mode) ?? 'iptables';
}

export interface Effective {
  /** Milliseconds between two syncs without any change. */
  readonly syncPeriod: number;
  /** Milliseconds between the end of a sync and the start of the next. */
  readonly minSyncPeriod: number;
  readonly masqueradeAll: boolean;
  readonly masqueradeBit: number;
}

/** What the mode's own section says, for code that does not care which mode it is. */
export function effective(config: KubeProxyConfiguration): Effective {
  const { syncPeriod, minSyncPeriod } = config[syncSection(config.mode)];
  const { masqueradeAll, masqueradeBit } = config.mode === 'nftables' ? config.nftables : config.iptables;
  return { syncPeriod, minSyncPeriod, masqueradeAll, masqueradeBit };
}
