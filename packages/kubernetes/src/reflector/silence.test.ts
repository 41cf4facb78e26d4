/** An API server behind a TCP load balancer that stays up while the server does not answer any more. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { createTestCertificates, type TestCertificates } from '../testing/index.ts';
import { createRelayedWorld, type RelayedWorld } from '../testing/relayed-world.ts';
import { createStage, eventually, isWatch, service, type Watching } from '../testing/stage.ts';
import type { TestApiServer } from '../testing/index.ts';

import { BOOKMARK_OVERDUE_MS } from './read-watch.ts';

const stage = createStage();
afterEach(() => stage.close());
const place: { certificates: TestCertificates | null } = { certificates: null };
beforeAll(async () => {
  place.certificates = await createTestCertificates();
});
afterAll(() => place.certificates?.remove());

const world = (scheme: 'http' | 'https', lists: 'auto' | 'listed'): Promise<RelayedWorld> =>
  createRelayedWorld(stage, { certificates: scheme === 'https' ? place.certificates : null, lists });

/** The probe was answered or aborted, as were the requests of second connections, and the next one is due in 30 s. */
const settled = ({ clock }: Watching): Promise<void> =>
  eventually(() => {
    const waits = clock.pending.map(({ delayMs }) => delayMs).filter((ms) => ms <= 30_000);
    return waits.length === 1 && waits[0] === 30_000;
  });

const WATCHED = ['/services', '/endpointslices', '/nodes', '/servicecidrs'];

const NODE = { kind: 'Node', metadata: { name: 'node-a' } } as const;

const isProbe = ({ path }: { readonly path: string }): boolean => path === '/version';
const probes = (server: TestApiServer): number => server.requests.all.filter(isProbe).length;

