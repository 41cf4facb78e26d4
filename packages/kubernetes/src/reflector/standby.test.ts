/** A load balancer that leads each connection to another server, one of which falls silent. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { createTestCertificates, type TestCertificates } from '../testing/index.ts';
import { createRelayedWorld, type RelayedWorld } from '../testing/relayed-world.ts';
import { createStage, eventually, isWatch, service, type Watching } from '../testing/stage.ts';
import type { TestApiServer } from '../testing/index.ts';
import type { WireObject } from '../wire.ts';
import { BOOKMARK_OVERDUE_MS } from './read-watch.ts';
import { ANSWER_MS, LEAD_MS, STANDBY_AFTER_MS } from './standby.ts';

const stage = createStage();
afterEach(() => stage.close());
const place: { certificates: TestCertificates | null } = { certificates: null };
beforeAll(async () => {
  place.certificates = await createTestCertificates();
});
afterAll(() => place.certificates?.remove());

const world = (scheme: 'http' | 'https', lists: 'auto' | 'listed'): Promise<RelayedWorld> =>
  createRelayedWorld(stage, { certificates: scheme === 'https' ? place.certificates : null, lists });

const slice = (name: string): WireObject => ({
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'default' },
});

const NODE: WireObject = { kind: 'Node', metadata: { name: 'node-a' } };
const SERVICE_CIDR = {
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['10.96.0.0/16'] },
};

const serviceWatches = (server: TestApiServer): number =>
  server.requests.all.filter(isWatch('/services')).length;
const probes = (server: TestApiServer): number =>
  server.requests.all.filter(({ path }) => path === '/version').length;

const timers = ({ clock }: Watching, ms: number): number =>
  clock.pending.filter(({ delayMs }) => delayMs === ms).length;

/** Watches that end then unless something arrives. */
const overdueAt = ({ clock }: Watching, time: number): number =>
  clock.pending.filter(({ delayMs, dueAt }) => delayMs === BOOKMARK_OVERDUE_MS && dueAt === time).length;

/** The second connections are open, and no request is under way. */
async function standing(
  { server, watching }: Pick<RelayedWorld, 'server' | 'watching'>,
  watches: number,
): Promise<void> {
  await server.watches.open(watches);
  await eventually(() => timers(watching, ANSWER_MS) === 0);
}

