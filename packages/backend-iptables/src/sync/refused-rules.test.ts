/** Rules that the kernel refuses affect only the service port that needs them. */
import { isolateRefused } from '@signalbox/backend-kit';
import { backendError, type DesiredServicePort, fail, fullChange, type SyncResult } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { type IptablesDriver, restoreText, RETURN, rule } from '@signalbox/iptables';
import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import { createServiceTrial } from './service-trial.ts';
import {
  changeBetween,
  clusterIP,
  REFUSED,
  sampleEndpoints,
  sampleService,
  sampleState,
} from '../testing/sample-state.ts';

/** As the tool does: table by table; the first with a refused word ends the call, tables before it are applied. */
function refusing(fake: FakeIptables, words: readonly string[]): IptablesDriver {
  return {
    ...fake.driver,
    async restore(input) {
      for (const [index, block] of (restoreText(input).match(/\*[^]*?COMMIT\n/g) ?? []).entries()) {
        const word = words.find((each) => block.includes(each));
        if (word !== undefined) {
          const kernel = index === 0 ? 'unchanged' : 'unknown';
          return fail(backendError('rejected', 'iptables-restore', `no ${word}`, { kernel }));
        }
        const done = await fake.driver.restore(block);
        if (!done.ok) return done;
      }
      return { ok: true, value: null };
    },
  };
}

function services(count: number): DesiredServicePort[] {
  return Array.from({ length: count }, (_, index) => sampleService({ index }));
}

/** Service `index` with one endpoint that some kernel may refuse. */
const odd = (index: number): DesiredServicePort =>
  sampleService({ index, endpoints: [{ address: '10.66.6.6', port: 6666, isLocal: false }] });

const keys = ({ failures }: SyncResult): readonly string[] => failures.map(({ key }) => key).toSorted();

