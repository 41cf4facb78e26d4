/** A fake kernel behind the driver's interface: one table, a generation, refusals, and failures on request. */
import { backendError, type BackendError, fail, type Family, succeed } from '@signalbox/core';
import { chainRules } from '../encode/chain-rules.ts';
import { requestGroups } from '../encode/operation-requests.ts';
import { expectedState } from '@signalbox/netlink';
import { observedSet } from '../encode/set-signature.ts';
import type { Capabilities } from '../compile/context.ts';
import type { Commit, Committed, CountedElement, NftablesDriver, Work } from '../driver/nftables-driver.ts';
import {
  isDynamic,
  type IsExpected,
  type Observed,
  type ObservedElements,
  type Structure,
} from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';
import { elementId, type SetDeclaration } from '../objects/ruleset.ts';
import { siftElements } from './sift-elements.ts';
import { applyOperation, copyTable, emptyTable, type FakeTable, Refusal } from './fake-table.ts';

/** The fake kernel: its driver, its table, and changes by other processes. */
export interface FakeNftables {
  readonly driver: NftablesDriver;
  /** `null`: there is no table. */
  readonly table: FakeTable | null;
  /** Batches that were taken. */
  readonly commits: number;
  /** Requests of those batches. */
  readonly requests: number;
  /** Another process's commit: to this table with an operation, to others without. */
  byOthers(...operations: readonly Operation[]): void;
  /** Another process deletes the table, or everything. */
  deleteByOthers(): void;
  /** Another process sets `flags dormant`. */
  putToSleepByOthers(): void;
  /** Packets that the element of this set counts from now on. */
  count(set: string, key: string, packets: number): void;
  /** The next commit fails like this. */
  failNext(kernel: BackendError['kernel']): void;
  /** Failures asked for that have not happened yet. */
  readonly failuresLeft: number;
}

/** What the fake kernel supports and refuses. */
export interface FakeOptions {
  readonly family: Family;
  /** All by default. */
  readonly capabilities?: Capabilities;
  /** Whether an operation of this name fails now. */
  readonly faults?: (operation: string) => boolean;
  /** Whether the kernel refuses this element, for good. */
  readonly refuses?: (set: string, key: string) => boolean;
  /** Whether the kernel still holds what this operation deletes, as those before 6.2 do for a while. */
  readonly holds?: (operation: Operation) => boolean;
  /** Linux before 6.17 does not count elements. */
  readonly counts?: boolean;
}

const ALL: Capabilities = { concatenatedIntervals: true, elementCounters: true, clientHash: true };

interface State {
  table: FakeTable | null;
  generation: number;
  commits: number;
  requests: number;
  failures: BackendError['kernel'][];
  /** By `elementId`. */
  readonly counters: Map<string, number>;
}

/** A fake kernel without a table, at generation 1. */
export function createFakeNftables(options: FakeOptions): FakeNftables {
  const state: State = {
    table: null,
    generation: 1,
    commits: 0,
    requests: 0,
    failures: [],
    counters: new Map(),
  };
  return {
    driver: createDriver(options, state),
    get table() {
      return state.table;
    },
    get commits() {
      return state.commits;
    },
    get requests() {
      return state.requests;
    },
    byOthers(...operations) {
      state.generation++;
      for (const operation of operations) applyOperation(tableOf(state), operation);
    },
    deleteByOthers() {
      state.generation++;
      state.table = null;
    },
    putToSleepByOthers() {
      state.generation++;
      tableOf(state).dormant = true;
    },
    count: (set, key, packets) => void state.counters.set(elementId(set, key), packets),
    failNext: (kernel) => void state.failures.push(kernel),
    get failuresLeft() {
      return state.failures.length;
    },
  };
}

function tableOf(state: State): FakeTable {
  state.table ??= emptyTable();
  return state.table;
}

function createDriver(options: FakeOptions, state: State): NftablesDriver {
  const { family, capabilities = ALL } = options;
  const fails = (operation: string): boolean => options.faults?.(operation) === true;
  const answer = <T>(operation: string, value: () => T) =>
    fails(operation) ? fail(failure(operation, 'unchanged')) : succeed(value());
  return {
    family,
    probe: () => Promise.resolve(answer('probe', () => capabilities)),
    generation: () => Promise.resolve(answer('generation', () => state.generation)),
    structure: () => Promise.resolve(answer('structure', () => structureOf(options, state))),
    observe: (sets, isExpected = () => false) =>
      Promise.resolve(answer('observe', () => observedOf(options, state, { sets, isExpected }))),
    readCounters: (sets, isAskedFor) =>
      Promise.resolve(answer('counters', () => countersOf(options, state, { sets, isExpected: isAskedFor }))),
    commit: (work) => Promise.resolve(commit(options, state, work)),
    trial: (work) => Promise.resolve(trial(options, work)),
    deleteTable: () =>
      Promise.resolve(
        answer('delete-table', () => {
          const existed = state.table !== null;
          state.table = null;
          if (existed) state.generation++;
          return existed;
        }),
      ),
    close: () => undefined,
  };
}

function failure(operation: string, kernel: BackendError['kernel']): BackendError {
  return backendError('busy', operation, 'failed on request', { kernel });
}