describe('a watch whose connection alone is silent', () => {
  const cases = (['http', 'https'] as const).flatMap((scheme) =>
    (['listed', 'auto'] as const).map((lists) => ({ scheme, lists })),
  );

  it.for(cases)(
    'continues on another connection within 45 s, and nothing is listed again: $scheme, $lists',
    async ({ scheme, lists }, { skip }) => {
      if (scheme === 'https' && place.certificates === null) return skip('no openssl on this machine');
      const { server, relay, watching } = await world(scheme, lists);
      const { clock, recorder } = watching;
      relay.silence();
      relay.forward();
      for (const object of [service('b'), slice('b'), NODE, SERVICE_CIDR]) server.put(object);
      clock.advance(STANDBY_AFTER_MS);
      await clock.waitForTimer(() => timers(watching, LEAD_MS) === 4);
      clock.advance(LEAD_MS);
      await recorder.until(() => recorder.objects.size === 5);
      expect(STANDBY_AFTER_MS + LEAD_MS).toBeLessThan(45_000);
      server.delete('Service', 'default', 'a');
      await recorder.until(() => recorder.objects.size === 4);
      expect(recorder.problems).toEqual([]);
      expect(serviceWatches(server)).toBe(2);
      expect(watching.log.filter((line) => line.includes('continued on another connection'))).toHaveLength(4);
    },
  );

  it('is replaced too where the second connection leads to the silent server and the third does not', async () => {
    const { server, relay, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    relay.silence();
    server.put(service('b'));
    server.put(slice('b'));
    clock.advance(STANDBY_AFTER_MS);
    await clock.waitForTimer(() => timers(watching, ANSWER_MS) === 4);
    relay.forward();
    clock.advance(ANSWER_MS);
    await clock.waitForTimer(() => timers(watching, LEAD_MS) === 2);
    clock.advance(LEAD_MS);
    await recorder.until(() => recorder.objects.size === 3);
    expect(STANDBY_AFTER_MS + ANSWER_MS + LEAD_MS).toBeLessThan(45_000);
    expect(recorder.problems).toEqual([]);
  });

  it('closes every connection when the source is stopped after that', async () => {
    const { server, relay, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    relay.silence();
    relay.forward();
    server.put(service('b'));
    clock.advance(STANDBY_AFTER_MS);
    await clock.waitForTimer(() => timers(watching, LEAD_MS) === 1);
    clock.advance(LEAD_MS);
    await recorder.until(() => recorder.objects.size === 2);
    await watching.source.stop();
    await eventually(() => relay.connections === 0);
    expect(clock.pending).toEqual([]);
  });
});

describe('a quiet watch of a server that works', () => {
  it('costs one further watch until the next event, however many bookmarks come, and no probe', async () => {
    const { server, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    clock.advance(STANDBY_AFTER_MS);
    await standing({ server, watching }, 8);
    for (let bookmark = 0; bookmark < 5; bookmark++) {
      server.store.tick();
      server.watches.bookmark();
      await clock.waitForTimer(() => overdueAt(watching, clock.now() + BOOKMARK_OVERDUE_MS) === 4);
      clock.advance(STANDBY_AFTER_MS);
    }
    await standing({ server, watching }, 8);
    expect(serviceWatches(server)).toBe(2);
    expect(probes(server)).toBe(0);
    server.put(service('b'));
    await recorder.until(() => recorder.objects.size === 2);
    await eventually(() => server.watches.count === 7);
    clock.advance(STANDBY_AFTER_MS);
    await standing({ server, watching }, 8);
    expect(serviceWatches(server)).toBe(3);
    expect(recorder.problems).toEqual([]);
  });

  it('delivers each event once, where it arrives on both connections', async () => {
    const { server, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    clock.advance(STANDBY_AFTER_MS);
    await standing({ server, watching }, 8);
    for (const name of ['b', 'c', 'd']) server.put(service(name));
    await recorder.until(() => recorder.objects.size === 4);
    await eventually(() => server.watches.count === 7);
    clock.advance(LEAD_MS);
    server.put(service('e'));
    await recorder.until(() => recorder.objects.size === 5);
    const upserts = recorder.events.filter(({ type }) => type === 'upsert');
    expect(upserts).toHaveLength(5);
    expect(watching.log.filter((line) => line.includes('continued'))).toEqual([]);
  });

  const BROKEN = [
    {
      what: 'an error',
      text: '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n',
    },
    { what: 'no watch event', text: '<html>\n' },
  ];
  it.for(BROKEN)('is not affected by $what on the second connection', async ({ text }) => {
    const { server, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    const lift = server.fault({ action: { do: 'say', text, end: 'never' }, when: isWatch('/services') });
    const asked = server.requests.next(isWatch('/services'));
    clock.advance(STANDBY_AFTER_MS);
    await asked;
    await standing({ server, watching }, 7);
    // The next quiet time has begun.
    await eventually(() => timers(watching, STANDBY_AFTER_MS) === 1);
    lift();
    server.put(service('b'));
    await recorder.until(() => recorder.objects.size === 2);
    expect(recorder.problems).toEqual([]);
    expect(server.requests.all.filter(({ query }) => query.get('watch') === null)).toHaveLength(4);
  });

  it('is not opened again where the quiet time is over and there was an event in between', async () => {
    const { server, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    for (let round = 0; round < 4; round++) {
      clock.advance(STANDBY_AFTER_MS - 5_000);
      server.put(service(`s${round}`));
      await recorder.until(() => recorder.objects.size === 2 + round);
    }
    expect(serviceWatches(server)).toBe(1);
  });
});
