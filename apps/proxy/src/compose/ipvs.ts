import { createExecDriver } from '@signalbox/backend-iptables';
import type { IpvsBackendOptions } from '@signalbox/backend-ipvs';
import { formatBackendError, type Backend, type Family } from '@signalbox/core';
import type { NodeFacts } from './composition.ts';
import { noticesOf } from './iptables.ts';
import type { Settings } from '../config/settings.ts';
import type { Sysctl } from '../node/sysctl.ts';
import { release } from 'node:os';

/** Remembers across restarts which virtual servers are ours; empty after a reboot, like the kernel's table. */
export const JOURNAL_FOLDER = '/run/signalbox';

export async function ipvsBackend(
  settings: Settings,
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
  { config, given }: Settings,
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
    journal: fileJournal(`${JOURNAL_FOLDER}/ipvs-${family.toLowerCase()}.json`),
    localPolicyFallback: given.get('ipvs-local-policy-fallback') === 'cluster' ? 'cluster' : 'drop',
  };
}

/** Loads the kernel modules that it needs; one line when the kernel cannot do it. */
export async function whyNoIpvs({ config }: Settings): Promise<string | null> {
  const { createNetlinkDriver, DEFAULT_SCHEDULER } = await import('@signalbox/backend-ipvs');
  const driver = createNetlinkDriver({ family: 'IPv4' });
  const error = await driver.probe(config.ipvs.scheduler || DEFAULT_SCHEDULER);
  await driver.close();
  return error === null ? null : `ipvs: ${formatBackendError(error)}`;
}

export async function ipvsSysctls({ config }: Settings): Promise<readonly Sysctl[]> {
  const { wantedSysctls } = await import('@signalbox/backend-ipvs');
  return wantedSysctls({ kernelRelease: release(), strictARP: config.ipvs.strictARP }).map(
    ({ name, value, stricter = [] }) => ({
      path: name,
      value,
      suffices: (current) => stricter.includes(current),
    }),
  );
}
