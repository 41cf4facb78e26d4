import { fail } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_DONE, NLMSG_ERROR } from '../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import { createFakeKernel, errorPayload, type FakeAnswer } from '../testing/fake-kernel.ts';
import { openNetlink } from './open-netlink.ts';

const DATA = 40;
const ACK: FakeAnswer = { type: NLMSG_ERROR, payload: errorPayload(0) };
const DONE: FakeAnswer = { type: NLMSG_DONE, flags: NLM_F_MULTI, payload: Buffer.alloc(4) };
const refused = (errno: number): FakeAnswer => ({ type: NLMSG_ERROR, payload: errorPayload(errno) });
const item = (value: number, flags = NLM_F_MULTI): FakeAnswer => ({
  type: DATA,
  flags,
  payload: Buffer.of(value),
});

const request = (value: number, operation = 'TEST'): NetlinkRequest => ({
  operation,
  type: 30,
  flags: 0,
  payload: Buffer.of(value, 0, 0, 0),
});
const valueOf = (message: NetlinkMessage): number => message.payload[0] ?? -1;
const wantsAnswer = (message: NetlinkMessage): boolean => (message.flags & 4) !== 0;

/** Acknowledges requests that ask for it; rejects those for which `errnoOf` has an error, acknowledged or not. */
const polite =
  (errnoOf: (value: number) => number) =>
  (message: NetlinkMessage): FakeAnswer[] => {
    const errno = errnoOf(valueOf(message));
    if (errno !== 0) return [refused(errno)];
    return wantsAnswer(message) ? [ACK] : [];
  };

describe('request', () => {
  it('gives the messages that came before the acknowledgement', async () => {
    const kernel = createFakeKernel({ answer: () => [item(7, 0), item(8, 0), ACK] });
    const result = await openNetlink('route', kernel).request(request(1));
    expect(result.ok && result.value.map(valueOf)).toEqual([7, 8]);
  });

  it('gives a refusal as a value that names operation and errno', async () => {
    const kernel = createFakeKernel({ answer: () => [refused(17)] });
    const result = await openNetlink('route', kernel).request({ ...request(1), context: { subject: 'br0' } });
    expect(result).toEqual(
      fail({ code: 'exists', operation: 'TEST', message: 'EEXIST: br0', errno: 17, errnoName: 'EEXIST' }),
    );
  });

  it('takes no answer that is meant for another', async () => {
    const kernel = createFakeKernel({
      answer: ({ sequence }) => [
        { ...refused(1), sequence: sequence + 1 },
        { ...item(3, 0), sequence: 0 },
        ACK,
      ],
    });
    expect(await openNetlink('route', kernel).request(request(1))).toEqual({ ok: true, value: [] });
  });

  it('waits for its turn: never two datagrams in flight', async () => {
    const kernel = createFakeKernel({ answer: () => [ACK] });
    const transport = openNetlink('route', kernel);
    const all = [1, 2, 3].map((value) => transport.request(request(value)));
    expect(kernel.datagrams.length, 'sent before any answer').toBe(1);
    await Promise.all(all);
    expect(kernel.datagrams.map((datagram) => datagram.map(valueOf))).toEqual([[1], [2], [3]]);
  });

  it('ends with a time-out when the kernel keeps silent, and goes on with a new socket', async () => {
    const kernel = createFakeKernel({ answer: (message) => (valueOf(message) === 1 ? [] : [ACK]) });
    const clock = createManualClock();
    const transport = openNetlink('route', { open: kernel.open, clock });
    const both = Promise.all([transport.request(request(1)), transport.request(request(2))]);
    clock.advance(5_000);
    const [silent, next] = await both;
    expect(silent).toMatchObject({ ok: false, error: { code: 'timeout', operation: 'TEST' } });
    expect(next.ok).toBe(true);
    expect(kernel.opened()).toBe(2);
  });

  it('counts the time-out of an answer from the last part that arrived', async () => {
    const clock = createManualClock();
    const kernel = createFakeKernel({ answer: () => [item(1)] });
    const dumped = openNetlink('route', { open: kernel.open, clock }).dump(request(0), valueOf);
    clock.advance(4_000);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(4_999);
    expect(clock.pending.map(({ dueAt }) => dueAt - clock.elapsed())).toEqual([1]);
    clock.advance(1);
    expect(await dumped).toMatchObject({ ok: false, error: { code: 'timeout' } });
  });

  it('ends with the error of the socket, and goes on with a new one', async () => {
    const kernel = createFakeKernel({ answer: (message) => (valueOf(message) === 1 ? [] : [ACK]) });
    const transport = openNetlink('route', kernel);
    const first = transport.request(request(1));
    kernel.breakSocket('ENOBUFS');
    expect(await first).toMatchObject({
      ok: false,
      error: { code: 'busy', errnoName: 'ENOBUFS', operation: 'TEST' },
    });
    expect((await transport.request(request(2))).ok).toBe(true);
    expect(kernel.opened()).toBe(2);
  });

  it('fails at each request where no socket can be opened', async () => {
    const error = { code: 'unsupported', operation: 'socket', message: 'EPROTONOSUPPORT' } as const;
    const transport = openNetlink('netfilter', { open: () => fail(error) });
    for (const value of [1, 2]) {
      expect(await transport.request(request(value))).toMatchObject({
        ok: false,
        error: { code: 'unsupported' },
      });
    }
  });
});

