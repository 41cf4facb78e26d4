import { afterEach, describe, expect, it } from 'vitest';
import { formatEntry, type IpsetEntry } from '../families/ipset/entry.ts';
import type { IpsetDefinition, IpsetState } from '../families/ipset/set.ts';
import { createIpsetClient } from './ipset-client.ts';

const client = createIpsetClient();
const protocol = await client.protocol();
const lacksIpset = !protocol.ok && protocol.error.code === 'unsupported';

async function list(name: string): Promise<IpsetState> {
  const result = await client.listSets(name);
  if (!result.ok) throw new Error(result.error.message);
  const [set] = result.value;
  if (set === undefined) throw new Error(`no set ${name}`);
  return set;
}

const names = (set: IpsetState): string[] => set.entries.map(formatEntry).sort();

async function make(definition: IpsetDefinition): Promise<void> {
  expect(await client.createSet(definition)).toEqual({ ok: true, value: undefined });
}

afterEach(async () => {
  const all = await client.listNames();
  for (const name of all.ok ? all.value : []) if (name.startsWith('nl-')) await client.destroySet(name);
});

const hash = (type: Exclude<IpsetDefinition['type'], 'bitmap:port'>, family: 'IPv4' | 'IPv6' = 'IPv4') =>
  ({ name: 'nl-set', type, family, hashSize: 1024, maxElements: 65_536 }) as const;
const web = { address: '10.1.0.2', protocol: 6, port: 80 };
const web6 = { address: 'fd00::2', protocol: 132, port: 80 };

const kinds: [IpsetDefinition, IpsetEntry[], string[]][] = [
  [hash('hash:ip'), [{ address: '10.1.0.9' }], ['10.1.0.9']],
  [hash('hash:ip', 'IPv6'), [{ address: 'fd00::9' }], ['fd00::9']],
  [hash('hash:net'), [{ address: '10.1.0.77', prefixLength: 24 }], ['10.1.0.0/24']],
  [hash('hash:ip,port'), [web, { ...web, protocol: 17 }], ['10.1.0.2,tcp:80', '10.1.0.2,udp:80']],
  [hash('hash:ip,port', 'IPv6'), [web6], ['fd00::2,sctp:80']],
  [hash('hash:ip,port,ip'), [{ ...web, secondAddress: '10.1.0.2' }], ['10.1.0.2,tcp:80,10.1.0.2']],
  [
    hash('hash:ip,port,net'),
    [{ ...web, secondAddress: '192.168.1.1', secondPrefixLength: 16 }],
    ['10.1.0.2,tcp:80,192.168.0.0/16'],
  ],
  [{ name: 'nl-set', type: 'bitmap:port', firstPort: 0, lastPort: 65_535 }, [{ port: 30_080 }], ['30080']],
];

describe.skipIf(lacksIpset)('sets', () => {
  it.each(kinds)('of %j take and give back entries', async (definition, entries, texts) => {
    await make(definition);
    expect(await client.addEntries({ setName: 'nl-set', entries })).toMatchObject({ ok: true });
    const set = await list('nl-set');
    expect(set).toMatchObject({ ...definition, references: 0 });
    expect(names(set)).toEqual(texts);
    expect(await client.deleteEntries({ setName: 'nl-set', entries })).toMatchObject({ ok: true });
    expect((await list('nl-set')).entries).toEqual([]);
  });

  it('are made once, unless an equal one may stay', async () => {
    await make(hash('hash:ip'));
    expect(await client.createSet(hash('hash:ip'))).toMatchObject({ ok: false, error: { code: 'exists' } });
    expect(await client.createSet(hash('hash:ip'), 'skip')).toMatchObject({ ok: true });
    const other = await client.createSet(hash('hash:net'), 'skip');
    expect(other, 'another type under the same name').toMatchObject({ ok: false });
  });

  it('that are not there are not found', async () => {
    const entries = [{ address: '10.0.0.1' }];
    const results = [
      await client.listSets('nl-none'),
      await client.destroySet('nl-none'),
      await client.flushSet('nl-none'),
      await client.addEntries({ setName: 'nl-none', entries }),
    ];
    for (const result of results) expect(result).toMatchObject({ ok: false, error: { code: 'not-found' } });
  });

  it('are emptied, renamed and swapped', async () => {
    await make(hash('hash:ip'));
    await make({ ...hash('hash:ip'), name: 'nl-other' });
    await client.addEntries({ setName: 'nl-set', entries: [{ address: '10.0.0.1' }] });
    expect(await client.swapSets('nl-set', 'nl-other')).toMatchObject({ ok: true });
    expect([names(await list('nl-set')), names(await list('nl-other'))]).toEqual([[], ['10.0.0.1']]);
    expect(await client.renameSet('nl-other', 'nl-third')).toMatchObject({ ok: true });
    expect(names(await list('nl-third'))).toEqual(['10.0.0.1']);
    expect(await client.flushSet('nl-third')).toMatchObject({ ok: true });
    expect((await list('nl-third')).entries).toEqual([]);
  });

  it('of an unknown type fail with `unsupported`', async () => {
    const strange = { ...hash('hash:ip'), type: 'hash:none' } as unknown as IpsetDefinition;
    expect(await client.createSet(strange)).toMatchObject({ ok: false, error: { code: 'unsupported' } });
  });
});

