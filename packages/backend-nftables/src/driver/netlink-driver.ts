/** The driver on the kernel of this network namespace, over netlink: no program is run, no listener is installed. */
import { fail, type Family, type Result, succeed } from '@signalbox/core';
import {
  createNftablesClient,
  encodeDeleteTable,
  encodeNewTable,
  type NetlinkError,
  type NetlinkRequest,
  type NftablesClient,
  toBackendError,
  toResult,
} from '@signalbox/netlink';
import { batchesOf, requestGroups, tableOf } from '../encode/operation-requests.ts';
import type { Commit, Committed, NftablesDriver, Work } from './nftables-driver.ts';
import { type Kernel, TRIAL_TABLE } from './kernel.ts';
import { probeKernel } from './probe.ts';
import { readCounters } from './read-counters.ts';
import { observeTable, readStructure } from './read-table.ts';

/** Address family, and the client to use; by default a new one. */
export interface NetlinkDriverOptions {
  /** The IP family of the table. */
  readonly family: Family;
  /** Default: a client in the network namespace of this process. */
  readonly client?: NftablesClient;
}

/** The driver for table `kube-proxy` of one address family. Its `close` closes the client. */
export function createNetlinkDriver({
  family,
  client = createNftablesClient(),
}: NetlinkDriverOptions): NftablesDriver {
  const kernel: Kernel = { family, client };
  return {
    family,
    probe: () => probeKernel(kernel),
    generation: async () => toResult(await client.generation()),
    structure: () => readStructure(kernel),
    observe: (sets, isExpected) => observeTable(kernel, sets, isExpected),
    readCounters: (sets, isAskedFor) => readCounters(kernel, sets, isAskedFor),
    commit: (work) => commit(kernel, work),
    trial: (work) => trial(kernel, work),
    deleteTable: async () => {
      const deleted = await client.deleteTable(tableOf(family));
      if (deleted.ok) return succeed(true);
      return deleted.error.code === 'not-found' ? succeed(false) : fail(toBackendError(deleted.error));
    },
    close: () => client.close(),
  };
}

async function commit({ family, client }: Kernel, work: Commit): Promise<Committed> {
  const context = { family, sets: work.sets };
  let { generation } = work;
  let batches = 0;
  for (const requests of batchesOf(requestGroups(work.operations, context))) {
    const { ownCommits } = work;
    const taken = await ownCommits.follow(commitBatch(client, requests, { ownCommits, generation }));
    generation = taken.generation;
    if (taken.error !== null) return refused(taken.error, { generation, batches });
    batches++;
  }
  return { result: succeed(null), generation, batches };
}

/** Again where nothing but commits of this process came in between. */
async function commitBatch(
  client: NftablesClient,
  requests: readonly NetlinkRequest[],
  on: Pick<Commit, 'ownCommits' | 'generation'>,
): Promise<{ readonly error: NetlinkError | null; readonly generation: number }> {
  const { ownCommits } = on;
  const before = ownCommits.latestSince(on.generation);
  const taken = await client.commit(requests, before);
  if (taken.ok) {
    const after = (before + 1) >>> 0;
    ownCommits.add(before, after);
    return { error: null, generation: after };
  }
  const { error } = taken;
  if (!isStale(error) || ownCommits.latestSince(before) === before) return { error, generation: before };
  return commitBatch(client, requests, { ownCommits, generation: before });
}

function isStale({ errnoName }: NetlinkError): boolean {
  return errnoName === 'ERESTART';
}

function refused(error: NetlinkError, so: Omit<Committed, 'result'>): Committed {
  if (isStale(error)) return { ...so, result: 'stale' };
  return { ...so, result: fail(toBackendError(error, so.batches > 0 ? 'something' : 'nothing')) };
}

async function trial({ family, client }: Kernel, work: Work): Promise<Result<null>> {
  const context = { family, sets: work.sets, table: TRIAL_TABLE };
  const table = tableOf(family, TRIAL_TABLE);
  const requests = [...requestGroups(work.operations, context)].flat();
  return toResult(await client.commit([encodeNewTable(table), ...requests, encodeDeleteTable(table)]));
}
