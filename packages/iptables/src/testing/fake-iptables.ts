import { backendError, type BackendError, fail, type Family, type Result, succeed } from '@signalbox/core';
import { encodeRule } from '../encode/rule-text.ts';
import { parseRule } from '../encode/parse-rule.ts';
import { UNLISTED_RULE } from '../encode/parse-save.ts';
import { restoreText } from '../encode/restore-input.ts';
import { type IptablesDriver, type Variant } from '../driver/iptables-driver.ts';
import { BUILTIN_CHAINS, TABLES, type TableName } from '../objects/rule.ts';
import { createFakeKernel, type FakeKernel, type FakeTable } from './fake-kernel.ts';

/**
 * Decides whether an operation fails. Operations: `iptables-save`; `iptables-restore` (the lock is not acquired,
 * nothing is done); `iptables-restore TABLE` (refused at this table, earlier ones are applied);
 * `iptables-restore end` (everything is written, but the caller gets a timeout).
 */
export type FakeFaults = (operation: string) => boolean;

/** The family, variant and faults of a fake. */
export interface FakeIptablesOptions {
  /** IPv4: `iptables`; IPv6: `ip6tables`. */
  readonly family: Family;
  /** Default `nft`. */
  readonly variant?: Variant;
  /** Default: no operation fails. */
  readonly faults?: FakeFaults;
  /** The other variant of the tool; absent: it is not installed. */
  readonly other?: FakeIptables;
}

/** A driver on a fake kernel, and the access of tests to that kernel. */
export interface FakeIptables {
  readonly driver: IptablesDriver;
  readonly kernel: FakeKernel;
  /** Inputs of `iptables-restore` so far. */
  readonly inputs: readonly string[];
  /** A write by another program: the input of `iptables-restore --noflush`. Throws on a refusal. */
  readonly byOthers: (input: string) => void;
  /** `iptables-save` of one table. */
  readonly dump: (table: TableName) => string;
  /** All tables, one after the other. */
  readonly dumpAll: () => string;
  /** `nat POSTROUTING`: chains with rules that the tool cannot express, so that it can list none of their rules. */
  readonly unlisted: Set<string>;
  /** Packets that rules have counted, by chain and text: `KUBE-SEP-ABC -p tcp …`; 0 where absent. */
  readonly packets: Map<string, number>;
}

/** iptables without a kernel: same interface, same refusals. */
export function createFakeIptables(options: FakeIptablesOptions): FakeIptables {
  const kernel = createFakeKernel(options.family);
  const inputs: string[] = [];
  const others = { commits: 0 };
  const unlisted = new Set<string>();
  const packets = new Map<string, number>();
  const dump = (table: TableName): string => dumpTable(table, kernel.table(table));
  return {
    driver: createFakeDriver({ options, kernel, inputs, others, unlisted, packets }),
    unlisted,
    packets,
    kernel,
    inputs,
    dump,
    dumpAll: () => TABLES.map(dump).join(''),
    byOthers(input) {
      const refusal = applyBlocks(kernel, input, () => false);
      if (refusal !== null) throw new Error(refusal.reason);
      others.commits++;
    },
  };
}

interface FakeParts {
  readonly options: FakeIptablesOptions;
  readonly kernel: FakeKernel;
  readonly inputs: string[];
  readonly others: { commits: number };
  readonly unlisted: ReadonlySet<string>;
  readonly packets: ReadonlyMap<string, number>;
}