describe.skipIf(lacksIpset)('entries', () => {
  const addresses = (from: number, count: number): IpsetEntry[] =>
    Array.from({ length: count }, (_, at) => ({ address: `10.2.${(from + at) >> 8}.${(from + at) & 255}` }));

  it('that exist already are ignored or refused, by option', async () => {
    await make(hash('hash:ip'));
    const entries = addresses(0, 3);
    await client.addEntries({ setName: 'nl-set', entries: entries.slice(2) });
    expect(await client.addEntries({ setName: 'nl-set', entries })).toMatchObject({ ok: true });
    const refused = await client.addEntries({ setName: 'nl-set', entries, duplicates: 'refuse' });
    expect(refused).toMatchObject({ ok: false, error: { code: 'exists', index: 0 } });
    const absent = { setName: 'nl-set', entries: addresses(1, 5) };
    expect(await client.deleteEntries({ ...absent, duplicates: 'refuse' })).toMatchObject({
      ok: false,
      error: { code: 'not-found', index: 2 },
    });
    expect(await client.deleteEntries(absent)).toMatchObject({ ok: true });
    expect(names(await list('nl-set'))).toEqual(['10.2.0.0']);
  });

  it('beyond the end of a set are refused by their number, across messages', async () => {
    await make({ ...hash('hash:ip'), maxElements: 1000 });
    const result = await client.addEntries({ setName: 'nl-set', entries: addresses(0, 1500) });
    const error = { code: 'rejected', errnoName: 'IPSET_ERR_HASH_FULL', index: 1000 };
    expect(result).toMatchObject({ ok: false, error });
    expect(result.ok ? '' : result.error.message).toContain('10.2.3.232');
    expect((await list('nl-set')).entries.length).toBe(1000);
  });

  it('beyond the ports of a bitmap are refused in its words', async () => {
    await make({ name: 'nl-set', type: 'bitmap:port', firstPort: 30_000, lastPort: 32_767 });
    const result = await client.addEntries({ setName: 'nl-set', entries: [{ port: 30_000 }, { port: 80 }] });
    expect(result).toMatchObject({ ok: false, error: { errnoName: 'IPSET_ERR_BITMAP_RANGE', index: 1 } });
  });

  it('that are no addresses are refused before anything is sent', async () => {
    await make(hash('hash:ip'));
    const result = await client.addEntries({ setName: 'nl-set', entries: [{ address: 'localhost' }] });
    expect(result).toMatchObject({ ok: false, error: { code: 'rejected', operation: 'IPSET_CMD_ADD' } });
  });

  it('come back complete from a set of sixty thousand', async () => {
    await make(hash('hash:ip'));
    const entries = addresses(0, 60_000);
    expect(await client.addEntries({ setName: 'nl-set', entries })).toMatchObject({ ok: true });
    const listed = new Set((await list('nl-set')).entries.map(({ address }) => address));
    expect(listed.size).toBe(60_000);
    expect(entries.every(({ address }) => listed.has(address))).toBe(true);
  });
});