describe.each(['nft', 'legacy'] as const)('refused rules, %s variant', (variant) => {
  const lab = () => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    const words: string[] = ['10.66.6.6'];
    const driver = refusing(fake, words);
    return { fake, words, backend: createIptablesBackend({ family: 'IPv4', driver }) };
  };
  const sorted = (fake: FakeIptables): readonly string[] => fake.dumpAll().split('\n').toSorted();
  /** The rules of these services in a kernel that refuses none. */
  const written = async (held: readonly DesiredServicePort[]): Promise<readonly string[]> => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    await createIptablesBackend({ family: 'IPv4', driver: fake.driver }).sync(fullChange(sampleState(held)));
    return sorted(fake);
  };

  it('of three services in a first sync leave the other 297 in place', async () => {
    const { fake, backend } = lab();
    const bad = [7, 8, 250];
    const all = services(300).map((service, index) => (bad.includes(index) ? odd(index) : service));
    const result = await backend.sync(fullChange(sampleState(all)));
    expect(result.outcome).toBe('partial');
    expect(keys(result)).toEqual(bad.map((index) => odd(index).key).toSorted());
    expect(result.failures[0]?.error).toMatchObject({ code: 'rejected', message: 'no 10.66.6.6' });
    const good = all.filter((_, index) => !bad.includes(index));
    expect(sorted(fake)).toEqual(await written(good));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('of a changed service leave other changes of the same sync, and later ones, in place', async () => {
    const { fake, backend } = lab();
    const before = services(20);
    await backend.sync(fullChange(sampleState(before)));
    const moved = sampleService({ index: 4, endpoints: sampleEndpoints(4, 2, 9090) });
    const after = before.map((service, index) => (index === 3 ? odd(3) : index === 4 ? moved : service));
    const result = await backend.sync(changeBetween(sampleState(before), sampleState(after)));
    expect(keys(result)).toEqual([odd(3).key]);
    const held = (from: readonly DesiredServicePort[]) => from.filter((_, index) => index !== 3);
    expect(sorted(fake)).toEqual(await written(held(after)));
    const later = [...after, sampleService({ index: 30 })];
    const next = await backend.sync(changeBetween(sampleState(after), sampleState(later)));
    expect(next).toMatchObject({ outcome: 'partial', scope: 'partial', counters: { restoreFailures: 0 } });
    expect(sorted(fake)).toEqual(await written(held(later)));
  });

  it('are tried again by an empty change, and are added once they are accepted', async () => {
    const { fake, words, backend } = lab();
    const all = [...services(20), odd(40), odd(41)];
    const state = sampleState(all);
    await backend.sync(fullChange(state));
    expect(keys(await backend.sync(changeBetween(state, state)))).toEqual([odd(40).key, odd(41).key]);
    words.length = 0;
    expect(await backend.sync(changeBetween(state, state))).toMatchObject({ outcome: 'ok', failures: [] });
    expect(sorted(fake)).toEqual(await written(all));
  });

  it('are added with a change that corrects them, and are no longer recorded after the deletion of the service', async () => {
    const { fake, backend } = lab();
    const all = [...services(20), odd(40), odd(41)];
    await backend.sync(fullChange(sampleState(all)));
    const mended = [...services(20), sampleService({ index: 40 })];
    const result = await backend.sync(changeBetween(sampleState(all), sampleState(mended)));
    expect(result).toMatchObject({ outcome: 'ok', scope: 'partial', failures: [] });
    expect(sorted(fake)).toEqual(await written(mended));
  });

  it('are no longer recorded for a service that is deleted while a full sync is due', async () => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    const driver = refusing(fake, ['10.66.6.6']);
    const hung = fail(backendError('timeout', 'iptables-restore', 'killed', { kernel: 'unknown' }));
    let isHung = false;
    const restore: IptablesDriver['restore'] = async (input) => (isHung ? hung : driver.restore(input));
    const backend = createIptablesBackend({ family: 'IPv4', driver: { ...driver, restore } });
    const [first, second] = [sampleService({ index: 0 }), sampleService({ index: 2 })];
    const all = sampleState([first, odd(1)]);
    expect((await backend.sync(fullChange(all))).outcome).toBe('partial');
    isHung = true;
    const more = sampleState([first, odd(1), second]);
    expect((await backend.sync(changeBetween(all, more))).outcome).toBe('failed');
    isHung = false;
    const result = await backend.sync(changeBetween(more, sampleState([first, second])));
    expect([result.outcome, result.scope, keys(result)]).toEqual(['ok', 'full', []]);
  });

  it('of refusals, in a tree that services share, affect only that service, too (S23)', async () => {
    const { fake, words, backend } = lab();
    words.push('10.96.0.9/32');
    const refused = sampleService({ index: 9, endpoints: [], frontends: [clusterIP(9, REFUSED)] });
    const others = Array.from({ length: 8 }, (_, index) => sampleService({ index, endpoints: [] }));
    const result = await backend.sync(fullChange(sampleState([...others, refused])));
    expect(keys(result)).toEqual([refused.key]);
    expect(sorted(fake)).toEqual(await written(others));
  });

  it('that belong to no single service fail the sync and are attributed to no service', async () => {
    const { words, backend } = lab();
    words.push('MASQUERADE');
    const state = sampleState(services(20));
    const result = await backend.sync(fullChange(state));
    expect(result).toMatchObject({ outcome: 'failed', failures: [], error: { code: 'rejected' } });
    words.length = 0;
    expect(await backend.sync(changeBetween(state, state))).toMatchObject({ outcome: 'ok', failures: [] });
  });

  it('that differ from search to search end the sync after three searches', async () => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    const all = sampleState(services(6));
    // In each search the trials find one more service port that is refused; every sync of rules is refused.
    let passes = 0;
    const restore: IptablesDriver['restore'] = async (input) => {
      const text = restoreText(input);
      const isTrial = text.includes('KUBE-PROXY-PROBE');
      if (!isTrial) passes++;
      if (isTrial && !text.includes(`10.96.0.${passes}/32`)) return fake.driver.restore(input);
      return fail(backendError('rejected', 'iptables-restore', 'no', { kernel: 'unchanged' }));
    };
    const backend = createIptablesBackend({ family: 'IPv4', driver: { ...fake.driver, restore } });
    expect(await backend.sync(fullChange(all))).toMatchObject({ outcome: 'failed' });
    // Each search is followed by a pass.
    expect(passes).toBe(4);
  });

  // Only this variant sends messages.
  if (variant === 'nft')
    it('are found where the kernel limits the size of messages, and none is refused because of the size of a trial', async () => {
      const { fake } = lab();
      const inner = refusing(fake, ['10.66.6.6']);
      const driver: IptablesDriver = {
        ...inner,
        async restore(input) {
          const sizes = (restoreText(input).match(/\*[^]*?COMMIT\n/g) ?? []).map(
            (block) => block.match(/^-A/gm)?.length ?? 0,
          );
          if (Math.max(...sizes) <= 60) return inner.restore(input);
          const detail = 'sendmsg() failed: Message too long';
          return fail(backendError('rejected', 'iptables-restore', 'exit status 1', { detail }));
        },
      };
      const backend = createIptablesBackend({ family: 'IPv4', driver });
      const large = sampleService({ index: 60, endpoints: sampleEndpoints(60, 40) });
      const all = [...services(20), large, odd(40)];
      const result = await backend.sync(fullChange(sampleState(all)));
      expect(keys(result)).toEqual([odd(40).key]);
      expect(sorted(fake)).toEqual(await written(all.slice(0, -1)));
    });

  it('because another process removed a chain unnoticed are repaired in the same sync', async () => {
    const { fake, backend } = lab();
    const before = services(20);
    await backend.sync(fullChange(sampleState(before)));
    const nat = fake.kernel.table('nat');
    const chain = [...nat.keys()].find((name) => name.startsWith('KUBE-SEP-')) ?? '';
    const [owner] = [...nat].find(([, rules]) => rules.some(({ text }) => text.endsWith(chain))) ?? [];
    fake.byOthers(`*nat\n-F ${owner ?? ''}\n-F ${chain}\n-X ${chain}\nCOMMIT\n`);
    const changed = sampleService({ index: 0, affinitySeconds: 60 });
    const after = [changed, ...before.slice(1)];
    const result = await backend.sync(changeBetween(sampleState(before), sampleState(after)));
    expect(result).toMatchObject({ outcome: 'ok', failures: [] });
    expect(sorted(fake)).toEqual(await written(after));
  });
});

