/**
 * Listens to `xtables-monitor`, which prints every change of the kernel's nf_tables and the process that made it. It is part of
 * iptables 1.8. (`nft monitor` tells the same, but first reads every rule there is: at 110,000 of them it is deaf for
 * seconds and keeps 300 MB.)
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Family } from '@signalbox/core';
import type { MonitorHandlers, Removal } from './iptables-driver.ts';
import type { OwnProcesses } from './own-processes.ts';

export interface XtablesMonitorOptions {
  readonly family: Family;
  readonly commandPrefix: readonly string[];
  readonly isOwn: OwnProcesses['isOwn'];
  readonly handlers: MonitorHandlers;
}

/** Before 1.8.11 it keeps what it prints until 4 kB have come together. */
const LINE_BUFFERED =
  'command -v stdbuf > /dev/null && exec stdbuf -oL xtables-monitor "$@"; exec xtables-monitor "$@"';

/** Starts to listen; the answer stops it. `onLost` is called once if it ends by itself. */
export function createXtablesMonitor(options: XtablesMonitorOptions): () => void {
  const { family, commandPrefix, isOwn, handlers } = options;
  const words = ['sh', '-c', LINE_BUFFERED, 'sh', '--event', family === 'IPv4' ? '-4' : '-6'];
  const [file = '', ...args] = [...commandPrefix, ...words];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const reader = createTransactionReader(family, (transaction) => {
    if (transaction.removals.length > 0 && !isOwn(transaction)) handlers.onRemovals(transaction.removals);
  });
  let over = false;
  let complaint = '';
  const end = (reason: string): void => {
    if (over) return;
    over = true;
    // The socket's buffer holds some 300 rules.
    handlers.onLost(reason, complaint.includes('No buffer space') ? 'overrun' : 'ended');
  };
  createInterface({ input: child.stdout }).on('line', reader);
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = `${complaint}${bytes.toString()}`.slice(-500);
  });
  // It would outlive us until it next has something to print.
  const kill = (): boolean => child.kill();
  process.once('exit', kill);
  child.once('error', (error) => end(error.message));
  child.once('close', (status) => {
    process.off('exit', kill);
    end(`xtables-monitor ended with status ${status ?? 'unknown'}: ${complaint.trim()}`);
  });
  return () => {
    over = true;
    kill();
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
  const [option, word] = family === 'IPv4' ? ['-4', 'ip'] : ['-6', 'ip6'];
  const removal = new RegExp(`^ EVENT: ${option} -t (\\S+) -[DX] (\\S+)`);
  const wholeTable = new RegExp(`^ EVENT: nft: DEL table: table (\\S+) ${word} `);
  let removals = new Map<string, Removal>();
  return (line) => {
    const [, table, chain = null] = removal.exec(line) ?? wholeTable.exec(line) ?? [];
    if (table !== undefined) {
      removals.set(`${table} ${chain ?? ''}`, { table, chain });
      return;
    }
    const generation = /^NEWGEN: GENID=\d+ PID=(\d+)(?: NAME=(.*))?/.exec(line);
    if (generation === null) return;
    const seen = [...removals.values()];
    removals = new Map();
    onTransaction({ pid: Number(generation[1]), program: generation[2] ?? '', removals: seen });
  };
}