describe('close', () => {
  it('ends what waits and what comes later', async () => {
    const kernel = createFakeKernel({ answer: () => [] });
    const transport = openNetlink('route', kernel);
    const waiting = [transport.request(request(1)), transport.requestAll([request(2)])];
    transport.close();
    transport.close();
    const results = await Promise.all([...waiting, transport.request(request(3))]);
    for (const result of results) expect(result).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    expect(kernel.datagrams.length).toBe(1);
  });
});

describe('requestAll', () => {
  const list = Array.from({ length: 100 }, (_, at) => request(at));

  it('returns the outcome of each request', async () => {
    const kernel = createFakeKernel({ answer: polite((value) => (value % 10 === 3 ? 2 : 0)) });
    const result = await openNetlink('route', kernel).requestAll(list);
    const outcomes = result.ok ? result.value : [];
    expect(outcomes.length).toBe(100);
    expect(outcomes.flatMap((outcome, at) => (outcome === undefined ? [] : [at]))).toEqual([
      3, 13, 23, 33, 43, 53, 63, 73, 83, 93,
    ]);
  });

  it.each([
    ['netfilter', 100],
    ['route', 1],
  ] as const)(
    'takes one "not permitted" of the %s kernel for %i of 100 requests',
    async (protocol, count) => {
      const kernel = createFakeKernel({
        answer: (message) => (valueOf(message) === 0 ? [refused(1)] : wantsAnswer(message) ? [ACK] : []),
      });
      const result = await openNetlink(protocol, kernel).requestAll(list);
      const outcomes = result.ok ? result.value : [];
      expect(outcomes.filter((outcome) => outcome?.code === 'not-permitted')).toHaveLength(count);
    },
  );

  it('sends many to a datagram and asks for one acknowledgement each', async () => {
    const kernel = createFakeKernel({ answer: polite(() => 0) });
    await openNetlink('route', kernel).requestAll(list);
    expect(kernel.datagrams.length).toBe(1);
    expect(kernel.datagrams[0]?.filter(wantsAnswer).map(valueOf)).toEqual([99]);
  });

  it('sends no more at a time than answers fit the receive buffer', async () => {
    const kernel = createFakeKernel({ answer: polite(() => 2), receiveBufferBytes: 20 * 768 });
    const result = await openNetlink('route', kernel).requestAll(list);
    expect(result.ok && result.value.filter((outcome) => outcome?.code === 'not-found').length).toBe(100);
    const sizes = kernel.datagrams.map((datagram) => datagram.length);
    expect(Math.max(...sizes), `datagrams of ${sizes.join(', ')} messages`).toBeLessThanOrEqual(10);
    expect(kernel.datagrams.flat().map(valueOf)).toEqual(list.map((_, at) => at));
  });

  it('is an error if the fate of a datagram is unknown', async () => {
    const kernel = createFakeKernel({ answer: () => [] });
    const clock = createManualClock();
    const ended = openNetlink('route', { open: kernel.open, clock }).requestAll(list);
    clock.advance(5_000);
    const result = await ended;
    expect(result).toMatchObject({ ok: false, error: { code: 'timeout' } });
  });

  it('has nothing to send for nothing', async () => {
    const kernel = createFakeKernel({ answer: () => [ACK] });
    expect(await openNetlink('route', kernel).requestAll([])).toEqual({ ok: true, value: [] });
    expect(kernel.opened()).toBe(0);
  });
});

describe('dump', () => {
  it('gives the items', async () => {
    const kernel = createFakeKernel({ answer: () => [item(1), item(2), item(3), DONE] });
    const result = await openNetlink('route', kernel).dump(request(0), (message) =>
      valueOf(message) === 2 ? undefined : valueOf(message),
    );
    expect(result).toEqual({ ok: true, value: { items: [1, 3], quality: 'consistent' } });
  });

  it('S45: is repeated while the kernel reports that its table changed during the dump', async () => {
    const state = { dumps: 0 };
    const kernel = createFakeKernel({
      answer: () => [
        item((state.dumps += 1), state.dumps < 4 ? NLM_F_MULTI | NLM_F_DUMP_INTR : NLM_F_MULTI),
        DONE,
      ],
    });
    const result = await openNetlink('route', kernel).dump(request(0), valueOf);
    expect(result).toEqual({ ok: true, value: { items: [4], quality: 'consistent' } });
  });

  it('is returned as it is, marked as such, after five repetitions', async () => {
    const kernel = createFakeKernel({ answer: () => [item(9), { ...DONE, flags: NLM_F_DUMP_INTR }] });
    const result = await openNetlink('route', kernel).dump(request(0), valueOf);
    expect(result).toEqual({ ok: true, value: { items: [9], quality: 'interrupted' } });
    expect(kernel.datagrams.length).toBe(6);
  });

  it.each([
    ['an error message', refused(2)],
    ['an error in its last message', { ...DONE, payload: Buffer.from('feffffff', 'hex') }],
  ])('can end with %s', async (_what, end) => {
    const kernel = createFakeKernel({ answer: () => [item(1), end] });
    const result = await openNetlink('route', kernel).dump(request(0), valueOf);
    expect(result).toMatchObject({ ok: false, error: { code: 'not-found', errno: 2 } });
  });

  it('turns a reader that throws into a value', async () => {
    const kernel = createFakeKernel({ answer: () => [item(1), DONE] });
    const result = await openNetlink('route', kernel).dump(request(0), () => {
      throw new RangeError('out of range');
    });
    expect(result).toMatchObject({ ok: false, error: { code: 'protocol', operation: 'TEST' } });
  });
});
