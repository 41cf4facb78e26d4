/** Listens to `nft monitor`, which prints every change of the kernel's nf_tables and the process that made it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Family } from '@signalbox/core';
import type { MonitorHandlers, Removal } from './iptables-driver.ts';

export interface NftMonitorOptions {
  readonly family: Family;
  readonly commandPrefix: readonly string[];
  /** Whether one of our own children made this transaction. */
  readonly isOwn: (transaction: MonitoredTransaction) => boolean;
  readonly handlers: MonitorHandlers;
}

/** Starts to listen; the answer stops it. `onLost` is called once if it ends by itself (no `nft` here). */
export function createNftMonitor({ family, commandPrefix, isOwn, handlers }: NftMonitorOptions): () => void {
  const [file, ...args] = [...commandPrefix, 'nft', 'monitor'];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const reader = createTransactionReader(family, (transaction) => {
    if (transaction.removals.length > 0 && !isOwn(transaction)) handlers.onRemovals(transaction.removals);
  });
  let over = false;
  const end = (reason: string): void => {
    if (over) return;
    over = true;
    handlers.onLost(reason);
  };
  createInterface({ input: child.stdout }).on('line', reader);
  child.once('error', (error) => end(error.message));
  child.once('close', (status) => end(`nft monitor ended with status ${status ?? 'unknown'}`));
  return () => {
    over = true;
    child.kill();
  };
}

export interface MonitoredTransaction {
  readonly pid: number;
  /** Name of the program, as far as the kernel keeps it. */
  readonly program: string;
  readonly removals: readonly Removal[];
}

/** Takes the monitor's lines one by one. A transaction's changes come first, then the line that says whose it was. */
export function createTransactionReader(
  family: Family,
  onTransaction: (transaction: MonitoredTransaction) => void,
): (line: string) => void {
  const word = family === 'IPv4' ? 'ip' : 'ip6';
  const removal = new RegExp(`^(?:delete|destroy) (table|chain|rule) ${word} (\\S+)(?: (\\S+))?`);
  let removals = new Map<string, Removal>();
  return (line) => {
    const found = removal.exec(line);
    if (found !== null) {
      const [, kind, table = '', chain = ''] = found;
      removals.set(`${table} ${chain}`, { table, chain: kind === 'table' ? null : chain });
      return;
    }
    const generation = /^# new generation \d+ by process (\d+)(?: \((.*)\))?/.exec(line);
    if (generation === null) return;
    const seen = [...removals.values()];
    removals = new Map();
    onTransaction({ pid: Number(generation[1]), program: generation[2] ?? '', removals: seen });
  };
}
