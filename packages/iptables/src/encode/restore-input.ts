import type { TableName } from '../objects/rule.ts';

/** One operation of `iptables-restore --noflush`. */
export type RestoreOperation =
  /** Creates the chain if necessary and replaces its content with these rules. */
  | { readonly kind: 'write'; readonly chain: string; readonly rules: readonly string[] }
  /** Creates a chain that must not exist: rules that another process has added to it by then are not lost. */
  | { readonly kind: 'create'; readonly chain: string }
  /** Creates the chain if necessary; removes all of its rules. */
  | { readonly kind: 'flush'; readonly chain: string }
  /** Empties and removes the chain, which must exist. */
  | { readonly kind: 'delete'; readonly chain: string }
  /** Inserts a rule at the head of a chain that exists. */
  | { readonly kind: 'insert'; readonly chain: string; readonly rule: string }
  /** Deletes one rule, which must exist. */
  | { readonly kind: 'remove'; readonly chain: string; readonly rule: string };

/** The operations of one transaction. Their order counts only among rules: see `encodeRestore`. */
export interface TableInput {
  readonly table: TableName;
  readonly operations: readonly RestoreOperation[];
}

/** Text in pieces of any size, so that a large one is never in memory as a whole. A string is allowed. Read more than once. */
export type RestoreInput = Iterable<string>;

/**
 * Input for `iptables-restore --noflush`, line by line. Each table is one transaction: all of its lines are applied or none.
 * A declaration of a chain empties it, so declarations come first, then rules, then deletions.
 *
 * Throws, before anything is written, if a name or a rule would not stay on its line.
 */
export function encodeRestore(tables: readonly TableInput[]): RestoreInput {
  for (const { operations } of tables) operations.forEach(checkOperation);
  return {
    *[Symbol.iterator]() {
      for (const table of tables) yield* encodeTable(table);
    },
  };
}

/** The last defence against injection: callers pass values that are already validated. */
function checkOperation(operation: RestoreOperation): void {
  checkLine(operation.chain);
  if (operation.kind === 'write') operation.rules.forEach(checkRule);
  if (operation.kind === 'insert') checkRule(operation.rule);
  // As the tool listed it: a comment of another process may contain any other characters.
  if (operation.kind === 'remove') checkLine(operation.rule);
}

function checkRule(text: string): void {
  // oxlint-disable-next-line no-control-regex -- these are what is refused
  if (/[\0-\x1f\x7f]/.test(text)) throw new RangeError(`control character in rule ${JSON.stringify(text)}`);
}

function checkLine(text: string): void {
  if (text.includes('\n') || text.includes('\0')) {
    throw new RangeError(`more than one line: ${JSON.stringify(text)}`);
  }
}

/** The whole input as one string. */
export function restoreText(input: RestoreInput): string {
  return typeof input === 'string' ? input : [...input].join('');
}

function* encodeTable({ table, operations }: TableInput): Generator<string> {
  yield `*${table}\n`;
  for (const { kind, chain } of operations) {
    if (kind === 'write' || kind === 'flush' || kind === 'delete') yield `:${chain} - [0:0]\n`;
    if (kind === 'create') yield `-N ${chain}\n`;
  }
  for (const operation of operations) yield* rulesOf(operation);
  for (const { kind, chain } of operations) {
    if (kind === 'delete') yield `-X ${chain}\n`;
  }
  yield 'COMMIT\n';
}

function* rulesOf(operation: RestoreOperation): Generator<string> {
  const { chain } = operation;
  switch (operation.kind) {
    case 'write':
      for (const rule of operation.rules) yield line(`-A ${chain}`, rule);
      break;
    case 'insert':
      yield line(`-I ${chain}`, operation.rule);
      break;
    case 'remove':
      yield line(`-D ${chain}`, operation.rule);
      break;
    case 'create':
    case 'flush':
    case 'delete':
  }
}

function line(start: string, rule: string): string {
  return rule === '' ? `${start}\n` : `${start} ${rule}\n`;
}
