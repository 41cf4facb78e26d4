import { endpointChainHash, formatDrift, servicePortChainHash } from '@signalbox/backend-kit';
import type { Backend, DesiredServicePort, DesiredState, SyncResult } from '@signalbox/core';
import { backendError, fullChange } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { type RestoreInput, restoreText } from '@signalbox/iptables';
import { createFakeIptables, type FakeFaults, type FakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import {
  changeBetween,
  clusterIP,
  REFUSED,
  SAMPLE_NODE,
  sampleEndpoints,
  sampleService,
  sampleState,
} from '../testing/sample-state.ts';

interface Lab {
  readonly fake: FakeIptables;
  readonly clock: ManualClock;
  readonly backend: Backend;
}

function lab(faults: FakeFaults = () => false): Lab {
  const fake = createFakeIptables({ family: 'IPv4', faults });
  const clock = createManualClock();
  return { fake, clock, backend: createIptablesBackend({ family: 'IPv4', driver: fake.driver, clock }) };
}

function listen(backend: Backend): { readonly heard: readonly string[]; readonly stop: () => void } {
  const heard: string[] = [];
  const stop = backend.watch?.((what) => heard.push(what));
  return { heard, stop: () => stop?.() };
}

async function poll(clock: ManualClock): Promise<void> {
  clock.advance(250);
  await settled();
}

function services(count: number): readonly DesiredServicePort[] {
  return Array.from({ length: count }, (_, index) => sampleService({ index }));
}

const STATE: DesiredState = sampleState(services(20));
const SERVICE_3 = { namespace: 'shop', name: 'service-3', port: 'http', protocol: 'TCP' } as const;
const EMPTY = changeBetween(STATE, STATE);

async function ok(result: Promise<SyncResult>): Promise<SyncResult> {
  const settled = await result;
  expect(settled.error).toBeUndefined();
  expect(settled.outcome).toBe('ok');
  return settled;
}

/** Waits for everything that needs no timer. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A state with service 3 changed in one endpoint. */
function oneEndpointMoved(): DesiredState {
  const moved = sampleService({ index: 3, endpoints: sampleEndpoints(3, 2, 9090) });
  return sampleState(services(20).map((service) => (service.key === moved.key ? moved : service)));
}

describe('a full sync', () => {
  it('writes everything, and the next one changes nothing', async () => {
    const { fake, backend } = lab();
    const first = await ok(backend.sync(fullChange(STATE)));
    expect(first.scope).toBe('full');
    expect(first.counters['chainsWritten']).toBeGreaterThan(60);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    const written = fake.inputs.length;
    const again = await ok(backend.sync(fullChange(STATE)));
    expect(again.counters).toMatchObject({
      chainsWritten: 0,
      rulesWrittenNat: 0,
      transactions: 0,
      repaired: 0,
    });
    expect(fake.inputs.length).toBe(written);
  });

  it('of a new process adopts the rules of the old one, without writing', async () => {
    const old = lab();
    await ok(old.backend.sync(fullChange(STATE)));
    const before = old.fake.dumpAll();
    const next = createIptablesBackend({ family: 'IPv4', driver: old.fake.driver });
    const result = await ok(next.sync(fullChange(STATE)));
    expect(result.counters).toMatchObject({
      restores: 0,
      chainsWritten: 0,
      rulesTotalNat: expect.any(Number),
    });
    expect(result.counters['rulesTotalNat']).toBeGreaterThan(80);
    expect(result.repaired).toEqual([]);
    expect(old.fake.dumpAll()).toBe(before);
  });

  it('adopts the chains of services that a kube-proxy wrote', async () => {
    const { fake, backend } = lab();
    // As iptables-save lists them where kube-proxy 1.36 runs.
    const words = 'shop/service-3:http';
    const [first, second] = ['10.244.0.6:8080', '10.244.0.7:8080'];
    const seps = STATE.servicePorts
      .get('shop/service-3:http/TCP')
      ?.clusterEndpoints.map((endpoint) => `KUBE-SEP-${endpointChainHash(SERVICE_3, endpoint)}`);
    const svc = `KUBE-SVC-${servicePortChainHash(SERVICE_3)}`;
    const own = [
      `-A ${seps?.[0]} -s 10.244.0.6/32 -m comment --comment "${words}" -j KUBE-MARK-MASQ`,
      `-A ${seps?.[0]} -p tcp -m comment --comment "${words}" -m tcp -j DNAT --to-destination ${first}`,
      `-A ${seps?.[1]} -s 10.244.0.7/32 -m comment --comment "${words}" -j KUBE-MARK-MASQ`,
      `-A ${seps?.[1]} -p tcp -m comment --comment "${words}" -m tcp -j DNAT --to-destination ${second}`,
      `-A ${svc} ! -s 10.244.0.0/16 -d 10.96.0.3/32 -p tcp -m comment --comment "${words} cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ`,
      `-A ${svc} -m comment --comment "${words} -> ${first}" -m statistic --mode random --probability 0.50000000000 -j ${seps?.[0]}`,
      `-A ${svc} -m comment --comment "${words} -> ${second}" -j ${seps?.[1]}`,
      '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    ];
    const chains = [...(seps ?? []), svc, 'KUBE-MARK-MASQ'].map((name) => `:${name} - [0:0]`);
    fake.byOthers(['*nat', ...chains, ...own, 'COMMIT', ''].join('\n'));
    await ok(backend.sync(fullChange(STATE)));
    for (const name of [...(seps ?? []), svc, 'KUBE-MARK-MASQ']) {
      expect(fake.inputs.join(''), name).not.toContain(`:${name} `);
    }
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('of a new process writes only the differences', async () => {
    const old = lab();
    await ok(old.backend.sync(fullChange(STATE)));
    const next = createIptablesBackend({ family: 'IPv4', driver: old.fake.driver });
    const result = await ok(next.sync(fullChange(oneEndpointMoved())));
    // Two endpoints have new chains, the service's chain is rewritten, the two old chains are removed.
    expect(result.counters).toMatchObject({ chainsWritten: 3, chainsRemoved: 2 });
  });

  it('removes chains that are not desired, but only empties those to which rules that are not owned jump', async () => {
    const { fake, backend } = lab();
    fake.byOthers(
      '*nat\n:KUBE-SVC-OLD - [0:0]\n:KUBE-SEP-OLD - [0:0]\n:KUBE-SVC-USED - [0:0]\n:MINE - [0:0]\n' +
        '-A KUBE-SVC-OLD -j KUBE-SEP-OLD\n-A KUBE-SVC-USED -j KUBE-SEP-OLD\n-A MINE -j KUBE-SVC-USED\nCOMMIT\n',
    );
    await ok(backend.sync(fullChange(STATE)));
    const nat = fake.kernel.table('nat');
    expect([nat.has('KUBE-SVC-OLD'), nat.has('KUBE-SEP-OLD')]).toEqual([false, false]);
    expect(nat.get('KUBE-SVC-USED')).toEqual([]);
    expect(nat.get('MINE')?.map(({ text }) => text)).toEqual(['-j KUBE-SVC-USED']);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('a partial sync', () => {
  it('neither reads nor writes what did not change', async () => {
    const { fake, backend } = lab((operation) => operation === 'iptables-save' && synced.done);
    const synced = { done: false };
    await ok(backend.sync(fullChange(STATE)));
    synced.done = true;
    const before = fake.inputs.length;
    const result = await ok(backend.sync(changeBetween(STATE, oneEndpointMoved())));
    expect(result.scope).toBe('partial');
    expect(result.counters).toMatchObject({
      chainsWritten: 3,
      chainsRemoved: 2,
      restores: 1,
      transactions: 1,
    });
    expect(fake.inputs.slice(before).join('')).not.toMatch(/KUBE-SERVICES|filter|PREROUTING/);
    const nothing = await ok(backend.sync(EMPTY));
    expect(nothing.scope).toBe('none');
  });

  it('writes refusals before it removes rules to endpoints, and removes refusals after it adds such rules', async () => {
    const { fake, backend } = lab();
    await ok(backend.sync(fullChange(STATE)));
    const empty = sampleService({ index: 3, endpoints: [], frontends: [clusterIP(3, REFUSED)] });
    const without = sampleState(services(20).map((service) => (service.key === empty.key ? empty : service)));
    await ok(backend.sync(changeBetween(STATE, without)));
    const tablesOf = (input: string | undefined) => input?.match(/^\*\w+/gm);
    expect(tablesOf(fake.inputs.at(-1))).toEqual(['*filter', '*nat']);
    await ok(backend.sync(changeBetween(without, STATE)));
    expect(tablesOf(fake.inputs.at(-1))).toEqual(['*nat', '*filter']);
  });

  it('leaves the kernel as a full sync of the same state would', async () => {
    const one = lab();
    await ok(one.backend.sync(fullChange(STATE)));
    await ok(one.backend.sync(changeBetween(STATE, oneEndpointMoved())));
    const few = sampleState([...oneEndpointMoved().servicePorts.values()].slice(0, 5));
    await ok(one.backend.sync(changeBetween(oneEndpointMoved(), few)));
    const other = lab();
    await ok(other.backend.sync(fullChange(few)));
    const sorted = (text: string) => text.split('\n').sort();
    expect(sorted(one.fake.dumpAll())).toEqual(sorted(other.fake.dumpAll()));
  });

  it('becomes full where a change of the node affects rules in chains that are not owned', async () => {
    const { fake, backend } = lab();
    await ok(backend.sync(fullChange(STATE)));
    const node = { ...SAMPLE_NODE, nodePortAddresses: { kind: 'any-local', loopback: true } as const };
    const result = await ok(backend.sync(changeBetween(STATE, sampleState(services(20), node))));
    expect(result.scope).toBe('full');
    expect(fake.dump('filter')).toContain('-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('a failed sync', () => {
  it('with the lock held keeps its changes, and the next one needs no listing', async () => {
    const fault = { on: false };
    const { fake, backend } = lab((operation) => fault.on && operation === 'iptables-restore');
    await ok(backend.sync(fullChange(STATE)));
    fault.on = true;
    const failed = await backend.sync(changeBetween(STATE, oneEndpointMoved()));
    expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'busy', kernel: 'unchanged' } });
    expect(failed.counters['restoreFailures']).toBe(1);
    fault.on = false;
    const retried = await ok(backend.sync(EMPTY));
    expect(retried).toMatchObject({ scope: 'partial', counters: { chainsWritten: 3, chainsRemoved: 2 } });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(fake.kernel.table('nat').size).toBeGreaterThan(20);
  });

  it('at the first of two parts of a change does not write the second, and the next sync completes both', async () => {
    const fault = { left: 0 };
    const { fake, backend } = lab((operation) => operation === 'iptables-restore' && fault.left-- > 0);
    const before = sampleState([sampleService({ index: 0 }), sampleService({ index: 1, endpoints: [] })]);
    // Service 1 gains endpoints: it is written after service 0.
    const changed = sampleService({ index: 0, affinitySeconds: 60 });
    const after = sampleState([changed, sampleService({ index: 1 })]);
    await ok(backend.sync(fullChange(before)));
    const held = fake.dumpAll();
    fault.left = 1;
    const result = await backend.sync(changeBetween(before, after));
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'busy' }, counters: { restores: 1 } });
    expect(fake.dumpAll()).toBe(held);
    await ok(backend.sync(changeBetween(after, after)));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('that leaves the kernel in an unknown state makes the next sync read and repair it', async () => {
    const fault = { on: false };
    const { backend } = lab((asked) => fault.on && asked === 'iptables-restore end');
    await ok(backend.sync(fullChange(STATE)));
    const other = sampleState([...services(19), sampleService({ index: 900, endpoints: [] })]);
    fault.on = true;
    const failed = await backend.sync(changeBetween(STATE, other));
    expect(failed).toMatchObject({ outcome: 'failed', error: { kernel: 'unknown' } });
    fault.on = false;
    const next = await ok(backend.sync(EMPTY));
    expect(next.scope).toBe('full');
    expect(next.repaired).toEqual([]);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('because of a transaction refused after others reads and repairs at once', async () => {
    const fault = { left: 0 };
    const { backend } = lab((asked) => asked === 'iptables-restore nat' && fault.left-- > 0);
    await ok(backend.sync(fullChange(STATE)));
    const other = sampleState([...services(19), sampleService({ index: 900, endpoints: [] })]);
    fault.left = 1;
    const result = await ok(backend.sync(changeBetween(STATE, other)));
    expect(result).toMatchObject({ scope: 'full', repaired: [], counters: { restoreFailures: 1 } });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('of a new process is completed by the next', async () => {
    const fault = { on: true };
    const { backend } = lab((operation) => fault.on && operation === 'iptables-restore nat');
    expect((await backend.sync(fullChange(STATE))).outcome).toBe('failed');
    fault.on = false;
    expect((await ok(backend.sync(EMPTY))).scope).toBe('full');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('of a new process with the lock held and a jump missing is followed by a sync that inserts the jump', async () => {
    const fault = { on: false };
    const { fake, backend } = lab((operation) => fault.on && operation === 'iptables-restore');
    await ok(backend.sync(fullChange(STATE)));
    fake.byOthers('*nat\n-F PREROUTING\nCOMMIT\n');
    const next = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    fault.on = true;
    const failed = await next.sync(fullChange(STATE));
    expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'busy', kernel: 'unchanged' } });
    fault.on = false;
    expect((await ok(next.sync(changeBetween(STATE, oneEndpointMoved())))).scope).toBe('full');
    expect(fake.dump('nat')).toMatch(/^-A PREROUTING .*-j KUBE-SERVICES$/m);
    expect(await next.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it.each([
    ['to remove a service that is added again keeps its chains', STATE, sampleState(services(19))],
    ['to add a service that is removed again writes nothing', sampleState(services(19)), STATE],
  ])('%s', async (_, held, other) => {
    const fault = { on: false };
    const one = lab((operation) => fault.on && operation === 'iptables-restore');
    await ok(one.backend.sync(fullChange(held)));
    const before = one.fake.dumpAll();
    fault.on = true;
    expect((await one.backend.sync(changeBetween(held, other))).error?.code).toBe('busy');
    fault.on = false;
    const result = await ok(one.backend.sync(changeBetween(other, held)));
    expect(result).toMatchObject({ scope: 'none', counters: { restores: 0, restoreFailures: 0 } });
    expect(one.fake.dumpAll()).toBe(before);
    expect(await one.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('because transactions are too large for the kernel is repeated with smaller ones', async () => {
    const { fake } = lab();
    const largest: number[] = [];
    const driver = {
      ...fake.driver,
      async restore(input: RestoreInput) {
        const transactions = restoreText(input).split('COMMIT\n');
        const size = Math.max(...transactions.map((text) => text.match(/^-A/gm)?.length ?? 0));
        largest.push(size);
        if (size <= 120) return fake.driver.restore(input);
        const error = backendError('rejected', 'iptables-nft-restore', 'exit status 1', {
          detail: 'sendmsg() failed: Message too long',
        });
        return { ok: false, error } as const;
      },
    };
    const backend = createIptablesBackend({ family: 'IPv4', driver });
    const many = sampleState(services(300));
    const result = await ok(backend.sync(fullChange(many)));
    expect(result.counters['restoreFailures']).toBe(3);
    expect(largest.at(-1)).toBeLessThanOrEqual(120);
    // The limit is kept.
    const again = await ok(backend.sync(changeBetween(many, sampleState(services(100)))));
    expect(again.counters['restoreFailures']).toBe(0);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('before the tool is found keeps the changes', async () => {
    const { fake } = lab();
    const missing = { now: true };
    const driver = {
      ...fake.driver,
      probe: async () =>
        missing.now
          ? ({
              ok: false,
              error: { code: 'unavailable', operation: 'iptables', message: 'gone', kernel: 'unchanged' },
            } as const)
          : fake.driver.probe(),
    };
    const backend = createIptablesBackend({ family: 'IPv4', driver });
    expect((await backend.sync(fullChange(STATE))).error?.code).toBe('unavailable');
    expect((await backend.sync(changeBetween(STATE, oneEndpointMoved()))).outcome).toBe('failed');
    missing.now = false;
    await ok(backend.sync(EMPTY));
    expect(fake.dump('nat')).toContain(':9090');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('changes by other processes', () => {
  it('are reported, repaired and listed', async () => {
    const { fake, backend, clock } = lab();
    await ok(backend.sync(fullChange(STATE)));
    const { heard, stop } = listen(backend);
    await settled();
    fake.byOthers('*nat\n-F KUBE-SERVICES\n-F KUBE-MARK-MASQ\nCOMMIT\n*filter\n-F INPUT\nCOMMIT\n');
    await poll(clock);
    expect(heard).toEqual(['chain KUBE-MARK-MASQ of table nat was altered']);
    expect(await backend.observe()).toMatchObject({ outcome: 'ok' });
    const repaired = await ok(backend.sync(EMPTY));
    expect(repaired.scope).toBe('full');
    expect(repaired.repaired.map(formatDrift)).toEqual(
      expect.arrayContaining([
        'altered chain KUBE-SERVICES in nat',
        'altered chain KUBE-MARK-MASQ in nat',
        expect.stringMatching(/^missing rule .*KUBE-NODEPORTS in filter INPUT$/),
      ]),
    );
    expect(repaired.counters['repaired']).toBe(repaired.repaired.length);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    stop();
  });

  it('during a sync are repaired by the next', async () => {
    const { fake, clock } = lab();
    const hand = { now: (): void => undefined };
    const driver = {
      ...fake.driver,
      async restore(input: RestoreInput) {
        const done = await fake.driver.restore(input);
        hand.now();
        await settled();
        return done;
      },
    };
    const backend = createIptablesBackend({ family: 'IPv4', driver, clock });
    await ok(backend.sync(fullChange(STATE)));
    const { heard, stop } = listen(backend);
    await settled();
    hand.now = () => fake.byOthers('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    await ok(backend.sync(fullChange(oneEndpointMoved())));
    hand.now = () => undefined;
    await poll(clock);
    expect(heard.length).toBeGreaterThan(0);
    expect((await ok(backend.sync(EMPTY))).repaired).toMatchObject([{ name: 'KUBE-SERVICES' }]);
    expect((await ok(backend.sync(EMPTY))).scope).toBe('none');
    stop();
  });

  it('are found by an empty change, without a watch', async () => {
    const { fake, backend } = lab();
    await ok(backend.sync(fullChange(STATE)));
    fake.byOthers('*nat\n-F PREROUTING\nCOMMIT\n');
    expect(await ok(backend.sync(EMPTY))).toMatchObject({
      scope: 'full',
      repaired: [{ kind: 'missing', type: 'rule', within: 'nat PREROUTING' }],
    });
    expect((await ok(backend.sync(EMPTY))).scope).toBe('none');
  });

  it('to rules that are not owned are neither modified nor reported', async () => {
    const { fake, backend, clock } = lab();
    const unowned =
      '*nat\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n' +
      '*filter\n:KUBE-FIREWALL - [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP\nCOMMIT\n' +
      '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\n:KUBE-IPTABLES-HINT - [0:0]\nCOMMIT\n';
    fake.byOthers(unowned);
    const { heard, stop } = listen(backend);
    await ok(backend.sync(fullChange(STATE)));
    fake.byOthers('*filter\n-D INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n*nat\n-F DOCKER\nCOMMIT\n');
    await poll(clock);
    expect(heard).toEqual([]);
    expect((await ok(backend.sync(EMPTY))).scope).toBe('none');
    expect(fake.dump('filter')).toContain('-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP');
    stop();
  });
});