function createFakeDriver({ options, kernel, inputs, others, unlisted, packets }: FakeParts): IptablesDriver {
  const { family, variant = 'nft', faults = () => false } = options;
  const dump = (table: TableName): string => dumpTable(table, listed(table, kernel.table(table), unlisted));
  return {
    family,
    probe: async () => succeed({ variant, version: '1.8.9', randomFully: true }),
    async save(onLine, _timeLimit, counters) {
      if (faults('iptables-save')) {
        return fail(backendError('busy', 'iptables-save', 'fault', { kernel: 'unchanged' }));
      }
      const take = (line: string): void => onLine(counters === undefined ? line : counted(line, packets));
      for (const table of TABLES) dump(table).split('\n').forEach(take);
      return succeed(null);
    },
    async saveChains(table, chains, onLine) {
      if (faults('iptables-save')) return refuse('busy', 'fault', 'unchanged');
      dumpSome(table, listed(table, kernel.table(table), unlisted), chains).forEach(onLine);
      return succeed(null);
    },
    async restore(pieces) {
      const input = restoreText(pieces);
      inputs.push(input);
      if (faults('iptables-restore')) return refuse('busy', 'the xtables lock is held', 'unchanged');
      const refusal = applyBlocks(kernel, input, faults);
      if (refusal !== null) return refuse('rejected', refusal.reason, refusal.kernel);
      if (faults('iptables-restore end'))
        return refuse('timeout', 'did not exit within the time limit', 'unknown');
      return succeed(null);
    },
    hasChain: async (table, chain) => succeed(kernel.table(table).has(chain)),
    hasRule: async (table, chain, rule) => {
      const desired = encodeRule(parseRule(rule), family);
      const rules = kernel.table(table).get(chain) ?? [];
      return succeed(rules.some(({ text }) => text === desired));
    },
    otherVariant: async () => options.other?.driver ?? null,
    otherCommits: async () => ({ kind: 'counted', total: others.commits }),
    close: async () => {},
  };
}

function counted(line: string, packets: ReadonlyMap<string, number>): string {
  return line.startsWith('-A ') ? `[${packets.get(line.slice(3)) ?? 0}:0] ${line}` : line;
}

function refuse(code: BackendError['code'], reason: string, kernel: BackendError['kernel']): Result<null> {
  return fail(backendError(code, 'iptables-restore', reason, { kernel }));
}

/** Table by table; the first that is refused ends the call, tables before it are applied. */
function applyBlocks(
  kernel: FakeKernel,
  input: string,
  faults: FakeFaults,
): { readonly reason: string; readonly kernel: BackendError['kernel'] } | null {
  const blocks = splitBlocks(input);
  if (typeof blocks === 'string') return { reason: blocks, kernel: 'unchanged' };
  for (const [index, { table, lines, firstLine }] of blocks.entries()) {
    const state = index === 0 ? 'unchanged' : 'unknown';
    if (faults(`iptables-restore ${table}`)) return { reason: 'fault', kernel: state };
    const refusal = kernel.apply(table, lines, firstLine);
    if (refusal !== null) return { reason: `line ${refusal.line}: ${refusal.reason}`, kernel: state };
  }
  return null;
}

interface Block {
  readonly table: TableName;
  readonly lines: readonly string[];
  readonly firstLine: number;
}

function splitBlocks(input: string): readonly Block[] | string {
  const blocks: Block[] = [];
  let open: { table: TableName; lines: string[]; firstLine: number } | null = null;
  for (const [index, line] of input.split('\n').entries()) {
    if (line.startsWith('*')) {
      const table = TABLES.find((name) => name === line.slice(1));
      if (table === undefined) return `line ${index + 1}: no table ${line.slice(1)}`;
      open = { table, lines: [], firstLine: index + 2 };
    } else if (line === 'COMMIT' && open !== null) {
      blocks.push(open);
      open = null;
    } else if (open !== null) open.lines.push(line);
    else if (line !== '' && !line.startsWith('#')) return `line ${index + 1}: outside of a table`;
  }
  return open === null ? blocks : 'COMMIT is missing';
}

const UNLISTED = [{ text: UNLISTED_RULE, rule: parseRule(UNLISTED_RULE) }];

function listed(table: TableName, chains: FakeTable, unlisted: ReadonlySet<string>): FakeTable {
  return new Map(
    [...chains].map(([name, rules]) => [name, unlisted.has(`${table} ${name}`) ? UNLISTED : rules]),
  );
}

function dumpSome(table: TableName, held: FakeTable, names: readonly string[]): readonly string[] {
  return dumpTable(table, new Map(names.map((name) => [name, held.get(name) ?? UNLISTED]))).split('\n');
}

function dumpTable(table: TableName, chains: FakeTable): string {
  const policies = [...chains.keys()].map((name) =>
    BUILTIN_CHAINS[table].includes(name) ? `:${name} ACCEPT [0:0]\n` : `:${name} - [0:0]\n`,
  );
  const rules = [...chains].flatMap(([name, held]) =>
    held.map(({ text }) => (text === '' ? `-A ${name}\n` : `-A ${name} ${text}\n`)),
  );
  return `*${table}\n${policies.join('')}${rules.join('')}COMMIT\n`;
}
