import { createExecDriver } from '@signalbox/backend-iptables';
import type { IpvsBackendOptions } from '@signalbox/backend-ipvs';
import { FAMILIES, formatBackendError, type Backend, type Family } from '@signalbox/core';
import { systemClock } from '@signalbox/kubernetes';
import { release } from 'node:os';
import { standalone } from '../flags/standalone.ts';
import type { Logger } from '../logging/logger.ts';
import { STATE_FOLDER } from '../node/state-file.ts';
import type { Sysctl } from '../node/sysctl.ts';
import { cleanerOf } from './cleaner.ts';
import { noticesOf, probeIptables } from './iptables.ts';
import type { FamilySupport, ModeSettings, NodeFacts, ProxyMode } from './proxy-mode.ts';

export const IPVS: ProxyMode = {
  name: 'ipvs',
  platform: 'linux',
  configuration: {
    periods: 'ipvs',
    periodFlags: 'ipvs',
    masquerade: 'iptables',
    ownSection: 'ipvs',
    localhostNodePorts: () => false,
  },
  flows: 'conntrack',
  bindsExternalAddresses: true,
  metrics: ['restore'],
  succeeds: ['nftables'],
  unusedClusterIPs: { port: 'reject', address: 'pass' },
  probe,
  // The backend makes its own once the kernel's module is there; an --init-only run has no backend, and loads it here.
  sysctls: async (settings) =>
    settings.initOnly ? ((await whyNoIpvs(settings)) ?? ipvsSysctls(settings)) : [],
  createBackend: ipvsBackend,
  cleaners: (settings) =>
    FAMILIES.map((family) => cleanerOf({ mode: 'ipvs', family }, () => ipvsBackend(settings, family, null))),
};

/** It writes iptables rules too, and so asks about them first. */
async function probe(settings: ModeSettings, logger: Logger): Promise<FamilySupport> {
  const support = await probeIptables({ clock: systemClock, logger });
  const missing = support.families.length > 0 ? await whyNoIpvs(settings) : null;
  return missing === null ? support : { families: [], reasons: [missing] };
}

async function ipvsBackend(
  settings: ModeSettings,
  family: Family,
  facts: Pick<NodeFacts, 'onNotice'> | null,
): Promise<Backend> {
  const { createIpvsBackend, createNetlinkDriver } = await import('@signalbox/backend-ipvs');
  const driver = createNetlinkDriver({
    family,
    iptables: createExecDriver({ family, ...noticesOf(facts) }),
  });
  return createIpvsBackend({ ...(await ipvsOptions(settings, family)), driver });
}

/** What the command line and the file say about the mode. */
export async function ipvsOptions(
  { config, given }: Pick<ModeSettings, 'config' | 'given'>,
  family: Family,
): Promise<Omit<IpvsBackendOptions, 'driver'>> {
  const { fileJournal } = await import('@signalbox/backend-ipvs');
  const { ipvs, iptables } = config;
  return {
    family,
    scheduler: ipvs.scheduler,
    excludeCIDRs: ipvs.excludeCIDRs,
    strictARP: ipvs.strictARP,
    timeouts: { tcp: ipvs.tcpTimeout / 1000, tcpFin: ipvs.tcpFinTimeout / 1000, udp: ipvs.udpTimeout / 1000 },
    masqueradeBit: iptables.masqueradeBit,
    // A sync of nothing comes once a sync period, which a running proxy may be given anew.
    reconcileInterval: 0,
    journal: fileJournal(`${STATE_FOLDER}/ipvs-${family.toLowerCase()}.json`),
    localPolicyFallback: standalone(given, 'ipvs-local-policy-fallback') === 'cluster' ? 'cluster' : 'drop',
  };
}

/** Loads the kernel modules that it needs; one line when the kernel cannot do it. */
async function whyNoIpvs({ config }: ModeSettings): Promise<string | null> {
  const { createNetlinkDriver, DEFAULT_SCHEDULER } = await import('@signalbox/backend-ipvs');
  const driver = createNetlinkDriver({ family: 'IPv4' });
  const error = await driver.probe(config.ipvs.scheduler || DEFAULT_SCHEDULER);
  await driver.close();
  return error === null ? null : `ipvs: ${formatBackendError(error)}`;
}

async function ipvsSysctls({ config }: ModeSettings): Promise<readonly Sysctl[]> {
  const { wantedSysctls } = await import('@signalbox/backend-ipvs');
  return wantedSysctls({ kernelRelease: release(), strictARP: config.ipvs.strictARP }).map(
    ({ name, value, stricter = [] }) => ({
      path: name,
      value,
      suffices: (current) => stricter.includes(current),
    }),
  );
}
