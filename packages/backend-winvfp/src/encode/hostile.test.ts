/** Input that only a malicious caller passes: hostile text at every place of a change, and in every document. */
import type { DesiredChange } from '@signalbox/core';
import { HOSTILE_TEXTS, placesOf, replacedAt } from '@signalbox/core/testing';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HcnRequest } from '../objects/hcn-call.ts';
import { fullOf, nodePort, service, clusterIP, testHost, writes } from '../testing/fixtures.ts';
import { encodeRequest } from './request.ts';

const change = fullOf(service({ frontends: [clusterIP('10.96.0.10'), nodePort(30_080)] }));

describe('hostile text', () => {
  const places = placesOf(change).filter((place) => place.at(-1) !== 'rule');

  it('never makes sync throw, and never reaches a document', async () => {
    const row = fc.tuple(fc.constantFrom(...places), fc.constantFrom(...HOSTILE_TEXTS));
    await fc.assert(
      fc.asyncProperty(row, async ([place, text]) => {
        const host = testHost();
        const { outcome } = await host.backend.sync(replacedAt(change, place, text) as DesiredChange);
        expect(outcome).not.toBe('ok');
        expect(JSON.stringify(writes(host.recorder))).not.toContain(JSON.stringify(text).slice(1, -1));
      }),
      { numRuns: 60 },
    );
  });

  it.each([{}, null, 7, { ...change, family: 'IPv5' }])(
    'a change of another shape is an error: %#',
    async (each) => {
      const host = testHost();
      expect(await host.backend.sync(each as DesiredChange)).toMatchObject({
        outcome: 'failed',
        error: { code: 'rejected', operation: 'sync' },
      });
      expect(writes(host.recorder)).toEqual([]);
    },
  );
});

describe('a document', () => {
  it('holds any text as the one value that it is', () => {
    const text = fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(text, (value) => {
        const settings = { HostComputeNetwork: value, Name: value };
        const request = { op: 'create-endpoint', networkId: value, settings } as unknown as HcnRequest;
        const encoded = JSON.parse(encodeRequest(request)) as Record<string, string>;
        expect(Object.keys(encoded)).toEqual(['op', 'networkId', 'settings']);
        expect(JSON.parse(encoded['settings'] ?? '')).toEqual(settings);
        // The native layer reads the text line by line.
        expect(encodeRequest(request)).not.toMatch(/\p{Cc}(?<![\u007f-\u009f])/u);
      }),
    );
  });
});
