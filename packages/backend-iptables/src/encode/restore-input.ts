import type { TableName } from '../objects/rule.ts';

/** One line's worth of work for `iptables-restore --noflush`. */
export type RestoreOperation =
  /** Creates the chain if need be and makes this its whole content. */
  | { readonly kind: 'write'; readonly chain: string; readonly rules: readonly string[] }
  /** Creates the chain if need be; keeps nothing in it. */
  | { readonly kind: 'flush'; readonly chain: string }
  /** Empties and removes the chain, which must exist. */
  | { readonly kind: 'delete'; readonly chain: string }
  /** Puts a rule first in a chain that exists. */
  | { readonly kind: 'insert'; readonly chain: string; readonly rule: string }
  /** Takes away one rule, which must be there. */
  | { readonly kind: 'remove'; readonly chain: string; readonly rule: string };

export interface TableInput {
  readonly table: TableName;
  readonly operations: readonly RestoreOperation[];
}

/**
 * Input for `iptables-restore --noflush`. Each table is one transaction: all of its lines or none.
 * Declaring a chain empties it, so declarations come first, then rules, then deletions.
 */
export function encodeRestore(tables: readonly TableInput[]): string {
  return tables.map(encodeTable).join('');
}

function encodeTable(input: TableInput): string {
  const declare: string[] = [];
  const rules: string[] = [];
  const remove: string[] = [];
  for (const operation of input.operations) {
    switch (operation.kind) {
      case 'write':
        declare.push(`:${operation.chain} - [0:0]\n`);
        for (const rule of operation.rules) rules.push(line(`-A ${operation.chain}`, rule));
        break;
      case 'flush':
        declare.push(`:${operation.chain} - [0:0]\n`);
        break;
      case 'delete':
        declare.push(`:${operation.chain} - [0:0]\n`);
        remove.push(`-X ${operation.chain}\n`);
        break;
      case 'insert':
        rules.push(line(`-I ${operation.chain}`, operation.rule));
        break;
      case 'remove':
        rules.push(line(`-D ${operation.chain}`, operation.rule));
        break;
    }
  }
  return `*${input.table}\n${declare.join('')}${rules.join('')}${remove.join('')}COMMIT\n`;
}

function line(start: string, rule: string): string {
  return rule === '' ? `${start}\n` : `${start} ${rule}\n`;
}
