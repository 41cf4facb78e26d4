import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SyncResult } from '../backend.ts';
import { parseCidr } from '../model/cidr.ts';
import { canonicalAddress, familyOf } from '../model/ip.ts';
import { isCanonicalAddress, isCanonicalCidr } from '../model/canonical-address.ts';
import { HOSTILE_TEXTS, HOSTILE_VALUES, placesOf, replacedAt } from '../testing/hostile.ts';
import type { DesiredChange } from './desired-change.ts';
import type { DesiredHealthCheck, DesiredServicePort, Frontend } from './desired-state.ts';
import { createChangeValidator, validatedSync } from './validate-change.ts';

const ROUTES = [{ source: 'any', target: 'cluster', masquerade: false, rule: 'S15' }] as const;
const EXTERNAL = { policy: 'local', routes: ROUTES } as const;
const FRONTENDS: readonly Frontend[] = [
  { kind: 'cluster-ip', address: '10.96.0.10', port: 80, policy: 'cluster', routes: ROUTES },
  { kind: 'external-ip', address: '203.0.113.7', port: 80, ...EXTERNAL },
  {
    kind: 'load-balancer',
    address: '203.0.113.9',
    port: 80,
    sourceRanges: { cidrs: ['198.51.100.0/24'], alsoAddresses: ['203.0.113.9'] },
    ...EXTERNAL,
  },
  { kind: 'node-port', port: 30_080, ...EXTERNAL },
];
const ENDPOINT = { address: '10.244.1.5', port: 8080, isLocal: true };

function servicePort(name: string, more: object = {}): DesiredServicePort {
  return {
    key: `shop/${name}:http/TCP`,
    name: { namespace: 'shop', name, port: 'http', protocol: 'TCP' },
    frontends: FRONTENDS,
    clusterEndpoints: [ENDPOINT],
    localEndpoints: [ENDPOINT],
    servingEndpoints: [ENDPOINT],
    affinity: { timeoutSeconds: 10_800 },
    balancing: null,
    windows: { preserveDestination: false, updateInPlace: true },
    ...more,
  };
}

const CHECK: DesiredHealthCheck = {
  key: 'shop/cart',
  namespace: 'shop',
  name: 'cart',
  port: 31_000,
  localEndpoints: 1,
};
const NONE = { added: [], changed: [], removed: [] };

function changeOf(more: Partial<DesiredChange> = {}): DesiredChange {
  return {
    kind: 'incremental',
    family: 'IPv4',
    node: {
      name: 'node-a',
      localDetector: { kind: 'cidrs', cidrs: ['10.244.0.0/16'] },
      clusterIPMasquerade: 'not-local-pods',
      nodePortAddresses: { kind: 'ranges', cidrs: ['192.0.2.0/24'], loopback: false },
      nodePortIPs: ['192.0.2.10'],
      serviceCIDRs: ['10.96.0.0/12'],
    },
    nodeChanged: false,
    servicePorts: NONE,
    healthChecks: NONE,
    counts: { servicePorts: 1, endpoints: 1, noLocalEndpointsInternal: 0, noLocalEndpointsExternal: 0 },
    ...more,
  };
}

const adding = (...added: readonly DesiredServicePort[]): DesiredChange =>
  changeOf({ servicePorts: { ...NONE, added } });

const OK: SyncResult = { outcome: 'ok', scope: 'partial', failures: [], repaired: [], counters: {} };

/** Runs changes through the check; records what it passes on. */
function lab() {
  const passed: DesiredChange[] = [];
  const sync = validatedSync('IPv4', (change) => {
    passed.push(change);
    return Promise.resolve(OK);
  });
  return { passed, sync: (change: unknown) => sync(change as DesiredChange) };
}

