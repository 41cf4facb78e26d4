import { describe, expect, it } from 'vitest';
import { createNftablesClient } from '../../clients/nftables-client.ts';
import { encodeRequest } from '../../codec/message.ts';
import { NLMSG_ERROR } from '../../codec/constants.ts';
import { createFakeKernel, errorPayload } from '../../testing/fake-kernel.ts';
import { encodeGetGeneration } from './generation.ts';

/** NFT_MSG_NEWGEN as kernel 6.18 answered process 29015, `python3`. */
const NEWGEN = Buffer.from('00000002080001000000000208000200000071570c000300707974686f6e3300', 'hex');

describe('NFT_MSG_GETGEN', () => {
  it('is the request that the kernel takes', () => {
    const bytes = encodeRequest(encodeGetGeneration(), { sequence: 1, mode: 'acknowledge' });
    expect(bytes.toString('hex')).toBe('14000000100a0500010000000000000000000000');
  });

  it('gives the generation of the answer', async () => {
    const kernel = createFakeKernel({
      answer: () => [
        { type: 0x0a0f, payload: NEWGEN },
        { type: NLMSG_ERROR, payload: errorPayload(0) },
      ],
    });
    const client = createNftablesClient(kernel);
    expect(await client.generation()).toEqual({ ok: true, value: 2 });
    client.close();
  });

  it('is an error of code protocol without a generation, and the errno of a refusal otherwise', async () => {
    const EPERM = 1;
    for (const [payload, code] of [
      [errorPayload(0), 'protocol'],
      [errorPayload(EPERM), 'not-permitted'],
    ] as const) {
      const client = createNftablesClient(
        createFakeKernel({ answer: () => [{ type: NLMSG_ERROR, payload }] }),
      );
      expect(await client.generation()).toMatchObject({ ok: false, error: { code } });
      client.close();
    }
  });
});