function commit(options: FakeOptions, state: State, work: Commit): Committed {
  const { generation } = state;
  const so = { generation, batches: 0 };
  if (work.ownCommits.latestSince(work.generation) !== generation) return { ...so, result: 'stale' };
  const [asked, ...more] = state.failures;
  state.failures = more;
  const kernel = asked ?? (options.faults?.('commit') === true ? 'unchanged' : undefined);
  if (kernel === 'unchanged') return { ...so, result: fail(failure('commit', kernel)) };
  const next = state.table === null ? emptyTable() : copyTable(state.table);
  const refused = applyAll(options, next, work.operations);
  if (refused !== null) return { ...so, result: fail(refused) };
  state.table = next;
  state.generation++;
  // Taken, but the answer did not arrive.
  if (kernel === 'unknown') return { ...so, result: fail(failure('commit', kernel)) };
  work.ownCommits.add(generation, state.generation);
  state.commits++;
  state.requests += requestsOf(options, work);
  return { generation: state.generation, batches: 1, result: succeed(null) };
}

/** As many as would travel: what a change costs. */
function requestsOf({ family }: FakeOptions, { operations, sets }: Commit): number {
  const groups = requestGroups(operations, { family, sets });
  return [...groups].reduce((sum, group) => sum + group.length, 0);
}

function trial(options: FakeOptions, { operations }: Work) {
  const error = applyAll(options, emptyTable(), operations);
  return error === null ? succeed(null) : fail(error);
}

function applyAll(
  { refuses, holds }: FakeOptions,
  table: FakeTable,
  operations: readonly Operation[],
): BackendError | null {
  try {
    for (const operation of operations) {
      checkRefused(operation, refuses);
      if (holds?.(operation) === true) throw new Refusal('EBUSY', operation.kind);
      applyOperation(table, operation);
    }
    return null;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return backendError(CODES[error.errnoName], operationOf(error), error.message, { kernel: 'unchanged' });
  }
}

function checkRefused(operation: Operation, refuses: FakeOptions['refuses']): void {
  if (operation.kind !== 'add-elements' && operation.kind !== 'replace-elements') return;
  const refused = operation.entries.find(({ key }) => refuses?.(operation.set, key) === true);
  if (refused !== undefined) throw new Refusal('EINVAL', `element ${refused.key}`);
}

/** As the driver names the request that was refused, where it matters which one it was. */
function operationOf({ errnoName }: Refusal): string {
  return errnoName === 'EBUSY' ? 'NFT_MSG_DELCHAIN' : 'commit';
}

const CODES = { ENOENT: 'not-found', EEXIST: 'exists', EBUSY: 'busy', EINVAL: 'rejected' } as const;

function structureOf({ counts = true }: FakeOptions, { table, generation }: State): Structure {
  const chains = [...(table?.chains ?? [])].map(
    ([name, { handle, chain }]) => `${name} ${handle} ${chain.base?.policy ?? ''}`,
  );
  const sets = [...(table?.sets ?? [])];
  return {
    generation,
    identity: [table?.dormant === true ? 'dormant' : 'active', ...chains, ...sets.map(([name]) => name)].join(
      '\n',
    ),
    counts: new Map(
      counts
        ? sets.filter(([name]) => !isDynamic(name)).map(([name, { elements }]) => [name, elements.size])
        : [],
    ),
  };
}

interface Reading {
  readonly sets: readonly SetDeclaration[];
  readonly isExpected: IsExpected;
}

function observedOf(options: FakeOptions, state: State, reading: Reading): Observed {
  const { table } = state;
  const chains = [...(table?.chains ?? [])].map(([name, { chain }]) => {
    const { base } = chain;
    const rules = chainRules(chain, options.family);
    return [name, base === undefined ? { rules } : { rules, base }] as const;
  });
  const sets = [...(table?.sets ?? [])];
  return {
    ...structureOf(options, state),
    quality: 'consistent',
    exists: table !== null,
    dormant: table?.dormant === true,
    chains: new Map(chains),
    sets: new Map(sets.map(([name, { declaration }]) => [name, observedSet(expectedState(declaration))])),
    elements: elementsOf(state, reading),
  };
}

function elementsOf({ table }: State, { sets, isExpected }: Reading): ObservedElements {
  const asked = sets.flatMap(({ name }) => {
    const held = table?.sets.get(name);
    return held === undefined ? [] : [[name, held.elements] as const];
  });
  return siftElements(asked, isExpected);
}

function countersOf(
  { capabilities = ALL }: FakeOptions,
  { table, counters }: State,
  { sets, isExpected: isAskedFor }: Reading,
): readonly CountedElement[] {
  return sets.flatMap(({ name, counter }) =>
    [...(table?.sets.get(name)?.elements ?? [])]
      .filter(([key, data]) => isAskedFor(name, key, data))
      .map(([key, data]): CountedElement => {
        const isCounted = capabilities.elementCounters && counter === true;
        return {
          set: name,
          key,
          data,
          packets: isCounted ? (counters.get(elementId(name, key)) ?? 0) : null,
        };
      }),
  );
}
