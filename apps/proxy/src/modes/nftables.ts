import type { NftablesDriver, OwnCommits } from '@signalbox/backend-nftables';
import {
  backendError,
  FAMILIES,
  type BackendError,
  type CleanupResult,
  type Clock,
  type Family,
} from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { createNftablesClient, type NftablesClient } from '@signalbox/netlink';
import type { Logger } from '../logging/logger.ts';
import { systemFiles, type Files } from '../node/sysctl.ts';
import { cleanerOf } from './cleaner.ts';
import { LOCAL_NODE_PORTS } from './local-node-ports.ts';
import { probeFamilies } from './probe-families.ts';
import type { Cleaner, FamilySupport, ProxyMode } from './proxy-mode.ts';

export const NFTABLES: ProxyMode = {
  name: 'nftables',
  platform: 'linux',
  configuration: {
    periods: 'nftables',
    // There are no flags of this mode.
    periodFlags: 'iptables',
    masquerade: 'nftables',
    ownSection: 'nftables',
    applyDefaults: (config) => {
      if (config.nodePortAddresses.length === 0) config.nodePortAddresses = ['primary'];
    },
    localhostNodePorts: () => false,
  },
  flows: 'conntrack',
  metrics: ['partial', 'transactions', 'local-node-ports'],
  unusedClusterIPs: { port: 'reject', address: 'drop' },
  probe: (_, logger) => probeNftables({ clock: systemClock, logger }),
  sysctls: () => Promise.resolve([]),
  localNodePorts: LOCAL_NODE_PORTS,
  createBackend: backendsOfOneNamespace(),
  cleaners: (_, successor) => (successor?.mode === 'nftables' ? [] : nftablesCleaners()),
  affinity: {
    read: (family, services) =>
      withClient(family, async (kernel) => (await load()).readAffinityClients(kernel, services)),
    write: (family, clients) =>
      withClient(family, async (kernel) => (await load()).writeAffinityClients(kernel, clients)),
  },
  survey: surveyTables,
};

async function withClient<T>(
  family: Family,
  use: (kernel: { readonly family: Family; readonly client: NftablesClient }) => Promise<T>,
): Promise<T> {
  const client = createNftablesClient();
  try {
    return await use({ family, client });
  } finally {
    client.close();
  }
}

/** Tables of kube-proxy's nftables mode have the same name. */
async function surveyTables(): Promise<readonly string[] | BackendError> {
  const client = createNftablesClient();
  const tables = await client.listTables();
  client.close();
  // A kernel without nf_tables has no tables.
  if (!tables.ok && tables.error.code === 'unsupported') return [];
  if (!tables.ok) return backendError(tables.error.code, tables.error.operation, tables.error.message);
  return tables.value
    .filter(({ family, name }) => name === 'kube-proxy' && (family === 'ip' || family === 'ip6'))
    .map(({ family, name }) => `table ${family} ${name}`);
}

/** The backends of both families share the record of their commits. */
function backendsOfOneNamespace(): ProxyMode['createBackend'] {
  let ownCommits: OwnCommits | undefined;
  return async ({ config }, family, { measureWrite }) => {
    const { createNetlinkDriver, createNftablesBackend, createOwnCommits } = await load();
    ownCommits ??= createOwnCommits();
    const options = { family, masqueradeBit: config.nftables.masqueradeBit, ownCommits };
    if (measureWrite === undefined) return createNftablesBackend(options);
    const kernel = createNetlinkDriver({ family });
    const driver: NftablesDriver = { ...kernel, commit: (work) => measureWrite(() => kernel.commit(work)) };
    return createNftablesBackend({ ...options, driver, verifier: createNetlinkDriver({ family }) });
  };
}

const load = () => import('@signalbox/backend-nftables');

export interface NftablesProbe {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a test may put in the node's place. */
  readonly files?: Files;
  readonly openDriver?: (family: Family) => NftablesDriver;
}

/** Asks the kernel for what the rules need, in tables that no packet meets. */
export async function probeNftables(probe: NftablesProbe): Promise<FamilySupport> {
  const { createNetlinkDriver } = await load();
  const { files = systemFiles, openDriver = (family) => createNetlinkDriver({ family }) } = probe;
  return probeFamilies({
    ...probe,
    files,
    asked: 'nf_tables',
    open: openDriver,
    ask: async (driver) => {
      const answer = await driver.probe();
      return answer.ok ? [] : answer.error;
    },
  });
}

/** Of kube-proxy's nftables mode too: the tables have the same names. */
export function nftablesCleaners(
  connect: () => NftablesClient = () => createNftablesClient(),
): readonly Cleaner[] {
  return FAMILIES.map((family) => {
    const { clean, ...about } = cleanerOf({ mode: 'nftables', family }, async () => {
      const { createNetlinkDriver, createNftablesBackend } = await load();
      return createNftablesBackend({ family, driver: createNetlinkDriver({ family, client: connect() }) });
    });
    return { ...about, clean: async () => nothingWithoutKernel(await clean()) };
  });
}

/** A kernel without nf_tables has no tables. */
function nothingWithoutKernel(result: CleanupResult): CleanupResult {
  const isAbsent = result.outcome === 'failed' && result.error.code === 'unsupported';
  return isAbsent ? { outcome: 'ok', removed: [] } : result;
}
