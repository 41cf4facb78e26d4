import { describe, expect, it } from 'vitest';
import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import { PayloadWriter } from '../codec/writer.ts';
import { genericHeader } from '../families/generic.ts';
import { fail, succeed } from '@signalbox/core';
import type { NetlinkError } from '../result.ts';
import type { NetlinkTransport } from '../socket/transport.ts';
import { createIpvsClient, type IpvsChange, type IpvsClient } from './ipvs-client.ts';

const GONE: NetlinkError = { code: 'not-found', operation: 'IPVS', message: 'ENOENT', errnoName: 'ENOENT' };
const FIRST_FAMILY = 30;

/** The kernel gives the family another number each time that its module is loaded. */
function lab() {
  const state = { family: FIRST_FAMILY, asked: 0, isLoaded: true };
  const sent: number[] = [];
  const isKnown = ({ type }: NetlinkRequest): boolean => {
    sent.push(type);
    return state.isLoaded && type === state.family;
  };
  const transport: NetlinkTransport = {
    request(request) {
      if (request.operation !== 'CTRL_CMD_GETFAMILY')
        return Promise.resolve(isKnown(request) ? succeed([]) : fail(GONE));
      state.asked += 1;
      if (!state.isLoaded) return Promise.resolve(fail(GONE));
      const payload = new PayloadWriter().raw(genericHeader(1, 2)).u16(1, state.family).text(2, 'IPVS');
      const message: NetlinkMessage = { type: 16, flags: 0, sequence: 1, payload: payload.finish() };
      return Promise.resolve(succeed([message]));
    },
    requestAll: (requests) =>
      Promise.resolve(succeed(requests.map((each) => (isKnown(each) ? undefined : GONE)))),
    transaction: () => Promise.resolve(succeed(null)),
    dump: (request) =>
      Promise.resolve(isKnown(request) ? succeed({ items: [], quality: 'consistent' as const }) : fail(GONE)),
    close: () => undefined,
  };
  return { state, sent, client: createIpvsClient({}, transport) };
}

const SERVICE = { family: 'IPv4', protocol: 6, address: '10.96.0.1', port: 80 } as const;
const CHANGE: IpvsChange = { kind: 'delete-service', service: SERVICE };

const CALLS: readonly (readonly [name: string, call: (client: IpvsClient) => Promise<unknown>])[] = [
  ['apply', (client) => client.apply([CHANGE])],
  ['listServices', (client) => client.listServices('IPv4')],
];

describe('the number of the family', () => {
  it('is asked for once', async () => {
    const { state, sent, client } = lab();
    for (const [, call] of [...CALLS, ...CALLS]) expect(await call(client)).toMatchObject({ ok: true });
    expect([state.asked, ...sent]).toEqual([1, ...Array.from({ length: 4 }, () => FIRST_FAMILY)]);
  });

  it.each(CALLS)('is asked for again once %s found that the module was unloaded', async (_, call) => {
    const { state, sent, client } = lab();
    await client.apply([CHANGE]);
    state.family += 1;
    await call(client);
    expect(await client.apply([CHANGE])).toEqual({ ok: true, value: [undefined] });
    expect(sent).toEqual([FIRST_FAMILY, FIRST_FAMILY, FIRST_FAMILY + 1]);
  });

  it.each(CALLS)('is not known in a kernel without IPVS, and %s asks for it each time', async (_, call) => {
    const { state, client } = lab();
    state.isLoaded = false;
    expect(await call(client)).toMatchObject({ ok: false, error: { code: 'unsupported' } });
    state.isLoaded = true;
    expect(await call(client)).toMatchObject({ ok: true });
  });
});
