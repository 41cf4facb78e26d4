import { describe, expect, it } from 'vitest';
import { NLMSG_ERROR } from '../codec/constants.ts';
import { createFakeKernel, errorPayload } from '../testing/fake-kernel.ts';
import { type AccountingClient, createAccountingClient } from './accounting-client.ts';

const EBUSY = 16;
const EINVAL = 22;
const refusing = (errno: number) =>
  createFakeKernel({ answer: () => [{ type: NLMSG_ERROR, payload: errorPayload(errno) }] });

const ASKS: readonly ((client: AccountingClient, name: string) => Promise<unknown>)[] = [
  (client, name) => client.ensure([name]),
  (client, name) => client.read([name]),
  (client, name) => client.delete([name]),
];

describe('a kernel without nfnetlink_acct', () => {
  it('is reported by EINVAL for every request', async () => {
    const client = createAccountingClient(refusing(EINVAL));
    for (const ask of ASKS) {
      expect(await ask(client, 'a')).toMatchObject({
        ok: false,
        error: { code: 'unsupported', message: 'EINVAL: a' },
      });
    }
    client.close();
  });
});

describe('a name that no request can carry', () => {
  it('is rejected, and nothing is sent to the kernel', async () => {
    const kernel = refusing(EBUSY);
    const client = createAccountingClient(kernel);
    for (const ask of ASKS) {
      expect(await ask(client, '')).toMatchObject({ ok: false, error: { code: 'rejected' } });
    }
    expect(kernel.datagrams).toEqual([]);
    client.close();
  });
});
