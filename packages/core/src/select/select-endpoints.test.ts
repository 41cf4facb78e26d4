import { describe, expect, it } from 'vitest';
import type { DesiredEndpoint } from '../desired/desired-state.ts';
import { mayReachItself } from '../desired/hairpin.ts';
import { decodeEndpointSlice } from '../decode/decode-endpoint-slice.ts';
import { createInternPool } from '../decode/intern.ts';
import type { SliceModel } from '../model/endpoint-slice.ts';
import { sliceObject, type EndpointShape, type SliceShape } from '../testing/objects.ts';
import { collectCandidates } from './candidate.ts';
import { selectEndpoints, type SelectedEndpoints } from './select-endpoints.ts';
import type { PolicyUse } from './traffic-policy.ts';

const HTTP = { namespace: 'shop', name: 'cart', port: 'http', protocol: 'TCP' } as const;
const BOTH: PolicyUse = { internal: 'cluster', external: 'local', cluster: true, local: true };
const CLUSTER: PolicyUse = { internal: 'cluster', external: 'cluster', cluster: true, local: false };
const LOCAL: PolicyUse = { internal: 'local', external: 'cluster', cluster: false, local: true };
const ZONE_1 = { name: 'node-a', zone: 'z1' };

function slice(endpoints: readonly EndpointShape[], shape: SliceShape = {}): SliceModel {
  const { value } = decodeEndpointSlice(sliceObject(endpoints, shape), createInternPool());
  if (value === null) throw new Error('no slice');
  return value;
}

function select(
  endpoints: readonly EndpointShape[],
  use: PolicyUse = BOTH,
  location: { name: string; zone: string | null } = ZONE_1,
): SelectedEndpoints {
  return selectEndpoints(collectCandidates([slice(endpoints)], HTTP, location.name), use, location);
}

const addresses = (endpoints: readonly DesiredEndpoint[]): string[] =>
  endpoints.map(({ address }) => address);

const here = { node: 'node-a' } as const;
const there = { node: 'node-b' } as const;
const failing = { ready: false, serving: false } as const;
const ending = { ready: false, serving: true, terminating: true } as const;
const dead = { ready: false, serving: false, terminating: true } as const;

interface Row {
  readonly title: string;
  readonly endpoints: readonly EndpointShape[];
  readonly use?: PolicyUse;
  readonly zone?: string | null;
  readonly cluster: readonly string[];
  readonly local: readonly string[];
  readonly any: boolean;
}

