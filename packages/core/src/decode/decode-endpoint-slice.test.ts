import { describe, expect, it } from 'vitest';
import { formatInputProblem } from '../input.ts';
import { READY, SERVING, TERMINATING } from '../model/endpoint-slice.ts';
import { sliceObject, type EndpointShape, type SliceShape } from '../testing/objects.ts';
import { decodeEndpointSlice, type DecodedSlice } from './decode-endpoint-slice.ts';
import { createInternPool } from './intern.ts';

function decode(object: unknown): DecodedSlice {
  return decodeEndpointSlice(object, createInternPool());
}

const POD: EndpointShape = { address: '10.244.1.5' };

describe('conditions', () => {
  const rows: readonly (readonly [conditions: object, bits: number])[] = [
    [{}, READY + SERVING],
    [{ ready: true, serving: true, terminating: false }, READY + SERVING],
    [{ ready: false }, SERVING],
    [{ ready: false, serving: false }, 0],
    [{ ready: false, serving: true, terminating: true }, SERVING + TERMINATING],
    [{ ready: false, terminating: true }, SERVING + TERMINATING],
    [{ ready: null, serving: null, terminating: null }, READY + SERVING],
  ];
  for (const [conditions, bits] of rows) {
    it(`F135: ${JSON.stringify(conditions)} reads as ${bits}`, () => {
      const { value } = decode(sliceObject([{ ...POD, ...conditions }]));
      expect(value?.endpoints[0]?.conditions).toBe(bits);
    });
  }

  it('F135: no conditions at all mean ready', () => {
    const { value } = decode({ ...sliceObject([]), endpoints: [{ addresses: ['10.244.1.5'] }] });
    expect(value?.endpoints).toEqual([
      { address: '10.244.1.5', nodeName: '', conditions: READY + SERVING, hints: null },
    ]);
  });
});

describe('the weight', () => {
  const weighted = (value: unknown): DecodedSlice => {
    const labels = { 'kubernetes.io/service-name': 'cart' };
    const metadata = { labels, annotations: { 'signalbox.dev/weight': value } };
    return decode(sliceObject([POD], { metadata }));
  };

  it.each([
    [undefined, undefined],
    [null, undefined],
    ['1', undefined],
    ['2', 2],
    ['100', 100],
  ])('F135: %j of the annotation is %j', (value, weight) => {
    const { value: slice, problems } = weighted(value);
    expect([slice?.weight, problems]).toEqual([weight, []]);
  });

  it.each(['0', '101', '-1', '1.5', '007', 'many', '', 5])(
    'F135: %j is reported with the annotation and the Service, and endpoints have weight 1',
    (value) => {
      const { value: slice, problems } = weighted(value);
      expect([slice?.weight, slice?.endpoints.length]).toEqual([undefined, 1]);
      expect(problems).toEqual([
        {
          resource: 'EndpointSlice',
          object: 'shop/cart-1',
          field: 'metadata.annotations[signalbox.dev/weight]',
          value: JSON.stringify(value),
          reason: 'must be a whole number from 1 to 100, as a string: 1 is used',
          service: 'shop/cart',
        },
      ]);
    },
  );
});

