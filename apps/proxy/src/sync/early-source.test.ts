import { describe, expect, it } from 'vitest';
import { scriptedSource } from '../testing/composition.ts';
import { startEarly } from './early-source.ts';

describe('a source that is started early', () => {
  it('keeps every event in order until there is a handler, and passes on later ones', () => {
    const source = scriptedSource();
    const early = startEarly(source);
    const seen: unknown[] = [];
    source.handlers.onEvents([]);
    source.handlers.onSynced('Service');
    early.start({
      onEvents: (events) => seen.push(['events', events.length]),
      onSynced: (resource) => seen.push(['synced', resource]),
      onProblem: ({ code }) => seen.push(['problem', code]),
    });
    source.handlers.onProblem({ code: 'connection-lost', message: '' });
    expect(seen).toEqual([
      ['events', 0],
      ['synced', 'Service'],
      ['problem', 'connection-lost'],
    ]);
  });
});