const ROWS: readonly Row[] = [
  { title: 'S5: nothing gives nothing', endpoints: [], cluster: [], local: [], any: false },
  {
    title: 'S6: ready ones are the cluster set',
    endpoints: [
      { address: '10.0.0.1', ...here },
      { address: '10.0.0.2', ...there },
      { address: '10.0.0.3', ...ending },
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
    any: true,
  },
  {
    title: 'S6: with none ready, those that serve while they terminate',
    endpoints: [
      { address: '10.0.0.1', ...there, ...ending },
      { address: '10.0.0.2', ...there, ...dead },
    ],
    cluster: ['10.0.0.1'],
    local: [],
    any: true,
  },
  {
    title: 'S6: the last resort ignores topology',
    endpoints: [
      { address: '10.0.0.1', ...ending, zones: ['z1'] },
      { address: '10.0.0.2', ...ending, zones: ['z2'] },
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: [],
    any: true,
  },
  {
    title: 'S7: the local set falls back on its own',
    endpoints: [
      { address: '10.0.0.1', ...here, ...ending },
      { address: '10.0.0.2', ...there },
    ],
    cluster: ['10.0.0.2'],
    local: ['10.0.0.1'],
    any: true,
  },
  {
    title: 'S7: any is true for an endpoint elsewhere though no set holds it',
    use: LOCAL,
    endpoints: [{ address: '10.0.0.2', ...there }],
    cluster: [],
    local: [],
    any: true,
  },
  {
    title: 'S8: what no policy asks for stays empty',
    use: CLUSTER,
    endpoints: [{ address: '10.0.0.1', ...here }],
    cluster: ['10.0.0.1'],
    local: [],
    any: true,
  },
  {
    title: 'S9: node hints have priority over zone hints',
    endpoints: [
      { address: '10.0.0.1', ...there, zones: ['z1'], nodes: ['node-a'] },
      { address: '10.0.0.2', ...there, zones: ['z1'], nodes: ['node-b'] },
    ],
    cluster: ['10.0.0.1'],
    local: [],
    any: true,
  },
  {
    title: 'S9: zone hints where no node hint names this node',
    endpoints: [
      { address: '10.0.0.1', zones: ['z1'], nodes: ['node-b'] },
      { address: '10.0.0.2', zones: ['z2', 'z1'], nodes: ['node-b'] },
      { address: '10.0.0.3', zones: ['z3'], nodes: ['node-b'] },
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: [],
    any: true,
  },
  {
    title: 'S9: hints that name neither this node nor its zone are ignored',
    endpoints: [
      { address: '10.0.0.1', zones: ['z2'] },
      { address: '10.0.0.2', zones: ['z3'] },
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: [],
    any: true,
  },
  {
    title: 'S9: only ready endpoints are asked for hints',
    endpoints: [
      { address: '10.0.0.1', zones: ['z1'] },
      { address: '10.0.0.2', zones: ['z2'] },
      { address: '10.0.0.3', ...ending },
    ],
    cluster: ['10.0.0.1'],
    local: [],
    any: true,
  },
  {
    title: 'S10: on a node without a zone, zone hints are ignored',
    zone: null,
    endpoints: [
      { address: '10.0.0.1', zones: ['z1'] },
      { address: '10.0.0.2', zones: ['z2'] },
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: [],
    any: true,
  },
  {
    title: 'S10: one endpoint without a hint turns topology off',
    endpoints: [{ address: '10.0.0.1', zones: ['z1'] }, { address: '10.0.0.2' }],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: [],
    any: true,
  },
  {
    title: 'S10: topology does not touch the local set',
    endpoints: [
      { address: '10.0.0.1', ...there, zones: ['z1'] },
      { address: '10.0.0.2', ...here, zones: ['z2'] },
    ],
    cluster: ['10.0.0.1'],
    local: ['10.0.0.2'],
    any: true,
  },
  {
    title: 'S11: a terminating pod published as ready is ready',
    endpoints: [{ address: '10.0.0.1', ...here, ready: true, serving: false, terminating: true }],
    cluster: ['10.0.0.1'],
    local: ['10.0.0.1'],
    any: true,
  },
  {
    title: 'S12: failed readiness and finished termination are never used',
    endpoints: [
      { address: '10.0.0.1', ...here, ...failing },
      { address: '10.0.0.2', ...here, ...dead },
      { address: '10.0.0.3', ...here, ready: false, serving: true },
    ],
    cluster: [],
    local: [],
    any: false,
  },
  {
    title: 'S13: an endpoint without a node name is local on no node',
    endpoints: [{ address: '10.0.0.1' }],
    cluster: ['10.0.0.1'],
    local: [],
    any: true,
  },
];

describe('selectEndpoints', () => {
  for (const { title, endpoints, use = BOTH, zone = 'z1', cluster, local, any } of ROWS) {
    it(title, () => {
      const selected = select(endpoints, use, { name: 'node-a', zone });
      expect({
        cluster: addresses(selected.cluster),
        local: addresses(selected.local),
        any: selected.any,
      }).toEqual({ cluster, local, any });
    });
  }

  it('S13: an empty node name matches no endpoint, not even one without a node', () => {
    const selected = select([{ address: '10.0.0.1' }], BOTH, { name: '', zone: null });
    expect(selected.local).toEqual([]);
  });

  it('S46: serving endpoints are all that accept packets: ready, terminating or published', () => {
    const { serving } = select([
      { address: '10.0.0.1' },
      { address: '10.0.0.2', ...ending },
      { address: '10.0.0.3', ...dead },
      { address: '10.0.0.4', ...failing },
      { address: '10.0.0.5', ready: true, serving: false },
      { address: '10.0.0.6', ready: false, serving: true },
    ]);
    expect(addresses(serving)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.5', '10.0.0.6']);
  });

  it('both policies apply with far more than a thousand endpoints', () => {
    const many = Array.from({ length: 3000 }, (_, at) => ({
      address: `10.0.${at >> 8}.${at & 255}`,
      node: `node-${at % 100 === 0 ? 'a' : at}`,
    }));
    const selected = select(many);
    expect([selected.cluster.length, selected.local.length]).toEqual([3000, 30]);
  });

  it('shares arrays that are equal and endpoints between those that are not', () => {
    const selected = select([
      { address: '10.0.0.1', ...here },
      { address: '10.0.0.2', ...there },
    ]);
    expect(selected.cluster).toBe(selected.serving);
    expect(selected.local[0]).toBe(selected.cluster[0]);
  });
});

describe('collectCandidates', () => {
  const collect = (slices: readonly SliceModel[]): object[] =>
    collectCandidates(slices, HTTP, 'node-a').map(({ text, conditions }) => ({ text, conditions }));

  it('F135: sorts by address:port as text', () => {
    const found = collectCandidates(
      [slice([{ address: '10.0.0.9' }, { address: '10.0.0.10' }, { address: '10.0.0.1' }])],
      HTTP,
      'node-a',
    );
    expect(found.map(({ text }) => text)).toEqual(['10.0.0.10:8080', '10.0.0.1:8080', '10.0.0.9:8080']);
  });

  it('F131: name and protocol must both match', () => {
    const ports = [
      { name: 'http', port: 1, protocol: 'UDP' },
      { name: 'https', port: 2 },
      { name: 'http', port: 3 },
    ];
    expect(collect([slice([{ address: '10.0.0.1' }], { ports })])).toEqual([
      { text: '10.0.0.1:3', conditions: 3 },
    ]);
  });

  const twice: readonly (readonly [title: string, one: object, other: object, conditions: number])[] = [
    ['a pod that lives wins over one that terminates', {}, ending, 3],
    ['even one that is not ready yet', failing, ending, 0],
    ['ready wins over not ready', {}, failing, 3],
    ['serving wins over not serving', ending, dead, 6],
  ];
  for (const [title, one, other, conditions] of twice) {
    it(`of two entries for one address ${title}, in either order`, () => {
      const first = slice([{ address: '10.0.0.1', ...one }], { name: 'a' });
      const second = slice([{ address: '10.0.0.1', ...other }], { name: 'b' });
      const expected = [{ text: '10.0.0.1:8080', conditions }];
      expect([collect([first, second]), collect([second, first])]).toEqual([expected, expected]);
    });
  }

  it('S37: an endpoint whose slice names no node may run here, too', () => {
    const candidates = collectCandidates(
      [
        slice([
          { address: '10.0.0.1', node: 'node-a' },
          { address: '10.0.0.2', node: 'node-b' },
          { address: '10.0.0.3' },
        ]),
      ],
      HTTP,
      'node-a',
    );
    expect(candidates.map(({ endpoint }) => mayReachItself(endpoint))).toEqual([true, false, true]);
    expect(candidates.map(({ endpoint }) => endpoint.isLocal)).toEqual([true, false, false]);
  });

  it('of two equal entries the one in the first slice by name is used', () => {
    const on = (name: string, node: string): SliceModel => slice([{ address: '10.0.0.1', node }], { name });
    const [candidate] = collectCandidates([on('a', 'node-a'), on('b', 'node-b')], HTTP, 'node-a');
    expect(candidate?.endpoint.isLocal).toBe(true);
  });
});
