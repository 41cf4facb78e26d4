import {
  createExecDriver,
  createIptablesBackend,
  LOCALHOST_NODE_PORTS_SYSCTL,
  type IptablesDriver,
} from '@signalbox/backend-iptables';
import { FAMILIES, formatBackendError, type Backend, type Clock, type Family } from '@signalbox/core';
import { formatDuration } from '../config/duration.ts';
import { effective } from '../config/modes.ts';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import { readTrimmed, systemFiles, type Files } from '../node/sysctl.ts';
import type { FamilySupport, NodeFacts } from './composition.ts';
import { withCounters } from './packet-counters.ts';
import { patiently } from './transient.ts';

export { LOCALHOST_NODE_PORTS_SYSCTL as LOCALHOST_SYSCTL };

export function iptablesBackend(
  { config }: Settings,
  family: Family,
  facts: Pick<NodeFacts, 'counters' | 'syncPeriod' | 'onNotice'> | null,
): Backend {
  const liberal = readTrimmed(systemFiles, '/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal');
  const { masqueradeBit } = effective(config);
  const counters = facts?.counters ?? null;
  const driver = counters?.drivers.get(family);
  const backend = createIptablesBackend({
    family,
    driver: driver ?? createExecDriver({ family, ...noticesOf(facts) }),
    accounting: driver !== undefined,
    masqueradeBit,
    // Where the module is not loaded yet, the setting is made when it is.
    conntrackLiberal: config.conntrack.tcpBeLiberal || (liberal !== null && liberal !== '0'),
    ...(facts === null ? {} : { checkInterval: facts.syncPeriod }),
  });
  return counters === null || driver === undefined ? backend : withCounters(backend, counters);
}

export function noticesOf(facts: Pick<NodeFacts, 'onNotice'> | null): Pick<NodeFacts, 'onNotice'> {
  return facts?.onNotice === undefined ? {} : { onNotice: facts.onNotice };
}

export interface IptablesProbe {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a test may put in the node's place. */
  readonly files?: Files;
  readonly openDriver?: (family: Family) => IptablesDriver;
}

/** A family counts if its iptables works and the kernel has the protocol switched on. */
export async function probeIptables(probe: IptablesProbe): Promise<FamilySupport> {
  const { files = systemFiles, openDriver = (family) => createExecDriver({ family }) } = probe;
  const ask = (family: Family): Promise<string | null> => whyNot(family, { ...probe, files, openDriver });
  const answers = await Promise.all(FAMILIES.map(async (family) => ({ family, reason: await ask(family) })));
  return {
    families: answers.filter(({ reason }) => reason === null).map(({ family }) => family),
    reasons: answers.flatMap(({ family, reason }) => (reason === null ? [] : [`no ${family}: ${reason}`])),
    warnings: hidesLegacyTables(files) && !(await kubeletUsesNft()) ? [HIDDEN_TABLES] : [],
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

/** A family that is missing at start is missing for the life of the process: what may pass is waited for that long. */
const PATIENCE_MS = 60_000;

async function whyNot(
  family: Family,
  { clock, logger, files, openDriver }: Required<IptablesProbe>,
): Promise<string | null> {
  if (family === 'IPv6' && readTrimmed(files, '/proc/net/if_inet6') === null) {
    return 'the kernel has no IPv6';
  }
  if (family === 'IPv6' && readTrimmed(files, '/proc/sys/net/ipv6/conf/all/disable_ipv6') === '1') {
    return 'net.ipv6.conf.all.disable_ipv6 is 1';
  }
  const driver = openDriver(family);
  const answer = await patiently(() => driver.hasChain('nat', 'POSTROUTING'), {
    clock,
    milliseconds: PATIENCE_MS,
    problem: (each) => (each.ok ? null : each.error),
    onRetry: (error, wait) => {
      const retry = `in ${formatDuration(wait)}`;
      logger.warning('iptables does not answer', { err: formatBackendError(error), family, retry });
    },
  });
  await driver.close();
  return answer.ok ? null : formatBackendError(answer.error);
}
