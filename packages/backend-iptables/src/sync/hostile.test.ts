/** Invalid arguments: hostile text at every place of a change. */
import { fullChange, type DesiredChange } from '@signalbox/core';
import { HOSTILE_TEXTS, HOSTILE_VALUES, placesOf, replacedAt } from '@signalbox/core/testing';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRestore, type RestoreOperation, restoreText } from '@signalbox/iptables';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import { sampleService, sampleState } from '../testing/sample-state.ts';

function lab() {
  const fake = createFakeIptables({ family: 'IPv4' });
  const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
  return { fake, sync: (change: unknown) => backend.sync(change as DesiredChange) };
}

describe('hostile text', () => {
  const change = fullChange(
    sampleState([sampleService({ index: 1, affinitySeconds: 60 }), sampleService({ index: 2 })]),
  );
  const places = placesOf(change).filter((place) => place.at(-1) !== 'rule');

  it('never makes sync throw, and never reaches iptables-restore', async () => {
    const row = fc.tuple(fc.constantFrom(...places), fc.constantFrom(...HOSTILE_TEXTS));
    await fc.assert(
      fc.asyncProperty(row, async ([place, text]) => {
        const { fake, sync } = lab();
        const { outcome } = await sync(replacedAt(change, place, text));
        expect(outcome).not.toBe('ok');
        expect(fake.inputs.join('')).not.toContain(text);
        expect([...fake.kernel.table('nat').keys()].filter((name) => !/^(KUBE-|[A-Z]+$)/.test(name))).toEqual(
          [],
        );
      }),
      { numRuns: 60 },
    );
  });

  it('affects only the rules of the service port that contains it', async () => {
    const { fake, sync } = lab();
    const [good, bad] = [sampleService({ index: 1 }), sampleService({ index: 2 })];
    const frontends = [{ ...bad.frontends[0], address: '10.96.0.2\n-P INPUT DROP' }];
    const hostile = { ...bad, frontends } as typeof bad;
    const result = await sync(fullChange(sampleState([good, hostile])));
    expect(result).toMatchObject({ outcome: 'partial', failures: [{ key: bad.key }] });
    expect(result.failures[0]?.error.message).toContain('servicePorts.added[1].frontends[0].address');
    expect(fake.dump('nat')).toContain('-d 10.96.0.1/32');
    expect(fake.dump('nat')).not.toContain('10.96.0.2');
  });

  it.each([{}, null, 7, { ...change, family: 'IPv5' }])(
    'a change of another type is an error: %#',
    async (each) => {
      const { fake, sync } = lab();
      expect(await sync(each)).toMatchObject({
        outcome: 'failed',
        error: { code: 'rejected', operation: 'sync' },
      });
      expect(fake.inputs).toEqual([]);
    },
  );
});

describe('encodeRestore', () => {
  const text = fc.oneof(
    fc.constantFrom(...HOSTILE_VALUES.filter((value) => typeof value === 'string')),
    fc.string({ unit: 'binary' }),
  );
  const operation = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), chain: text, rules: fc.array(text, { maxLength: 3 }) }),
    fc.record({ kind: fc.constantFrom('insert' as const, 'remove' as const), chain: text, rule: text }),
    fc.record({ kind: fc.constantFrom('create' as const, 'flush' as const, 'delete' as const), chain: text }),
  );

  it('refuses text that would not stay on its line, and else writes a line for each rule', () => {
    fc.assert(
      fc.property(operation, (each) => {
        const parts = [
          each.chain,
          ...('rules' in each ? each.rules : []),
          ...('rule' in each ? [each.rule] : []),
        ];
        const written = textOf(each);
        if (parts.some((part) => /[\n\0]/.test(part))) expect(written).toBe(null);
        if (written === null) expect(parts.join('')).toMatch(/\p{Cc}/u);
        const lines = { write: parts.length, insert: 1, remove: 1, create: 1, flush: 1, delete: 2 };
        if (written !== null) expect(written.split('\n')).toHaveLength(lines[each.kind] + 3);
      }),
      { numRuns: 500 },
    );
  });

  /** `null`: refused. */
  function textOf(each: RestoreOperation): string | null {
    try {
      return restoreText(encodeRestore([{ table: 'nat', operations: [each] }]));
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      return null;
    }
  }
});
