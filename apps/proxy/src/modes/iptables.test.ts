import { createExecDriver, type IptablesDriver } from '@signalbox/backend-iptables';
import { backendError, type BackendError, type Family } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { probeIptables } from './iptables.ts';

const LOCKED = 'Another app is currently holding the xtables lock. Stopped waiting after 5s.';
const BUSY = backendError('busy', 'iptables', `exit status 4: ${LOCKED}`);
const NO_TABLE = backendError('rejected', 'iptables', 'exit status 3: Table does not exist');

/** Answers with these errors in order, the last one for ever; `null`: it works. */
function scripted(family: Family, ...answers: (BackendError | null)[]): IptablesDriver {
  return {
    ...createExecDriver({ family }),
    hasChain: () => {
      const error = (answers.length > 1 ? answers.shift() : answers[0]) ?? null;
      return Promise.resolve(error === null ? { ok: true, value: true } : { ok: false, error });
    },
  };
}

/** Every command is this one instead: status and standard error as iptables would have them. */
function replaced(family: Family, script: string): IptablesDriver {
  return createExecDriver({ family, variant: 'nft', commandPrefix: ['sh', '-c', script] });
}

async function probe(drivers: Record<Family, IptablesDriver>) {
  const clock = createManualClock();
  const began = clock.now();
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const files = { read: () => '0', write: () => undefined };
  const state = { done: false };
  const asked = probeIptables({ clock, logger, files, openDriver: (family) => drivers[family] });
  const support = asked.finally(() => (state.done = true));
  while (!state.done) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    clock.advance(clock.pending.length === 0 ? 0 : 1000);
  }
  return { lines, ...(await support), seconds: (clock.now() - began) / 1000 };
}

describe('which families work', () => {
  it('F96: a lock that is held for a while switches no family off', async () => {
    const { families, reasons, lines } = await probe({
      IPv4: scripted('IPv4', BUSY, BUSY, null),
      IPv6: scripted('IPv6', null),
    });
    expect([families, reasons]).toEqual([['IPv4', 'IPv6'], []]);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^W.*"iptables is not usable yet" err="iptables: exit status 4: Another app.*\(busy\)"/,
    );
    expect(lines.map((line) => /family.*/.exec(line)?.[0])).toEqual([
      'family="IPv4" retry="in 1s"',
      'family="IPv4" retry="in 2s"',
    ]);
  });

  it('F96: one that is held for a minute does, with the reason', async () => {
    const { families, reasons, seconds } = await probe({
      IPv4: scripted('IPv4', BUSY),
      IPv6: scripted('IPv6', null),
    });
    expect(families).toEqual(['IPv6']);
    expect(reasons).toEqual([`no IPv4: iptables: exit status 4: ${LOCKED} (busy)`]);
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('F96: a permanent failure is reported at once', async () => {
    const { families, reasons, lines, seconds } = await probe({
      IPv4: scripted('IPv4', NO_TABLE),
      IPv6: createExecDriver({ family: 'IPv6', variant: 'nft', commandPrefix: ['/no/such/tool'] }),
    });
    expect([families, lines, seconds]).toEqual([[], [], 0]);
    expect(reasons[1]).toContain('ENOENT');
  });

  it('the output of a tool that is locked out or killed is understood', async () => {
    const { reasons, lines } = await probe({
      IPv4: replaced('IPv4', `echo '${LOCKED}' >&2; exit 4`),
      IPv6: replaced('IPv6', 'kill -9 $$'),
    });
    expect(reasons[0]).toContain(`${LOCKED} (busy)`);
    expect(reasons[1]).toContain('killed by SIGKILL (unavailable)');
    const retried = new Set(lines.map((line) => /family="(.*?)"/.exec(line)?.[1]));
    expect(retried).toEqual(new Set(['IPv4', 'IPv6']));
  });

  it('names the kernel module that is missing, and what works without it', async () => {
    const { families, reasons, warnings } = await probe({
      IPv4: withoutModule('IPv4', '--dst-type LOCAL'),
      IPv6: withoutModule('IPv6', '-m recent'),
    });
    expect(families).toEqual(['IPv6']);
    expect(reasons).toEqual([
      expect.stringMatching(/^no IPv4: .*kernel module xt_addrtype is missing.*nftables/),
    ]);
    expect(warnings).toContain('IPv6: kernel module xt_recent is missing, no rules for session affinity');
  });
});

/** A node on which no Service has rules yet, with a kernel that takes no rule with these words. */
function withoutModule(family: Family, words: string): IptablesDriver {
  const done = { ok: true, value: null } as const;
  const error = backendError('rejected', 'iptables-restore', 'exit status 1');
  return {
    ...createExecDriver({ family }),
    probe: async () => ({ ok: true, value: { variant: 'nft', version: '1.8.9', randomFully: true } }),
    hasChain: async (_, chain) => ({ ok: true, value: chain === 'POSTROUTING' }),
    restore: async (input) => ([...input].join('').includes(words) ? { ok: false, error } : done),
  };
}