describe('a refusal', () => {
  const suspect = sampleService({ index: 0 });
  const rules = [{ table: 'nat', rule: rule([], RETURN) }] as const;
  /** The control takes two calls, a trial of the suspected service port one. */
  const refuse = (failing: readonly number[]) => {
    const fake = createFakeIptables({ family: 'IPv4' });
    let call = 0;
    const no = fail(backendError('rejected', 'iptables-restore', 'no reason', { kernel: 'unchanged' }));
    const restore: IptablesDriver['restore'] = (input) =>
      failing.includes(++call) ? Promise.resolve(no) : fake.driver.restore(input);
    const trial = createServiceTrial({
      driver: { ...fake.driver, restore },
      rulesOf: () => rules,
      onTraces: () => undefined,
    });
    return isolateRefused({ suspects: [suspect], ...trial, groupSize: 1, refusalsLimit: 9 });
  };

  it('is recorded only after more than one failure', async () => {
    const { accepted, refused } = await refuse([3]);
    expect([[...accepted], [...refused.keys()]]).toEqual([[suspect], []]);
    expect([...(await refuse([3, 6])).refused.keys()]).toEqual([]);
    expect([...(await refuse([3, 6, 9])).refused.keys()]).toEqual([suspect]);
  });

  it('is not recorded while the tool fails at every call', async () => {
    for (const failing of [[1], [3, 4], [3, 5], [3, 6, 7]]) {
      const { accepted, refused } = await refuse(failing);
      expect([accepted.size, refused.size]).toEqual([0, 0]);
    }
  });
});

describe('a trial that the kernel may have applied in part', () => {
  const broken = (kernel: 'unchanged' | 'unknown') =>
    fail(backendError('timeout', 'iptables-restore', 'killed', { kernel }));

  it.each([
    ['unknown', 1],
    ['unchanged', 0],
  ] as const)('is reported if the state of the kernel is %s: %i time(s)', async (kernel, reports) => {
    const { driver } = createFakeIptables({ family: 'IPv4' });
    let traces = 0;
    const trial = createServiceTrial({
      driver: { ...driver, restore: () => Promise.resolve(broken(kernel)) },
      rulesOf: () => [],
      onTraces: () => void traces++,
    });
    expect(await trial.attempt([sampleService({ index: 0 })])).toEqual({ kind: 'inconclusive' });
    expect(traces).toBe(reports);
  });

  it('is followed by a full sync, which removes its chain', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    const driver = refusing(fake, ['10.66.6.6']);
    let isBroken = false;
    const restore: IptablesDriver['restore'] = async (input) =>
      isBroken ? broken('unknown') : driver.restore(input);
    const backend = createIptablesBackend({ family: 'IPv4', driver: { ...driver, restore } });
    const state = sampleState([...services(3), odd(4)]);
    await backend.sync(fullChange(state));
    expect((await backend.sync(changeBetween(state, state))).scope).not.toBe('full');
    isBroken = true;
    expect((await backend.sync(changeBetween(state, state))).scope).toBe('full');
  });
});
