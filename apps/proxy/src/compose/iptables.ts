import {
  createExecDriver,
  createIptablesBackend,
  LOCALHOST_NODE_PORTS_SYSCTL,
} from '@signalbox/backend-iptables';
import { FAMILIES, formatBackendError, type Backend, type Family } from '@signalbox/core';
import { effective } from '../config/modes.ts';
import type { Settings } from '../config/settings.ts';
import { readTrimmed, systemFiles, type Files } from '../node/sysctl.ts';
import type { FamilySupport, NodeFacts } from './composition.ts';
import { withCounters } from './packet-counters.ts';

export { LOCALHOST_NODE_PORTS_SYSCTL as LOCALHOST_SYSCTL };

export function iptablesBackend(
  { config }: Settings,
  family: Family,
  facts: Pick<NodeFacts, 'counters' | 'syncPeriod'> | null,
): Backend {
  const liberal = readTrimmed(systemFiles, '/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal');
  const { masqueradeBit } = effective(config);
  const counters = facts?.counters ?? null;
  const driver = counters?.drivers.get(family);
  const backend = createIptablesBackend({
    family,
    ...(driver === undefined ? {} : { driver, accounting: true }),
    masqueradeBit,
    conntrackLiberal: liberal !== null && liberal !== '0',
    ...(facts === null ? {} : { checkInterval: facts.syncPeriod }),
  });
  return counters === null || driver === undefined ? backend : withCounters(backend, counters);
}

/** A family counts if its iptables works and the kernel has the protocol switched on. */
export async function probeIptables(): Promise<FamilySupport> {
  const answers = await Promise.all(
    FAMILIES.map(async (family) => ({ family, reason: await whyNot(family) })),
  );
  return {
    families: answers.filter(({ reason }) => reason === null).map(({ family }) => family),
    reasons: answers.flatMap(({ family, reason }) => (reason === null ? [] : [`no ${family}: ${reason}`])),
    warnings: hidesLegacyTables(systemFiles) && !(await kubeletUsesNft()) ? [HIDDEN_TABLES] : [],
  };
}

const LEGACY_TABLES = '/proc/net/ip_tables_names';
const HIDDEN_TABLES =
  `cannot read ${LEGACY_TABLES}, and so not tell which variant of iptables this node uses: nft is taken; ` +
  'if kubelet writes its rules with iptables-legacy, run as root, or add CAP_NET_RAW and CAP_DAC_READ_SEARCH to CAP_NET_ADMIN';

/** Rules of the legacy variant are listed to root only. Without the file its modules are not loaded: nobody uses it. */
export function hidesLegacyTables(files: Files): boolean {
  try {
    files.read(LEGACY_TABLES);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** Kubelet leaves a chain of this name in the variant that it writes with. */
async function kubeletUsesNft(): Promise<boolean> {
  const driver = createExecDriver({ family: 'IPv4', variant: 'nft' });
  const answer = await driver.hasChain('mangle', 'KUBE-KUBELET-CANARY');
  await driver.close();
  return answer.ok && answer.value;
}

async function whyNot(family: Family): Promise<string | null> {
  if (family === 'IPv6' && readTrimmed(systemFiles, '/proc/net/if_inet6') === null)
    return 'the kernel has no IPv6';
  if (family === 'IPv6' && readTrimmed(systemFiles, '/proc/sys/net/ipv6/conf/all/disable_ipv6') === '1') {
    return 'net.ipv6.conf.all.disable_ipv6 is 1';
  }
  const driver = createExecDriver({ family });
  const answer = await driver.hasChain('nat', 'POSTROUTING');
  await driver.close();
  return answer.ok ? null : formatBackendError(answer.error);
}
