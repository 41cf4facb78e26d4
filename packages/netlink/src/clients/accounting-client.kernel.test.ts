import { execFileSync } from 'node:child_process';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createAccountingClient } from './accounting-client.ts';

const client = createAccountingClient();
const NAMES = ['netlink-test-a', 'netlink-test-b'] as const;
const [A, B] = NAMES;

// The legacy variant forgets a rule, and what it refers to, before it returns.
const iptables = (...words: readonly string[]): unknown => execFileSync('iptables-legacy', words);
const countLoopback = (name: string): unknown =>
  iptables('-A', 'OUTPUT', '-d', '127.0.0.1', '-p', 'icmp', '-m', 'nfacct', '--nfacct-name', name);
const ping = (count: number): unknown =>
  execFileSync('ping', ['-c', String(count), '-i', '0.01', '127.0.0.1']);

beforeEach(async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  iptables('-F', 'OUTPUT');
  expect(await client.delete(NAMES)).toMatchObject({ ok: true, value: { inUse: [] } });
});

afterAll(async () => {
  iptables('-F', 'OUTPUT');
  await client.delete(NAMES);
  client.close();
});

describe('accounting objects', () => {
  it('are made, and read as empty', async () => {
    expect(await client.ensure(NAMES)).toEqual({ ok: true, value: null });
    expect(await client.read(NAMES)).toEqual({
      ok: true,
      value: NAMES.map((name) => ({ name, packets: 0, bytes: 0, references: 1 })),
    });
  });

  it('F162 F163: count the packets of rules that name them, and keep the count when made again', async () => {
    await client.ensure(NAMES);
    countLoopback(B);
    ping(2);
    // A request and its answer each; 84 bytes with the header.
    const counted = { name: B, packets: 4, bytes: 336, references: 2 };
    expect(await client.read([B])).toEqual({ ok: true, value: [counted] });
    expect(await client.ensure(NAMES)).toEqual({ ok: true, value: null });
    expect(await client.read(NAMES)).toMatchObject({ ok: true, value: [{ name: A, packets: 0 }, counted] });
  });

  it('start from zero after a read that resets them', async () => {
    await client.ensure([A]);
    countLoopback(A);
    ping(1);
    expect(await client.read([A], 'reset')).toMatchObject({ ok: true, value: [{ packets: 2 }] });
    expect(await client.read([A])).toMatchObject({ ok: true, value: [{ packets: 0, bytes: 0 }] });
  });

  it('that are not there are left out', async () => {
    await client.ensure([B]);
    expect(await client.read(NAMES)).toMatchObject({ ok: true, value: [{ name: B }] });
  });

  it('are deleted, those named and no others', async () => {
    await client.ensure(NAMES);
    expect(await client.delete([A])).toEqual({ ok: true, value: { deleted: [A], inUse: [] } });
    expect(await client.read(NAMES)).toMatchObject({ ok: true, value: [{ name: B }] });
    expect(await client.delete(NAMES)).toEqual({ ok: true, value: { deleted: [B], inUse: [] } });
  });

  it('stay while a rule refers to them', async () => {
    await client.ensure(NAMES);
    countLoopback(A);
    expect(await client.delete(NAMES)).toEqual({ ok: true, value: { deleted: [B], inUse: [A] } });
    expect(await client.read(NAMES)).toMatchObject({ ok: true, value: [{ name: A }] });
  });
});