describe('a change that is malformed as a whole', () => {
  const node = changeOf().node;
  it.each([
    [undefined, 'change: undefined is not an object'],
    [{}, 'change.kind: undefined is not one of full, incremental'],
    [{ ...changeOf(), family: 'IPv5' }, 'change.family: "IPv5" is not one of IPv4, IPv6'],
    [{ ...changeOf(), family: 'IPv6' }, 'change.family: "IPv6" is not the family of this backend, IPv4'],
    [{ ...changeOf(), node: null }, 'change.node: null is not an object'],
    [
      changeOf({ node: { ...node, localDetector: { kind: 'interface', name: 'cni0\n-P INPUT DROP' } } }),
      'change.node.localDetector.name: "cni0\\n-P INPUT DROP" is not the name of a network interface',
    ],
    [
      changeOf({
        node: { ...node, nodePortAddresses: { kind: 'ranges', cidrs: ['10.0.0.1/8'], loopback: false } },
      }),
      'change.node.nodePortAddresses.cidrs[0]: "10.0.0.1/8" is not an IPv4 CIDR in canonical form',
    ],
    [{ ...changeOf(), servicePorts: {} }, 'change.servicePorts.added: undefined is not a list'],
    [
      { ...changeOf(), servicePorts: { ...NONE, added: [servicePort('a'), { key: 7 }] } },
      'change.servicePorts.added[1].key: 7 is not a key without control characters',
    ],
    [
      changeOf({ servicePorts: { ...NONE, removed: [servicePort('a', { frontends: [] })] } }),
      'change.servicePorts.removed[0].frontends: the list is empty',
    ],
    [
      { ...changeOf(), counts: { servicePorts: '1' } },
      'change.counts.servicePorts: "1" is not a whole number',
    ],
  ])('is refused with the field: %#', async (change, message) => {
    const { passed, sync } = lab();
    const result = await sync(change);
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'rejected', kernel: 'unchanged' } });
    expect(result.error?.message).toContain(message);
    expect(passed).toEqual([]);
  });
});

