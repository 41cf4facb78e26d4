import { fail, succeed } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { expect, it } from 'vitest';
import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import { addressText } from '../codec/address.ts';
import { RTM } from '../families/route/constants.ts';
import type { NetlinkResult } from '../result.ts';
import { localRoutes } from './local-routes.ts';

const RTMSG_BYTES = 12;
const addresses = ['fd00:96::1', 'fd00:96::2'].map(
  (address) => ({ family: 'IPv6', address, prefixLength: 128, linkIndex: 3 }) as const,
);

/** RTM_NEWROUTE with this `rtm_type`. */
function route(type: number): NetlinkResult<readonly NetlinkMessage[]> {
  const payload = Buffer.alloc(RTMSG_BYTES);
  payload[7] = type;
  return succeed([{ type: RTM.NEWROUTE, flags: 0, sequence: 1, payload }]);
}

const LOCAL = route(2);
const UNICAST = route(1);
const UNREACHABLE = fail({
  code: 'rejected',
  operation: 'RTM_GETROUTE',
  message: 'Network is unreachable',
} as const);

/** `answers`: of each address, the last one again and again. */
function kernel(answers: Readonly<Record<string, readonly NetlinkResult<readonly NetlinkMessage[]>[]>>) {
  const asked: string[] = [];
  const request = ({ payload }: NetlinkRequest) => {
    const address = addressText(Buffer.from(payload).subarray(RTMSG_BYTES + 4)) ?? '';
    asked.push(address);
    const all = answers[address] ?? [];
    const at = asked.filter((each) => each === address).length - 1;
    return Promise.resolve(all[at] ?? all.at(-1) ?? UNREACHABLE);
  };
  return { asked, request };
}

it('asks again for the addresses without a local route, until each has one', async () => {
  const clock = createManualClock();
  const { asked, request } = kernel({
    'fd00:96::1': [LOCAL],
    'fd00:96::2': [UNREACHABLE, UNICAST, LOCAL],
  });
  const waiting = localRoutes({ request }, addresses, clock);
  for (let at = 0; at < 2; at++) {
    await clock.waitForTimer(() => true);
    clock.advance(1);
  }
  await waiting;
  expect(asked).toEqual(['fd00:96::1', 'fd00:96::2', 'fd00:96::2', 'fd00:96::2']);
});

it('ends after a second, and at once where the kernel does not answer', async () => {
  const clock = createManualClock();
  const waiting = localRoutes(kernel({}), addresses, clock);
  await clock.waitForTimer(() => true);
  clock.advance(1000);
  await waiting;
  const closed = fail({ code: 'unavailable', operation: 'RTM_GETROUTE', message: 'closed' } as const);
  await localRoutes(kernel({ 'fd00:96::1': [closed], 'fd00:96::2': [closed] }), addresses, clock);
});