describe('endpoints', () => {
  it('F135: only the first address counts, in canonical spelling', () => {
    const endpoints = [{ addresses: ['FD00:0::5', 'fd00::6'] }];
    const { value, problems } = decode({ ...sliceObject([], { addressType: 'IPv6' }), endpoints });
    expect(value?.endpoints.map(({ address }) => address)).toEqual(['fd00::5']);
    expect(problems).toEqual([]);
  });

  const bad: readonly (readonly [endpoint: unknown, value: string])[] = [
    [{ addresses: [] }, 'nothing'],
    [{}, 'nothing'],
    [null, 'nothing'],
    [{ addresses: ['fd00::5'] }, '"fd00::5"'],
    [{ addresses: ['10.244.1.05'] }, '"10.244.1.05"'],
    [{ addresses: [7] }, '7'],
  ];
  for (const [endpoint, value] of bad) {
    it(`${JSON.stringify(endpoint)} is left out and the rest kept`, () => {
      const decoded = decode({ ...sliceObject([]), endpoints: [endpoint, { addresses: ['10.244.1.5'] }] });
      expect(decoded.value?.endpoints.map(({ address }) => address)).toEqual(['10.244.1.5']);
      expect(decoded.problems.map(formatInputProblem)).toEqual([
        `EndpointSlice shop/cart-1.endpoints[0].addresses[0]: invalid value ${value}: must be an IPv4 address`,
      ]);
    });
  }

  const refused: readonly (readonly [address: string, special: string])[] = [
    ['127.0.0.1', 'a loopback'],
    ['0.0.0.0', 'an unspecified'],
    ['255.255.255.255', 'a broadcast'],
    ['224.0.0.1', 'a multicast'],
    ['169.254.1.1', 'a link-local'],
    ['FE80::1', 'a link-local'],
    ['::1', 'a loopback'],
  ];
  for (const [address, special] of refused) {
    it(`F135: ${special} address excludes only its own endpoint: ${address}`, () => {
      const [addressType, good] = address.includes(':') ? ['IPv6', 'fd00::5'] : ['IPv4', '10.244.1.5'];
      const endpoints = [{ addresses: [address] }, { addresses: [good] }];
      const decoded = decode({ ...sliceObject([], { addressType }), endpoints });
      expect(decoded.value?.endpoints.map((endpoint) => endpoint.address)).toEqual([good]);
      expect(decoded.problems.map(formatInputProblem)).toEqual([
        `EndpointSlice shop/cart-1.endpoints[0].addresses[0]: invalid value "${address}": must not be ${special} address`,
      ]);
    });
  }

  it('S9: hints are kept as sets', () => {
    const hinted = { ...POD, zones: ['z2', 'z1', 'z2', ''], nodes: ['n1'] };
    const { value } = decode(sliceObject([hinted, POD]));
    expect(value?.endpoints.map(({ hints }) => hints)).toEqual([
      { zones: ['z1', 'z2'], nodes: ['n1'] },
      null,
    ]);
  });

  it('equal hints are one object', () => {
    const hinted = { ...POD, zones: ['z1'] };
    const [one, other] = decode(sliceObject([hinted, hinted])).value?.endpoints ?? [];
    expect(one?.hints).toBe(other?.hints);
  });
});

describe('ports', () => {
  const rows: readonly (readonly [title: string, port: object, read: readonly object[], problems: number])[] =
    [
      ['nil protocol is TCP', { name: 'http', port: 1 }, [{ name: 'http', port: 1, protocol: 'TCP' }], 0],
      ['nil name is the empty name', { port: 1 }, [{ name: '', port: 1, protocol: 'TCP' }], 0],
      ['nil port means every port: left out', { name: 'http' }, [], 0],
      ['port 0 is left out', { name: 'http', port: 0 }, [], 0],
      ['a port out of range is reported', { name: 'http', port: 65_536 }, [], 1],
      ['an unknown protocol is reported', { name: 'http', port: 1, protocol: 'QUIC' }, [], 1],
    ];
  for (const [title, port, read, problems] of rows) {
    it(`F135: ${title}`, () => {
      const decoded = decode(sliceObject([POD], { ports: [{ ...port }] }));
      expect(decoded.value?.ports).toEqual(read);
      expect(decoded.problems).toHaveLength(problems);
    });
  }
});

describe('slices of no use', () => {
  const labels = (more: object): SliceShape => ({
    metadata: { labels: { 'kubernetes.io/service-name': 'cart', ...more } },
  });
  const rows: readonly (readonly [title: string, shape: SliceShape, problems: number])[] = [
    ['F134: host names', { addressType: 'FQDN' }, 0],
    ['an unknown address type', { addressType: 'IPv8' }, 1],
    ['F134: no service label', { metadata: { labels: {} } }, 0],
    ['S29: a headless service', labels({ 'service.kubernetes.io/headless': '' }), 0],
  ];
  for (const [title, shape, problems] of rows) {
    it(`${title}: ignored`, () => {
      const decoded = decode(sliceObject([POD], shape));
      expect([decoded.key, decoded.value]).toEqual(['shop/cart-1', null]);
      expect(decoded.problems).toHaveLength(problems);
    });
  }

  it('F126: the label of another service proxy is read from the Service, not from the slice', () => {
    const decoded = decode(sliceObject([POD], labels({ 'service.kubernetes.io/service-proxy-name': 'x' })));
    expect(decoded.value?.endpoints).toHaveLength(1);
  });

  it('what is no object is refused', () => {
    expect(decode('slice')).toMatchObject({ key: null, value: null, triggerTime: null });
    expect(decode('slice').problems).toHaveLength(1);
  });
});

describe('trigger time', () => {
  const at = (time: unknown): number | null =>
    decode(
      sliceObject([POD], {
        metadata: {
          labels: { 'kubernetes.io/service-name': 'cart' },
          annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': time },
        },
      }),
    ).triggerTime;

  it('F136: is read from the annotation, in epoch milliseconds', () => {
    expect(at('2026-01-02T03:04:05Z')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(at('yesterday')).toBeNull();
    expect(at(undefined)).toBeNull();
  });
});