describe('a service port that violates the contract', () => {
  const frontend = (more: object): object => ({ frontends: [{ ...FRONTENDS[0], ...more }] });
  const name = servicePort('b').name;
  it.each([
    [
      frontend({ address: '10.0.0.1\n-P INPUT DROP' }),
      '.frontends[0].address: "10.0.0.1\\n-P INPUT DROP" is not an IPv4',
    ],
    [frontend({ address: 'fd00::1' }), '.frontends[0].address: "fd00::1" is not an IPv4 address'],
    [frontend({ port: 0 }), '.frontends[0].port: 0 is not a port (1-65535)'],
    [frontend({ kind: 'vip' }), '.frontends[0].kind: "vip" is not one of cluster-ip'],
    [frontend({ routes: [] }), ".frontends[0].routes: the last route is not for source 'any'"],
    [{ name: { ...name, namespace: 'a\nb' } }, '.name.namespace: "a\\nb" is not a DNS name'],
    [{ name: { ...name, protocol: 'ICMP' } }, '.name.protocol: "ICMP" is not one of TCP, UDP, SCTP'],
    [
      { clusterEndpoints: [ENDPOINT, { ...ENDPOINT, port: 65_536 }] },
      '.clusterEndpoints[1].port: 65536 is not a port',
    ],
    [
      { affinity: { timeoutSeconds: 0 } },
      '.affinity.timeoutSeconds: 0 is not a whole number from 1 to 86400',
    ],
    [
      { connections: { maxConnections: 0 } },
      `.connections.maxConnections: 0 is not a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
    ],
    [
      { connections: { checkInterval: 'often' } },
      '.connections.checkInterval: "often" is not a whole number from 1 to 2147483647',
    ],
    [{ connections: null }, '.connections: null is not an object'],
  ])('is left out and reported, and the others pass: %#', async (wrong, message) => {
    const { passed, sync } = lab();
    const bad = { ...servicePort('b'), ...wrong };
    const result = await sync(adding(servicePort('a'), bad, servicePort('c')));
    expect(result).toMatchObject({
      outcome: 'partial',
      failures: [{ key: bad.key, error: { code: 'rejected' } }],
    });
    expect(result.failures[0]?.error.message).toContain(`change.servicePorts.added[1]${message}`);
    expect(passed[0]?.servicePorts.added.map(({ key }) => key)).toEqual([
      'shop/a:http/TCP',
      'shop/c:http/TCP',
    ]);
  });

  const good = servicePort('a');
  const bad = servicePort('a', { frontends: [{ ...FRONTENDS[0], port: 99_999 }] });
  const step = (before: DesiredServicePort, after: DesiredServicePort): DesiredChange =>
    changeOf({ servicePorts: { ...NONE, changed: [{ before, after }] } });

  it('is removed where it was valid before, and added when it is valid again', async () => {
    const { passed, sync } = lab();
    expect(await sync(adding(good))).toMatchObject({ outcome: 'ok' });
    expect(await sync(step(good, bad))).toMatchObject({ outcome: 'partial' });
    expect(passed.at(-1)?.servicePorts).toEqual({ ...NONE, removed: [good] });
    expect(await sync(changeOf())).toMatchObject({ outcome: 'partial', failures: [{ key: good.key }] });
    expect(await sync(step(bad, bad))).toMatchObject({ outcome: 'partial' });
    expect(passed.at(-1)?.servicePorts).toEqual(NONE);
    expect(await sync(step(bad, good))).toMatchObject({ outcome: 'ok', failures: [] });
    expect(passed.at(-1)?.servicePorts).toEqual({ ...NONE, added: [good] });
  });

  it('is forgotten when it is removed, and at a full change', async () => {
    const { passed, sync } = lab();
    await sync(adding(bad));
    expect(await sync(changeOf({ servicePorts: { ...NONE, removed: [bad] } }))).toMatchObject({
      outcome: 'ok',
    });
    expect(passed.at(-1)?.servicePorts).toEqual(NONE);
    await sync(adding(bad));
    expect(await sync({ ...adding(good), kind: 'full' })).toMatchObject({ outcome: 'ok', failures: [] });
    await sync(step(good, bad));
    const others = { ...adding(servicePort('b')), kind: 'full' } as const;
    expect(await sync(others)).toMatchObject({ outcome: 'ok', failures: [] });
  });

  it('passes the same change object on where nothing is invalid', async () => {
    const { passed, sync } = lab();
    const change = adding(good);
    await sync(change);
    expect(passed[0]).toBe(change);
  });

  it('does the same for health checks', async () => {
    const { passed, sync } = lab();
    const wrong = { ...CHECK, key: 'shop/b', name: 'b', port: 0 };
    const result = await sync(changeOf({ healthChecks: { ...NONE, added: [CHECK, wrong] } }));
    expect(result).toMatchObject({ outcome: 'partial', failures: [{ key: 'shop/b' }] });
    expect(passed[0]?.healthChecks.added).toEqual([CHECK]);
  });
});

describe('any value at any place', () => {
  const whole = changeOf({
    servicePorts: {
      added: [servicePort('a')],
      changed: [{ before: servicePort('b'), after: servicePort('b', { affinity: null }) }],
      removed: [servicePort('c')],
    },
    healthChecks: { ...NONE, added: [CHECK] },
  });
  const places = placesOf(whole);

  it('never makes the check throw, and never lets control characters through', () => {
    const value = fc.oneof(fc.constantFrom(...HOSTILE_VALUES), fc.string({ unit: 'binary' }), fc.anything());
    fc.assert(
      fc.property(fc.constantFrom(...places), value, (place, hostile) => {
        const checked = createChangeValidator('IPv4').check(replacedAt(whole, place, hostile));
        if (!checked.ok) return !/[\n\r\0]/.test(checked.error.message);
        return textsIn(checked.value).every((text) => !/\p{Cc}/u.test(text));
      }),
      { numRuns: 120 },
    );
  });

  it.each(HOSTILE_TEXTS)('hostile text is refused and reported: %#', (text) => {
    const accepted = places.filter((place) => {
      const validator = createChangeValidator('IPv4');
      return validator.check(replacedAt(whole, place, text)).ok && validator.refused.length === 0;
    });
    expect(accepted.filter((place) => place.at(-1) !== 'rule')).toEqual([]);
  });

  /** `rule` names a clause for traces; it reaches no kernel. */
  function textsIn(value: unknown): readonly string[] {
    if (typeof value === 'string') return [value];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, part]) => (name === 'rule' ? [] : textsIn(part)));
  }
});

describe('isCanonicalCidr', () => {
  it('answers as a comparison with the canonical text does', () => {
    const range = fc
      .tuple(
        fc.constantFrom(
          '10.0.0.0',
          '10.0.0.1',
          '0.0.0.0',
          '128.0.0.0',
          '::',
          'fd00::',
          'fd00::8000',
          'x',
          '1.2.3',
        ),
        fc.integer({ min: -1, max: 130 }),
      )
      .map(([base, length]) => `${base}/${length}`);
    const text = fc.oneof(
      range,
      range.map((each) => each.replace('/', '/0')),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (each) => {
        const parsed = parseCidr(each);
        for (const family of ['IPv4', 'IPv6'] as const) {
          expect(isCanonicalCidr(each, family)).toBe(parsed?.text === each && parsed.family === family);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('isCanonicalAddress', () => {
  const group = fc.constantFrom('0', '1', 'ffff', 'a0', '00', 'FF', '');
  const text = fc.oneof(
    fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(':')),
    fc.ipV6(),
    fc.ipV6().map((each) => canonicalAddress(each) ?? each),
    fc.ipV4(),
    fc.string(),
  );
  it('answers as a comparison with the canonical text does', () => {
    fc.assert(
      fc.property(text, (each) => {
        const isCanonical = canonicalAddress(each) === each;
        for (const family of ['IPv4', 'IPv6'] as const) {
          expect(isCanonicalAddress(each, family)).toBe(isCanonical && familyOf(each) === family);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
