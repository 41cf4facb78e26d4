/**
 * Whether other processes write nf_tables: its generation counts every commit of the network namespace, and the number of
 * commits of this process is known from the input of `iptables-restore`, which commits once for each table.
 */
import { backendError, type BackendError } from '@signalbox/core';
import { createNftablesClient, type NftablesClient } from '@signalbox/netlink';
import type { RestoreInput } from '../encode/restore-input.ts';

/** The number of commits to nf_tables by other processes, or why it is not available (NFT_MSG_GETGEN). */
export type OtherCommits =
  /** Differs from the last result if another process has committed since. */
  | { readonly kind: 'counted'; readonly total: number }
  /** This process is writing: the count is not known until the write ends. */
  | { readonly kind: 'writing' }
  | { readonly kind: 'unavailable'; readonly error: BackendError };

/** Commits of this process; both families' drivers write the same nf_tables. */
export interface OwnCommits {
  /** Writes in progress. */
  writing: number;
  /** Writes begun so far. */
  begun: number;
  committed: number;
}

export function createOwnCommits(): OwnCommits {
  return { writing: 0, begun: 0, committed: 0 };
}

/** A process is in one network namespace; commands that a prefix runs in another one are not counted here. */
export const PROCESS_COMMITS: OwnCommits = createOwnCommits();

/** Runs a write and counts its commits: all of them if it succeeds, none otherwise. */
export async function countCommits<T>(
  own: OwnCommits,
  input: RestoreInput,
  write: (counted: RestoreInput) => Promise<{ readonly isDone: boolean; readonly value: T }>,
): Promise<T> {
  const counted = countTables(input);
  own.writing++;
  own.begun++;
  try {
    const { isDone, value } = await write(counted.input);
    if (isDone) own.committed += counted.tables();
    return value;
  } finally {
    own.writing--;
  }
}

const COMMIT = '\nCOMMIT\n';

function countTables(input: RestoreInput): { readonly input: RestoreInput; readonly tables: () => number } {
  let tables = 0;
  return {
    tables: () => tables,
    input: {
      *[Symbol.iterator]() {
        tables = 0;
        let tail = '';
        for (const piece of input) {
          const text = tail + piece;
          tables += text.split(COMMIT).length - 1;
          tail = text.slice(1 - COMMIT.length);
          yield piece;
        }
      },
    },
  };
}

export async function askOtherCommits(
  client: Pick<NftablesClient, 'generation'>,
  own: OwnCommits,
): Promise<OtherCommits> {
  if (own.writing > 0) return { kind: 'writing' };
  const { begun } = own;
  const answer = await client.generation();
  if (!answer.ok) {
    const { code, operation, message } = answer.error;
    return { kind: 'unavailable', error: backendError(code, operation, message, { kernel: 'unchanged' }) };
  }
  if (own.begun !== begun) return { kind: 'writing' };
  return { kind: 'counted', total: answer.value - own.committed };
}

/** Opens its socket at the first query. */
export function createCommitReader(own: OwnCommits): {
  readonly read: () => Promise<OtherCommits>;
  readonly close: () => void;
} {
  let client: NftablesClient | null = null;
  return {
    read: () => askOtherCommits((client ??= createNftablesClient()), own),
    close() {
      client?.close();
      client = null;
    },
  };
}
