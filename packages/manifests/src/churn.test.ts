/** Random edits of a folder: whatever the order, the events lead to the same objects as a restart. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ObjectEvent } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createManifestSource } from './manifest-source.ts';

type Edit =
  | { readonly do: 'write'; readonly file: number; readonly text: string }
  | { readonly do: 'remove'; readonly file: number }
  | { readonly do: 'rename'; readonly file: number; readonly to: number }
  | { readonly do: 'look' };

const file = fc.nat(3);
const document = fc
  .record({ name: fc.nat(5), port: fc.integer({ min: 1, max: 3 }) })
  .map(
    ({ name, port }) => `apiVersion: v1\nkind: Service\nmetadata: {name: s${name}}\nspec: {port: ${port}}\n`,
  );
const text = fc.oneof(
  { weight: 8, arbitrary: fc.array(document, { maxLength: 4 }).map((documents) => documents.join('---\n')) },
  { weight: 1, arbitrary: fc.constantFrom('kind: Service\n', '# nothing\n', 'a: [\n', 'a: 1\na: 2\n') },
);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), file, text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), file }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rename' as const), file, to: file }) },
  { weight: 3, arbitrary: fc.constant({ do: 'look' as const }) },
);

/** A source, the objects according to its events, and a function that triggers a poll. */
function follow(path: string) {
  const clock = createManualClock();
  const objects = new Map<string, unknown>();
  const draw = (event: ObjectEvent): void => {
    if (event.type === 'delete') objects.delete(event.name);
    else {
      const { metadata, spec } = event.object as { metadata: { name: string }; spec: unknown };
      objects.set(metadata.name, spec);
    }
  };
  const source = createManifestSource({
    path,
    clock,
    watch: () => Promise.resolve({ active: true, close: () => undefined }),
  });
  source.start({
    onEvents: (events) => events.forEach(draw),
    onSynced: () => undefined,
    onProblem: () => undefined,
  });
  /** A timer is pending again when the reading that the last one started is over. */
  const look = async (): Promise<void> => {
    for (let round = 0; round < 2; round++) {
      await clock.waitForTimer(() => true);
      clock.advance(2_000);
      await clock.waitForTimer(() => true);
    }
  };
  return { objects, look, stop: () => source.stop() };
}

function apply(folder: string, what: Edit): void {
  if (what.do === 'look') return;
  const path = (n: number): string => join(folder, `${n}.yaml`);
  if (what.do === 'write') writeFileSync(path(what.file), what.text);
  if (what.do === 'remove') rmSync(path(what.file), { force: true });
  if (what.do === 'rename') {
    writeFileSync(path(what.file), '', { flag: 'a' });
    renameSync(path(what.file), path(what.to));
  }
}

describe('a manifest source under churn', () => {
  it('ends with the objects that a restart reads', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { maxLength: 30 }), async (edits) => {
        const folder = mkdtempSync(join(tmpdir(), 'signalbox-manifests-'));
        const source = follow(folder);
        try {
          for (const each of edits) {
            apply(folder, each);
            if (each.do === 'look') await source.look();
          }
          // A file that is not YAML keeps its earlier objects; after a fresh start there are none.
          apply(folder, {
            do: 'write',
            file: 0,
            text: 'apiVersion: v1\nkind: Service\nmetadata: {name: s9}\n',
          });
          for (const n of [1, 2, 3]) apply(folder, { do: 'remove', file: n });
          for (const each of edits)
            if (each.do === 'write' && !each.text.startsWith('a:')) apply(folder, each);
          await source.look();
          const fresh = follow(folder);
          await fresh.look();
          await fresh.stop();
          expect(Object.fromEntries(source.objects)).toEqual(Object.fromEntries(fresh.objects));
        } finally {
          await source.stop();
          rmSync(folder, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
