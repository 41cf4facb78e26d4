import { describe, expect, it } from 'vitest';
import { parseSave } from '../encode/parse-save.ts';
import { encodeRestore } from '../encode/restore-input.ts';
import { encodeRule } from '../encode/rule-text.ts';
import { rule, type Chain, type SharedRule } from '../objects/rule.ts';
import { ACCEPT, DROP, jump, RETURN } from '../objects/target.ts';
import { createFakeIptables } from '../testing/fake-iptables.ts';
import { divideTables, type Ownership } from './owned-rules.ts';
import { reconcileRules, restoreInputs } from './reconcile-rules.ts';

const toOwn = (target: string): SharedRule => ({
  table: 'filter',
  chain: 'INPUT',
  rule: rule([{ kind: 'comment', text: 'own' }], jump(target)),
});
const ownership: Ownership = {
  isOwnChain: (_, name) => name.startsWith('OWN-'),
  isOwnJump: (table, chain, text) =>
    table === 'filter' && chain === 'INPUT' && text.includes('--comment own '),
};
const chain = (name: string, ...rules: Chain['rules']): Chain => ({ table: 'filter', name, rules });

/** Reconciles the listing of the fake, and writes the result. */
async function reconcile(
  fake: ReturnType<typeof createFakeIptables>,
  desired: Desired,
): Promise<readonly string[]> {
  const listed = parseSave(fake.dumpAll());
  const operations = reconcileRules({ family: 'IPv4', ...desired }, divideTables(listed, ownership));
  const inputs = restoreInputs(operations);
  if (inputs.length > 0)
    expect(await fake.driver.restore(encodeRestore(inputs))).toEqual({ ok: true, value: null });
  return operations.map(({ kind }) => kind);
}

interface Desired {
  readonly chains: readonly Chain[];
  readonly jumps: readonly SharedRule[];
}

const filter = (fake: ReturnType<typeof createFakeIptables>): string =>
  fake.dump('filter').replace(/\*filter|COMMIT|\n:(INPUT|FORWARD|OUTPUT) ACCEPT \[0:0\]/g, '');
const DESIRED: Desired = { chains: [chain('OWN-A', rule([], DROP))], jumps: [toOwn('OWN-A')] };
const NOTHING: Desired = { chains: [], jumps: [] };

describe('reconcileRules', () => {
  it('creates chains and jumps, and changes nothing the second time', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    expect(await reconcile(fake, DESIRED)).toEqual(['write-chain', 'insert-jump']);
    expect(filter(fake).trim().split('\n')).toEqual([
      ':OWN-A - [0:0]',
      '-A INPUT -m comment --comment own -j OWN-A',
      '-A OWN-A -j DROP',
    ]);
    expect(await reconcile(fake, DESIRED)).toEqual([]);
  });

  it('writes the altered chain, inserts the missing jump, and does not modify the rest', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    const desired = { ...DESIRED, chains: [...DESIRED.chains, chain('OWN-B', rule([], ACCEPT))] };
    await reconcile(fake, desired);
    const before = filter(fake);
    fake.byOthers('*filter\n-F OWN-A\n-F INPUT\nCOMMIT\n');
    expect(await reconcile(fake, desired)).toEqual(['write-chain', 'insert-jump']);
    expect(filter(fake)).toBe(before);
  });

  it('removes owned jumps and chains that are not desired, also where these chains jump to one another', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    const empty = filter(fake);
    await reconcile(fake, {
      chains: [chain('OWN-A', rule([], jump('OWN-B'))), chain('OWN-B', rule([], RETURN))],
      jumps: [toOwn('OWN-A'), toOwn('OWN-B')],
    });
    expect((await reconcile(fake, NOTHING)).toSorted()).toEqual([
      'delete-chain',
      'delete-chain',
      'remove-jump',
      'remove-jump',
    ]);
    expect(filter(fake)).toBe(empty);
  });

  it('removes every copy of a jump that is not desired', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    await reconcile(fake, DESIRED);
    fake.byOthers(`*filter\n-A INPUT ${encodeRule(toOwn('OWN-A').rule, 'IPv4')}\nCOMMIT\n`);
    await reconcile(fake, NOTHING);
    expect(filter(fake)).not.toContain('OWN-A');
  });

  it('empties an owned chain to which a rule that is not owned jumps, once, and keeps that rule', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    await reconcile(fake, DESIRED);
    fake.byOthers('*filter\n:OTHERS - [0:0]\n-A OTHERS -j OWN-A\nCOMMIT\n');
    expect(await reconcile(fake, NOTHING)).toEqual(['remove-jump', 'empty-chain']);
    expect(filter(fake)).toContain('-A OTHERS -j OWN-A');
    expect(filter(fake)).not.toContain('-A OWN-A');
    expect(await reconcile(fake, NOTHING)).toEqual([]);
  });
});
