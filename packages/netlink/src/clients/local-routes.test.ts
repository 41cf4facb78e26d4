import { fail, succeed } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { expect, it } from 'vitest';
import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import { addressBytes, addressText } from '../codec/address.ts';
import { RTM } from '../families/route/constants.ts';
import type { NetlinkError, NetlinkResult } from '../result.ts';
import type { NetlinkTransport } from '../socket/transport.ts';
import { localRoutes } from './local-routes.ts';

const RTMSG_BYTES = 12;
const addressOf = (address: string) =>
  ({ family: 'IPv6', address, prefixLength: 128, linkIndex: 3 }) as const;
const addresses = ['fd00:96::1', 'fd00:96::2'].map(addressOf);

type Answer = NetlinkResult<readonly NetlinkMessage[]>;

/** RTM_NEWROUTE to this address with this `rtm_type`. */
function route(address: string, type: number): NetlinkMessage {
  const header = Buffer.alloc(RTMSG_BYTES);
  header[7] = type;
  const payload = Buffer.concat([header, Buffer.from([20, 0, 1, 0]), addressBytes(address)]);
  return { type: RTM.NEWROUTE, flags: 0, sequence: 1, payload };
}

const LOCAL = 2;
const UNICAST = 1;
const UNREACHABLE = fail({
  code: 'rejected',
  operation: 'RTM_GETROUTE',
  message: 'Network is unreachable',
} as const);

type Reply = typeof LOCAL | typeof UNICAST | ReturnType<typeof fail<NetlinkError>>;

/** `answers`: of each address, the last one again and again. */
function kernel(answers: Readonly<Record<string, readonly Reply[]>>) {
  const asked: string[] = [];
  const reply = (address: string): Reply => {
    asked.push(address);
    const all = answers[address] ?? [];
    const at = asked.filter((each) => each === address).length - 1;
    return all[at] ?? all.at(-1) ?? UNREACHABLE;
  };
  const request = ({ payload }: NetlinkRequest): Promise<Answer> => {
    const address = addressText(Buffer.from(payload).subarray(RTMSG_BYTES + 4)) ?? '';
    const answer = reply(address);
    return Promise.resolve(typeof answer === 'number' ? succeed([route(address, answer)]) : answer);
  };
  /** All local routes at once. */
  const dump: NetlinkTransport['dump'] = (_request, read) => {
    const local = Object.keys(answers).filter((address) => reply(address) === LOCAL);
    const items = local.flatMap((address) => read(route(address, LOCAL)) ?? []);
    return Promise.resolve(succeed({ items, quality: 'consistent' }));
  };
  return { asked, request, dump };
}

async function twoPolls(clock: ManualClock): Promise<void> {
  for (let at = 0; at < 2; at++) {
    await clock.waitForTimer(() => true);
    clock.advance(1);
  }
}

it('asks again for the addresses without a local route, until each has one', async () => {
  const clock = createManualClock();
  const answers = { 'fd00:96::1': [LOCAL], 'fd00:96::2': [UNREACHABLE, UNICAST, LOCAL] } as const;
  const { asked, ...transport } = kernel(answers);
  const waiting = localRoutes(transport, addresses, clock);
  await twoPolls(clock);
  await waiting;
  expect(asked).toEqual(['fd00:96::1', 'fd00:96::2', 'fd00:96::2', 'fd00:96::2']);
});

it('lists the routes instead, as long as many addresses have none', async () => {
  const clock = createManualClock();
  const many = Array.from({ length: 40 }, (_, at) => `fd00:96::${(at + 1).toString(16)}`);
  const answers: Record<string, readonly Reply[]> = {};
  for (const [at, each] of many.entries()) answers[each] = at < 20 ? [UNICAST, LOCAL] : [LOCAL];
  answers['fd00:96::1'] = [UNICAST, UNICAST, LOCAL];
  const { asked, ...transport } = kernel(answers);
  const waiting = localRoutes(
    transport,
    many.map((address) => addressOf(address.replace('fd00:96::', 'fd00:96:0::'))),
    clock,
  );
  await twoPolls(clock);
  await waiting;
  // Two listings, and a question for the last one.
  expect(asked).toEqual([...many, ...many, 'fd00:96::1']);
});

it('ends after a second, and at once where the kernel does not answer', async () => {
  const clock = createManualClock();
  const waiting = localRoutes(kernel({}), addresses, clock);
  await clock.waitForTimer(() => true);
  clock.advance(1000);
  await waiting;
  const closed = fail({
    code: 'unavailable',
    operation: 'RTM_GETROUTE',
    message: 'closed',
  } as const);
  await localRoutes(kernel({ 'fd00:96::1': [closed], 'fd00:96::2': [closed] }), addresses, clock);
});
