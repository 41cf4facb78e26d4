/** The driver on the kernel of this network namespace, over netlink: no program is run, no listener is installed. */
import { backendError, fail, type Family, type Result, succeed } from '@signalbox/core';
import {
  createNftablesClient,
  encodeDeleteTable,
  encodeNewTable,
  type NetlinkError,
  type NetlinkResult,
  type NftablesClient,
  type NftablesRuleState,
  type NftablesSetState,
} from '@signalbox/netlink';
import { ruleText } from '../encode/chain-rules.ts';
import { decodeElement } from '../encode/element-bytes.ts';
import { batchesOf, requestGroups, tableOf } from '../encode/operation-requests.ts';
import { stateSignature } from '../encode/set-signature.ts';
import type { Observed, ObservedChain, Structure } from '../objects/observed.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';
import type { Commit, Committed, NftablesDriver } from './nftables-driver.ts';
import { type Kernel, toBackendError, TRIAL_TABLE } from './kernel.ts';
import { probeKernel } from './probe.ts';

export interface NetlinkDriverOptions {
  readonly family: Family;
  readonly client?: NftablesClient;
}

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
    observe: (sets) => observe(kernel, sets),
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

function toResult<T>(result: NetlinkResult<T>): Result<T> {
  return result.ok ? result : fail(toBackendError(result.error));
}

async function commit({ family, client }: Kernel, work: Commit): Promise<Committed> {
  const context = { family, sets: work.sets };
  let batches = 0;
  for (const requests of batchesOf(requestGroups(work.operations, context))) {
    const generation = (work.generation + batches) >>> 0;
    const taken = await client.commit(requests, generation);
    if (!taken.ok) return refused(taken.error, { generation, batches });
    batches++;
  }
  return { result: succeed(null), generation: (work.generation + batches) >>> 0, batches };
}

function refused(error: NetlinkError, so: Omit<Committed, 'result'>): Committed {
  if (error.errnoName === 'ERESTART') return { ...so, result: 'stale' };
  return { ...so, result: fail(toBackendError(error, so.batches > 0 ? 'something' : 'nothing')) };
}

async function readStructure(kernel: Kernel): Promise<Result<Structure>> {
  const parts = await readParts(kernel);
  return parts.ok ? succeed(structureOf(parts.value)) : parts;
}

async function trial({ family, client }: Kernel, work: Omit<Commit, 'generation'>): Promise<Result<null>> {
  const context = { family, sets: work.sets, table: TRIAL_TABLE };
  const table = tableOf(family, TRIAL_TABLE);
  const requests = [...requestGroups(work.operations, context)].flat();
  return toResult(await client.commit([encodeNewTable(table), ...requests, encodeDeleteTable(table)]));
}

interface Parts {
  readonly generation: number;
  readonly chains: readonly {
    readonly name: string;
    readonly handle: number;
    readonly chain: ObservedChain;
  }[];
  readonly rules: readonly NftablesRuleState[];
  readonly sets: readonly NftablesSetState[];
}

/** Several listings, repeated until no commit came between the first and the last. */
const TRIES = 8;

async function readParts(kernel: Kernel): Promise<Result<Parts>> {
  return sameGeneration(kernel, async ({ client, family }, generation) => {
    const table = tableOf(family);
    const chains = await client.listChains(table);
    if (!chains.ok) return chains;
    const rules = await client.listRules(table);
    // A table that is not there: nothing is in it.
    if (!rules.ok && rules.error.code !== 'not-found') return rules;
    const sets = await client.listSets(table);
    if (!sets.ok && sets.error.code !== 'not-found') return sets;
    const rulesOf = rules.ok ? rules.value : [];
    return succeed({
      generation,
      chains: chains.value.map(({ name, handle, base }) => ({
        name,
        handle,
        chain: withBase({ rules: rulesOf.filter(({ chain }) => chain === name).map(ruleText) }, base),
      })),
      rules: rulesOf,
      sets: sets.ok ? sets.value : [],
    });
  });
}

function withBase(chain: ObservedChain, base: ObservedChain['base']): ObservedChain {
  return base === undefined ? chain : { ...chain, base };
}

async function sameGeneration<T>(
  kernel: Kernel,
  read: (kernel: Kernel, generation: number) => Promise<NetlinkResult<T>>,
): Promise<Result<T>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await kernel.client.generation();
    if (!before.ok) return toResult(before);
    const value = await read(kernel, before.value);
    if (!value.ok) return toResult(value);
    const after = await kernel.client.generation();
    if (!after.ok) return toResult(after);
    if (after.value === before.value) return value;
  }
  const message = 'the rule set kept changing while it was listed';
  return fail(backendError('busy', 'NFT_MSG_GETRULE', message, { kernel: 'unchanged' }));
}

function structureOf({ generation, chains, rules, sets }: Parts): Structure {
  const identity = [
    ...chains.map(({ name, handle, chain }) => `${name} ${handle} ${chain.base?.policy ?? ''}`),
    ...rules.map(({ chain, handle }) => `${chain} ${handle}`),
    ...sets.map(({ name, flags, keyType }) => `${name} ${flags} ${keyType}`),
  ].join('\n');
  const counted = sets.filter(({ count }) => count !== undefined);
  return { generation, identity, counts: new Map(counted.map(({ name, count = 0 }) => [name, count])) };
}

async function observe(kernel: Kernel, wanted: readonly SetDeclaration[]): Promise<Result<Observed>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const parts = await readParts(kernel);
    if (!parts.ok) return parts;
    const elements = await readElements(kernel, parts.value, wanted);
    if (!elements.ok && elements.error.code !== 'not-found') return toResult(elements);
    const after = await kernel.client.generation();
    if (!after.ok) return toResult(after);
    if (!elements.ok || after.value !== parts.value.generation) continue;
    return succeed(observedOf(parts.value, elements.value));
  }
  const message = 'the rule set kept changing while it was listed';
  return fail(backendError('busy', 'NFT_MSG_GETSETELEM', message, { kernel: 'unchanged' }));
}

function observedOf(parts: Parts, elements: Observed['elements']): Observed {
  return {
    ...structureOf(parts),
    exists: parts.chains.length + parts.sets.length > 0,
    chains: new Map(parts.chains.map(({ name, chain }) => [name, chain])),
    sets: new Map(parts.sets.map((set) => [set.name, stateSignature(set)])),
    elements,
  };
}

async function readElements(
  { client, family }: Kernel,
  { sets }: Parts,
  wanted: readonly SetDeclaration[],
): Promise<NetlinkResult<Observed['elements']>> {
  const all = new Map<string, ReadonlyMap<string, string>>();
  for (const declaration of wanted) {
    if (!sets.some(({ name }) => name === declaration.name)) continue;
    const listed = await client.listElements(tableOf(family), declaration.name);
    if (!listed.ok) return listed;
    const texts = listed.value.map((element) => decodeElement(declaration, element));
    all.set(declaration.name, new Map(texts.map(({ key, data }) => [key, data])));
  }
  return { ok: true, value: all };
}
