/** What no caller should pass: hostile text at every place of a change. */
import type { DesiredChange } from '@signalbox/core';
import { HOSTILE_TEXTS, placesOf, replacedAt } from '@signalbox/core/testing';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { full, service } from '../testing/cluster.ts';
import { bench } from './bench.ts';

const change = full(service({ nodePort: 30_080, externalIPs: ['203.0.113.7'], affinitySeconds: 60 }));

describe('hostile text', () => {
  const places = placesOf(change).filter((place) => place.at(-1) !== 'rule');

  it('never makes sync throw, and never reaches an operation', async () => {
    const row = fc.tuple(fc.constantFrom(...places), fc.constantFrom(...HOSTILE_TEXTS));
    await fc.assert(
      fc.asyncProperty(row, async ([place, text]) => {
        const { backend, fake } = bench();
        const { outcome } = await backend.sync(replacedAt(change, place, text) as DesiredChange);
        expect(outcome).not.toBe('ok');
        expect(JSON.stringify(fake.operations)).not.toContain(JSON.stringify(text).slice(1, -1));
      }),
      { numRuns: 60 },
    );
  });

  it.each([{}, null, 7, { ...change, family: 'IPv5' }])(
    'a change of another shape is an error: %#',
    async (each) => {
      const { backend, fake } = bench();
      expect(await backend.sync(each as DesiredChange)).toMatchObject({
        outcome: 'failed',
        error: { code: 'rejected', operation: 'sync' },
      });
      expect(fake.operations).toEqual([]);
    },
  );
});