describe('a server that falls silent behind a load balancer that stays up', () => {
  const cases = (['http', 'https'] as const).flatMap((scheme) =>
    (['listed', 'auto'] as const).map((lists) => ({ scheme, lists })),
  );

  it.for(cases)(
    'is given up within 45 s, and what changed meanwhile is seen: $scheme, $lists',
    async ({ scheme, lists }, { skip }) => {
      if (scheme === 'https' && place.certificates === null) return skip('no openssl on this machine');
      const { server, relay, watching } = await world(scheme, lists);
      const { clock, recorder } = watching;
      relay.silence();
      server.put(service('b'));
      const asked = clock.waitForTimer(({ delayMs }) => delayMs === 15_000);
      clock.advance(30_000);
      await asked;
      relay.forward();
      clock.advance(15_000);
      await watching.pass(recorder.until(() => recorder.objects.size === 2));
      expect(recorder.problems.length).toBeLessThanOrEqual(4);
      expect(new Set(recorder.problems.map(({ code }) => code))).toEqual(new Set(['stalled']));
    },
  );

  it('is disconnected where the bookmarks of a connection stop, though it answers on others', async () => {
    const { server, relay, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    server.store.tick();
    server.watches.bookmark();
    await clock.waitForTimer(
      () => clock.pending.filter(({ delayMs }) => delayMs === BOOKMARK_OVERDUE_MS).length === 4,
    );
    relay.silence();
    relay.forward();
    for (let quiet = 0; quiet < BOOKMARK_OVERDUE_MS; quiet += 30_000) {
      clock.advance(30_000);
      if (quiet + 30_000 < BOOKMARK_OVERDUE_MS) await settled(watching);
    }
    // No event has arrived on a second connection: only the bookmarks are overdue.
    await recorder.until(() => recorder.problems.length === 4);
    expect(new Set(recorder.problems.map(({ code }) => code))).toEqual(new Set(['stalled']));
    server.put(NODE);
    await watching.pass(recorder.until(() => recorder.objects.has('Node /node-a')));
  });

  it('is disconnected where a watch has had no bookmark yet and the watch before it had', async () => {
    const { server, relay, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    const overdue = (): Promise<unknown> =>
      clock.waitForTimer(
        () => clock.pending.filter(({ delayMs }) => delayMs === BOOKMARK_OVERDUE_MS).length === 4,
      );
    server.store.tick();
    server.watches.bookmark();
    await overdue();
    server.watches.end();
    await eventually(() => server.requests.all.filter(isWatch('/nodes')).length === 2);
    await overdue();
    relay.silence();
    relay.forward();
    for (let quiet = 0; quiet < BOOKMARK_OVERDUE_MS; quiet += 30_000) {
      clock.advance(30_000);
      if (quiet + 30_000 < BOOKMARK_OVERDUE_MS) await settled(watching);
    }
    // No event has arrived on a second connection: only the bookmarks are overdue.
    await recorder.until(() => recorder.problems.length === 4);
    expect(new Set(recorder.problems.map(({ code }) => code))).toEqual(new Set(['stalled']));
    server.put(NODE);
    await watching.pass(recorder.until(() => recorder.objects.has('Node /node-a')));
  });

  it('reuses no connection from before the failure', async () => {
    const { relay, watching } = await world('http', 'listed');
    const { clock, recorder } = watching;
    relay.silence();
    const asked = clock.waitForTimer(({ delayMs }) => delayMs === 15_000);
    clock.advance(30_000);
    await asked;
    clock.advance(15_000);
    await recorder.until(() => recorder.problems.length === 4);
    await eventually(() => relay.connections === 0);
  });
});

describe('a quiet server that answers', () => {
  it('is probed once in 30 s for all watches, and its watches stay', async () => {
    const { server, watching } = await world('http', 'auto');
    const { clock, recorder } = watching;
    for (let round = 1; round <= 3; round++) {
      const answered = server.requests.next(isProbe);
      clock.advance(30_000);
      await answered;
      await settled(watching);
      expect(probes(server)).toBe(round);
    }
    // The first one of each resource, and that of the second connection.
    for (const path of WATCHED) expect(server.requests.all.filter(isWatch(path))).toHaveLength(2);
    expect(recorder.problems).toEqual([]);
  });

  it('is not probed while one of its watches delivers events', async () => {
    const { server, watching } = await world('http', 'auto');
    const { clock, recorder } = watching;
    for (let second = 20; second <= 200; second += 20) {
      clock.advance(20_000);
      server.put(service(`at-${second}`));
      await recorder.until(() => recorder.objects.has(`Service default/at-${second}`));
    }
    expect(probes(server)).toBe(0);
  });

  it('keeps its watches when the probe is refused, or cannot be sent', async () => {
    const { server, watching } = await world('http', 'auto');
    const { clock, recorder } = watching;
    for (const action of [{ do: 'answer', status: 403 }, { do: 'hang-up' }] as const) {
      // Not only once: a probe that fails on a kept connection is sent again.
      const lift = server.fault({ action, when: isProbe });
      const answered = server.requests.next(isProbe);
      clock.advance(30_000);
      await answered;
      await settled(watching);
      lift();
    }
    // The first one of each resource, and that of the second connection.
    for (const path of WATCHED) expect(server.requests.all.filter(isWatch(path))).toHaveLength(2);
    expect(recorder.problems).toEqual([]);
  });

  it('keeps its watches when one of them delivers an event while the probe is not answered', async () => {
    const { server, watching } = await world('http', 'auto');
    const { clock, recorder } = watching;
    server.fault({ action: { do: 'silence' }, when: isProbe, times: 1 });
    const asked = server.requests.next(isProbe);
    clock.advance(30_000);
    await asked;
    clock.advance(1_000);
    server.put(service('b'));
    await recorder.until(() => recorder.objects.size === 2);
    clock.advance(14_000);
    // 30 s after the event, which came 14 s ago.
    await clock.waitForTimer(({ delayMs }) => delayMs === 16_000);
    // The first one of each resource, and that of the second connection, which may still be on its way.
    const watches = (path: string): number => server.requests.all.filter(isWatch(path)).length;
    await eventually(() => WATCHED.every((path) => watches(path) >= 2));
    for (const path of WATCHED) expect(server.requests.all.filter(isWatch(path))).toHaveLength(2);
    expect(recorder.problems).toEqual([]);
  });
});
