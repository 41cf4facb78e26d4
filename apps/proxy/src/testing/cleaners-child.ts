/** Cleaners of modes that write iptables, in a process of its own: tests run it in another network namespace. */
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import type { Family } from '@signalbox/core';
import { serveRemote } from '@signalbox/netns/remote';
import { IPTABLES } from '../modes/iptables.ts';
import { IPVS } from '../modes/ipvs.ts';
import type { Successor } from '../modes/proxy-mode.ts';
import { settingsOf } from './settings.ts';

const MODES = { iptables: IPTABLES, ipvs: IPVS } as const;

/** A mode that runs with rules in the nft variant in these families. */
export interface RunningMode {
  readonly mode: string;
  readonly families: readonly Family[];
}

function successorOf({ mode, families }: RunningMode): Successor {
  const rules = { isOwnChain: () => false, isOwnJump: () => false };
  return {
    mode,
    rules: (family) => (families.includes(family) ? { variant: 'nft', rules } : null),
    keepConnections: false,
  };
}

const served = {
  /** Changes the table nat. A table that does not exist is created by the query. */
  async query(program: string, ...words: readonly string[]): Promise<void> {
    execFileSync(program, ['-w', '-t', 'nat', ...words]);
  },
  /** What each cleaner of the mode has removed, or the code of its error. */
  async clean(mode: keyof typeof MODES, options: { readonly path: string; readonly by?: RunningMode }) {
    const held = process.env['PATH'];
    process.env['PATH'] = options.path;
    try {
      const by = options.by === undefined ? undefined : successorOf(options.by);
      const cleaners = MODES[mode].cleaners(settingsOf([]), by).filter(({ family }) => family !== null);
      const results = await Promise.all(cleaners.map((each) => each.clean()));
      return results.map((result) => (result.outcome === 'ok' ? result.removed : result.error.code));
    } finally {
      process.env['PATH'] = held;
    }
  },
};
export type Cleaners = typeof served;

serveRemote(served, () => process.exit(0));
