import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { FlowKey } from '../families/conntrack/flow.ts';
import type { AddressFamily } from '../codec/address.ts';
import { createConntrackClient } from './conntrack-client.ts';

const UDP = 17;
const TCP = 6;
const client = createConntrackClient();

/** As destination NAT leaves it: the answer comes from the endpoint. */
function flow(index: number, protocol = UDP, family: AddressFamily = 'IPv4'): FlowKey {
  const prefix = family === 'IPv4' ? '10.88.' : 'fd88::';
  const host = (number: number): string =>
    family === 'IPv4' ? `${prefix}${number >> 8}.${number & 255}` : `${prefix}${number.toString(16)}`;
  const [address, service, endpoint] = [host(index), host(60_001), host(60_002)];
  return {
    family,
    protocol,
    original: { source: address, sourcePort: 4000, destination: service, destinationPort: 53 },
    reply: { source: endpoint, sourcePort: 5353, destination: address, destinationPort: 4000 },
  };
}

const range = (count: number): FlowKey[] => Array.from({ length: count }, (_, index) => flow(index));

async function listed(protocols: readonly number[], family: AddressFamily = 'IPv4') {
  const result = await client.listFlows(family, protocols);
  expect(result.ok, result.ok ? '' : result.error.message).toBe(true);
  return result.ok ? result.value.items : [];
}

const key = ({ family, protocol, original, reply }: FlowKey): FlowKey => ({
  family,
  protocol,
  original,
  reply,
});

beforeEach(async () => {
  for (const family of ['IPv4', 'IPv6'] as const) await client.deleteFlows(await listed([UDP, TCP], family));
});

afterAll(() => client.close());

describe('flows', () => {
  it('are listed by family and protocol, both directions', async () => {
    const flows = [flow(1), flow(2, TCP), flow(3, UDP, 'IPv6')];
    expect(await client.createFlows(flows, 300)).toEqual({
      ok: true,
      value: [undefined, undefined, undefined],
    });
    expect((await listed([UDP])).map(key)).toEqual([flow(1)]);
    expect((await listed([TCP])).map(key)).toEqual([flow(2, TCP)]);
    expect((await listed([UDP, TCP])).map(key)).toEqual(expect.arrayContaining([flow(1), flow(2, TCP)]));
    expect((await listed([UDP, TCP], 'IPv6')).map(key)).toEqual([flow(3, UDP, 'IPv6')]);
  });

  it('are deleted, those named and no others', async () => {
    await client.createFlows(range(10), 300);
    const before = await listed([UDP]);
    const stale = before.filter((_, index) => index % 2 === 0);
    expect(await client.deleteFlows(stale)).toMatchObject({ ok: true, value: { deleted: 5, gone: 0 } });
    const left = (await listed([UDP])).map(({ id }) => id);
    expect(left).toEqual(
      expect.arrayContaining(before.filter((_, index) => index % 2 === 1).map(({ id }) => id)),
    );
    expect(left.length).toBe(5);
  });

  it('that are gone already are counted, and are no error', async () => {
    await client.createFlows(range(3), 300);
    const flows = await listed([UDP]);
    await client.deleteFlows(flows.slice(0, 1));
    const result = await client.deleteFlows(flows);
    expect(result).toMatchObject({ ok: true, value: { deleted: 2, gone: 1 } });
  });

  it('with the addresses of another entry are distinguished by the id', async () => {
    await client.createFlows([flow(1)], 300);
    const others = (await listed([UDP])).map((each) => ({ ...each, id: (each.id ?? 0) ^ 1 }));
    expect(others.length).toBe(1);
    expect(await client.deleteFlows(others)).toMatchObject({ ok: true, value: { deleted: 0, gone: 1 } });
    expect((await listed([UDP])).map(key)).toEqual([flow(1)]);
  });

  it('are handled by the ten thousand', async () => {
    const created = await client.createFlows(range(20_000), 300);
    expect(created.ok && created.value.filter((outcome) => outcome !== undefined)).toEqual([]);
    const flows = await listed([UDP]);
    expect(flows.length).toBe(20_000);
    expect(await client.deleteFlows(flows)).toMatchObject({ ok: true, value: { deleted: 20_000, gone: 0 } });
    expect(await listed([UDP])).toEqual([]);
  });

  it('none of which are named: none is deleted', async () => {
    await client.createFlows(range(2), 300);
    expect(await client.deleteFlows([])).toMatchObject({ ok: true, value: { deleted: 0, gone: 0 } });
    expect((await listed([UDP])).length).toBe(2);
  });
});
