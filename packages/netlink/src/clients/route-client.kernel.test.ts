import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LINK_FLAG } from '../families/route/constants.ts';
import { createRouteClient } from './route-client.ts';

const client = createRouteClient();

/** Sends a datagram to a socket at this address; an error, if there is no route to it. */
async function echo(address: string): Promise<string> {
  const server = createSocket('udp6').bind(0, address);
  await once(server, 'listening');
  const sender = createSocket('udp6');
  const outcome = new Promise<string>((resolve) => {
    server.once('message', () => resolve('received'));
    sender.send('x', server.address().port, address, (error) => {
      if (error !== null) resolve(error.message);
    });
  });
  try {
    return await outcome;
  } finally {
    server.close();
    sender.close();
  }
}
const name = 'nl-route0';
const state = { index: 0 };

beforeAll(async () => {
  // A bridge without ports: like a dummy link, but in every kernel.
  expect(await client.addLink({ name, kind: 'bridge', mtu: 1400 })).toMatchObject({ ok: true });
  const link = await client.getLink({ name });
  if (link.ok) state.index = link.value.index;
});

afterAll(async () => {
  await client.deleteLink({ name });
  client.close();
});

describe('links', () => {
  it('are there when they were made, and down', async () => {
    const link = await client.getLink({ name });
    expect(link).toMatchObject({ ok: true, value: { name, kind: 'bridge', mtu: 1400 } });
    expect(link.ok && link.value.flags & LINK_FLAG.up).toBe(0);
    const all = await client.listLinks();
    expect(all.ok && all.value.map((each) => each.name)).toEqual(expect.arrayContaining(['lo', name]));
  });

  it('go up and down', async () => {
    for (const wanted of ['up', 'down'] as const) {
      expect(await client.setLinkState({ name }, wanted)).toMatchObject({ ok: true });
      const link = await client.getLink({ index: state.index });
      expect(link.ok && (link.value.flags & LINK_FLAG.up) !== 0, wanted).toBe(wanted === 'up');
    }
  });

  it('come in pairs', async () => {
    expect(await client.addLink({ name: 'nl-v0', kind: 'veth', peer: 'nl-v1' })).toMatchObject({ ok: true });
    expect(await client.getLink({ name: 'nl-v1' })).toMatchObject({ ok: true, value: { kind: 'veth' } });
    expect(await client.deleteLink({ name: 'nl-v0' })).toMatchObject({ ok: true });
    expect(await client.getLink({ name: 'nl-v1' })).toMatchObject({
      ok: false,
      error: { code: 'not-found' },
    });
  });

  it.each([
    ['a name that is taken', () => client.addLink({ name, kind: 'bridge' }), 'exists', 'RTM_NEWLINK'],
    ['a link that is not there', () => client.deleteLink({ name: 'nl-none' }), 'not-found', 'RTM_DELLINK'],
    ['a number that is none', () => client.getLink({ index: 999_999 }), 'not-found', 'RTM_GETLINK'],
  ])('refuse %s', async (_what, act, code, operation) => {
    expect(await act()).toMatchObject({ ok: false, error: { code, operation } });
  });

  it('of a kind that the kernel may lack are created, or fail with `unsupported`', async () => {
    const result = await client.addLink({ name: 'nl-dummy0', kind: 'dummy' });
    if (result.ok) expect(await client.deleteLink({ name: 'nl-dummy0' })).toMatchObject({ ok: true });
    else expect(result.error.code).toBe('unsupported');
  });
});

describe('addresses', () => {
  const service = () =>
    ({ family: 'IPv4', address: '10.96.0.1', prefixLength: 32, linkIndex: state.index }) as const;
  const service6 = () =>
    ({ family: 'IPv6', address: 'fd00:96::1', prefixLength: 128, linkIndex: state.index }) as const;

  it('are added once, listed by family, and deleted once', async () => {
    const add = [
      { kind: 'add-address', address: service() },
      { kind: 'add-address', address: service() },
      { kind: 'add-address', address: service6(), options: { noDad: true } },
    ] as const;
    const added = await client.applyAddresses(add);
    expect(added.ok && added.value.map((outcome) => outcome?.code)).toEqual([undefined, 'exists', undefined]);
    const selection = { linkIndex: state.index };
    expect(await client.listAddresses({ ...selection, family: 'IPv4' })).toMatchObject({
      value: [service()],
    });
    expect(await client.listAddresses({ ...selection, family: 'IPv6' })).toMatchObject({
      value: [service6()],
    });
    const gone = await client.applyAddresses([
      { kind: 'delete-address', address: service() },
      { kind: 'delete-address', address: service() },
      { kind: 'delete-address', address: service6() },
    ]);
    expect(gone.ok && gone.value.map((outcome) => outcome?.code)).toEqual([
      undefined,
      'not-found',
      undefined,
    ]);
    expect(await client.listAddresses(selection)).toEqual({ ok: true, value: [] });
  });

  it('go in by the thousand', async () => {
    const many = Array.from({ length: 5000 }, (_, at) => ({
      ...service(),
      address: `10.97.${at >> 8}.${at & 255}`,
    }));
    const added = await client.applyAddresses(
      many.map((address) => ({ kind: 'add-address' as const, address })),
    );
    expect(added.ok && added.value.filter((outcome) => outcome !== undefined)).toEqual([]);
    const listed = await client.listAddresses({ linkIndex: state.index, family: 'IPv4' });
    expect(listed.ok && new Set(listed.value.map(({ address }) => address))).toEqual(
      new Set(many.map(({ address }) => address)),
    );
  });

  it('of IPv6 receive packets when the call resolves, not some time after the answer of the kernel', async () => {
    expect(await client.setLinkState({ name: 'lo' }, 'up')).toMatchObject({ ok: true });
    for (let at = 0; at < 100; at++) {
      const address = { ...service6(), address: `fd00:97::${(at + 1).toString(16)}` };
      await client.applyAddresses([{ kind: 'add-address', address, options: { noDad: true } }]);
      expect(await echo(address.address), address.address).toBe('received');
    }
    const many = Array.from({ length: 40 }, (_, at) => `fd00:98::${(at + 1).toString(16)}`);
    await client.applyAddresses(
      many.map((address) => ({
        kind: 'add-address',
        address: { ...service6(), address },
        options: { noDad: true },
      })),
    );
    expect(await Promise.all(many.map(echo))).toEqual(many.map(() => 'received'));
  });

  it('that are none are refused before anything is sent', async () => {
    const result = await client.applyAddresses([
      { kind: 'add-address', address: { ...service(), address: '10.98.0.1' } },
      { kind: 'add-address', address: { ...service(), address: 'localhost' } },
    ]);
    expect(result).toMatchObject({ ok: false, error: { code: 'rejected' } });
    const listed = await client.listAddresses({ linkIndex: state.index });
    expect(listed.ok && listed.value.some(({ address }) => address === '10.98.0.1')).toBe(false);
  });
});
