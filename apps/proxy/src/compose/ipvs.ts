import { formatBackendError, type Backend, type Family } from '@signalbox/core';
import type { Settings } from '../config/settings.ts';
import type { Sysctl } from '../node/prepare-node.ts';
import { release } from 'node:os';

/** Remembers across restarts which virtual servers are ours; empty after a reboot, like the kernel's table. */
const JOURNAL_FOLDER = '/run/signalbox';

export async function ipvsBackend({ config }: Settings, family: Family): Promise<Backend> {
  const { createIpvsBackend, createNetlinkDriver, fileJournal } = await import('@signalbox/backend-ipvs');
  const { ipvs, iptables } = config;
  return createIpvsBackend({
    family,
    driver: createNetlinkDriver({ family }),
    scheduler: ipvs.scheduler,
    excludeCIDRs: ipvs.excludeCIDRs,
    strictARP: ipvs.strictARP,
    timeouts: { tcp: ipvs.tcpTimeout / 1000, tcpFin: ipvs.tcpFinTimeout / 1000, udp: ipvs.udpTimeout / 1000 },
    masqueradeBit: iptables.masqueradeBit,
    reconcileInterval: ipvs.syncPeriod || 30_000,
    journal: fileJournal(`${JOURNAL_FOLDER}/ipvs-${family.toLowerCase()}.json`),
  });
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
    ({ name, value }) => ({
      path: name,
      value,
    }),
  );
}
