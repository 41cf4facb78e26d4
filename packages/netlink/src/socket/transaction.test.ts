import { describe, expect, it } from 'vitest';
import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from '../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import { createFakeKernel, errorPayload, type FakeAnswer } from '../testing/fake-kernel.ts';
import { openNetlink } from './open-netlink.ts';

const [BEGIN, END, FIRST] = [16, 17, 100];
const request = (type: number): NetlinkRequest => ({
  operation: `TEST ${type}`,
  type,
  flags: 0,
  payload: new Uint8Array(4),
});
const transaction = {
  begin: request(BEGIN),
  requests: [FIRST, FIRST + 1, FIRST + 2].map(request),
  end: request(END),
};

/** A kernel that refuses messages by type, and acknowledges those that ask for it, as nfnetlink does: even then. */
function kernelRefusing(refusals: Readonly<Record<number, number>>) {
  return createFakeKernel({
    answer: ({ type, flags }: NetlinkMessage): readonly FakeAnswer[] => {
      const errno = refusals[type];
      if (errno !== undefined) return [{ type: NLMSG_ERROR, payload: errorPayload(errno) }];
      return (flags & NLM_F_ACK) === 0 ? [] : [{ type: NLMSG_ERROR, payload: errorPayload(0) }];
    },
  });
}

describe('a transaction', () => {
  it('is one datagram, and the last request before its end asks for the answer', async () => {
    const kernel = kernelRefusing({});
    expect(await openNetlink('netfilter', kernel).transaction(transaction)).toEqual({
      ok: true,
      value: null,
    });
    expect(kernel.datagrams.map((datagram) => datagram.map(({ type, flags }) => [type, flags]))).toEqual([
      [
        [BEGIN, NLM_F_REQUEST],
        [FIRST, NLM_F_REQUEST],
        [FIRST + 1, NLM_F_REQUEST],
        [FIRST + 2, NLM_F_REQUEST | NLM_F_ACK],
        [END, NLM_F_REQUEST],
      ],
    ]);
  });

  it.each([0, 1, 2])(
    'fails with its first refusal, although its last request is acknowledged: %i',
    async (index) => {
      const kernel = kernelRefusing({ [FIRST + index]: 2, [FIRST + 2]: index === 2 ? 2 : 17 });
      expect(await openNetlink('netfilter', kernel).transaction(transaction)).toMatchObject({
        ok: false,
        error: { code: 'not-found', operation: `TEST ${FIRST + index}`, index },
      });
      const middle = kernelRefusing({ [FIRST + 1]: 17 });
      expect(await openNetlink('netfilter', middle).transaction(transaction)).toMatchObject({
        error: { code: 'exists', index: 1 },
      });
    },
  );

  it.each([
    [1, 'not-permitted'],
    [85, 'busy'],
    [95, 'unsupported'],
  ])('that is refused as a whole ends at once: errno %i', async (errno, code) => {
    const kernel = createFakeKernel({
      answer: ({ type }) => (type === BEGIN ? [{ type: NLMSG_ERROR, payload: errorPayload(errno) }] : []),
    });
    const result = await openNetlink('netfilter', kernel).transaction(transaction);
    expect(result).toMatchObject({ ok: false, error: { code, operation: `TEST ${BEGIN}` } });
    expect(result.ok || 'index' in result.error).toBe(false);
  });

  it('does not take an acknowledgement of one before it for its own', async () => {
    const kernel = kernelRefusing({ [BEGIN]: 11 });
    const transport = openNetlink('netfilter', kernel);
    const results = [transport.transaction(transaction), transport.request(request(FIRST))];
    expect((await Promise.all(results)).map(({ ok }) => ok)).toEqual([false, true]);
  });
});
