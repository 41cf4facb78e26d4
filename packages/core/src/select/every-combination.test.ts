/** The choices of endpoints, compared with a specification for every combination of a few endpoints. */
import { describe, expect, it } from 'vitest';
import { READY, SERVING, TERMINATING, type SliceModel, type TopologyHints } from '../model/endpoint-slice.ts';
import { collectCandidates } from './candidate.ts';
import { readyByTopology } from './topology.ts';

const NAME = { namespace: 'shop', name: 'cart', port: 'http', protocol: 'TCP' } as const;

interface Endpoint {
  readonly conditions: number;
  readonly hints: TopologyHints | null;
}

function sliceOf(key: string, endpoints: readonly (Endpoint & { readonly address: string })[]): SliceModel {
  return {
    key,
    service: 'shop/cart',
    family: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: endpoints.map((each) => ({ nodeName: 'node-x', ...each })),
  };
}

describe('one address in two slices', () => {
  const ALL = Array.from({ length: 8 }, (_, conditions) => conditions);

  /** F135: first what does not terminate, then what is ready, then what serves. */
  const worth = (conditions: number): string =>
    [(conditions & TERMINATING) === 0, (conditions & READY) !== 0, (conditions & SERVING) !== 0]
      .map(Number)
      .join('');
  const better = (one: number, other: number): number => (worth(one) >= worth(other) ? one : other);

  it.each(ALL)('F135: conditions %i are used before worse ones and after better ones', (one) => {
    const chosen = ALL.map((other) => {
      const slices = [one, other].map((conditions, at) =>
        sliceOf(`shop/cart-${at}`, [{ address: '10.0.0.1', conditions, hints: null }]),
      );
      return collectCandidates(slices, NAME, 'node-a').map(({ conditions }) => conditions);
    });
    expect(chosen).toEqual(ALL.map((other) => [better(one, other)]));
  });
});

describe('topology hints', () => {
  const HINTS: readonly (TopologyHints | null)[] = [
    null,
    { zones: ['z1'], nodes: [] },
    { zones: ['z2'], nodes: [] },
    { zones: [], nodes: ['node-a'] },
    { zones: [], nodes: ['node-b'] },
    { zones: ['z2'], nodes: ['node-a'] },
    { zones: ['z1'], nodes: ['node-b'] },
  ];
  const ENDPOINTS: readonly Endpoint[] = [READY + SERVING, SERVING].flatMap((conditions) =>
    HINTS.map((hints) => ({ conditions, hints })),
  );

  /** S9, S10: hints of a kind count where each ready endpoint has one and one of them names this node, or its zone. */
  function preferred<T extends Endpoint>(endpoints: readonly T[], zone: string | null): readonly T[] {
    const ready = endpoints.filter(({ conditions }) => (conditions & READY) !== 0);
    const kinds = [
      ready.map(({ hints }) => ({ names: hints?.nodes ?? [], own: 'node-a' })),
      ready.map(({ hints }) => ({ names: hints?.zones ?? [], own: zone ?? '' })),
    ];
    for (const named of kinds) {
      if (named.some(({ names }) => names.length === 0)) continue;
      const mine = ready.filter((_, at) => named[at]?.names.includes(named[at].own) === true);
      if (mine.length > 0) return mine;
    }
    return ready;
  }

  const TRIPLES = ENDPOINTS.flatMap((one) =>
    ENDPOINTS.flatMap((two) => ENDPOINTS.map((three) => [one, two, three])),
  ).map((endpoints) => endpoints.map((each, at) => ({ ...each, address: `10.0.0.${at + 1}` })));

  it.each(['z1', null])(
    'S9, S10: of every three endpoints those are used that are meant, zone %s',
    (zone) => {
      const wrong = TRIPLES.filter((endpoints) => {
        const candidates = collectCandidates([sliceOf('shop/cart-1', endpoints)], NAME, 'node-a');
        const found = readyByTopology(candidates, { name: 'node-a', zone });
        const expected = preferred(endpoints, zone);
        return (
          found.map(({ endpoint }) => endpoint.address).join() !==
          expected.map(({ address }) => address).join()
        );
      });
      expect(wrong).toEqual([]);
    },
  );
});
