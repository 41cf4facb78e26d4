import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { recordingComposition } from '../testing/composition.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => void server.close(resolve));
});

/** A server that answers every request; the requested paths. */
async function serving(status: number, body: string) {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    response.writeHead(status);
    response.end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return { paths, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function diff(...argv: readonly string[]) {
  const printed: string[] = [];
  const terminal = { print: (text: string) => void printed.push(text), hint: () => undefined };
  const { status, errors } = await runCommandLine(['diff', ...argv], recordingComposition(), terminal);
  return { status, errors, printed: printed.join('') };
}

const LINES = ['@@ set KUBE-CLUSTER-IP @@', '+add KUBE-CLUSTER-IP 10.96.0.1,tcp:80'];
const answer = (lines: readonly string[] | null, error: object | null = null) =>
  JSON.stringify({ families: [{ family: 'IPv4', mode: 'ipvs', lines, error }] });

describe('signalbox diff', () => {
  it('prints nothing and ends with 0 if nothing differs', async () => {
    const { address, paths } = await serving(200, answer([]));
    expect(await diff(`--metrics-bind-address=${address}`)).toEqual({ status: 0, errors: [], printed: '' });
    expect(paths).toEqual(['/debug/diff']);
  });

  it('prints the lines of each family and ends with 1 if the kernel differs', async () => {
    const { address } = await serving(200, answer(LINES));
    const { status, printed } = await diff(`--metrics-bind-address=${address}`);
    expect(status).toBe(1);
    expect(printed.split('\n')).toEqual(['--- IPv4 ipvs: kernel', '+++ IPv4 ipvs: desired', ...LINES, '']);
  });

  it('prints the answer of the proxy as JSON', async () => {
    const { address } = await serving(200, answer(LINES));
    const { status, printed } = await diff(`--metrics-bind-address=${address}`, '-o', 'json');
    expect(status).toBe(1);
    expect(JSON.parse(printed)).toEqual(JSON.parse(answer(LINES)));
  });

  it.each([
    ['a rule set that cannot be read', 200, answer(null, { operation: 'iptables-save', message: 'locked' })],
    ['a mode that cannot compare', 200, answer(null)],
    ['another program', 200, '<html>'],
    ['another answer', 200, '{}'],
    ['a refusal', 403, '{"error":"Host"}'],
  ])('ends with 2 and one error for %s', async (_, status, body) => {
    const { address } = await serving(status, body);
    const { errors, ...rest } = await diff(`--metrics-bind-address=${address}`);
    expect([rest.status, errors.length]).toEqual([2, 1]);
  });

  it('names the address and the flag if no proxy listens', async () => {
    const { address } = await serving(200, '');
    for (const server of servers.splice(0)) await new Promise((resolve) => void server.close(resolve));
    const { status, errors } = await diff(`--metrics-bind-address=${address}`);
    expect(status).toBe(2);
    expect(errors[0]).toContain(`http://${address}/debug/diff: `);
    expect(errors[0]).toContain('--metrics-bind-address');
  });

  it('connects to the loopback address if the proxy listens on all addresses', async () => {
    const { address } = await serving(200, answer([]));
    const port = address.split(':')[1] ?? '';
    expect((await diff(`--metrics-bind-address=0.0.0.0:${port}`)).status).toBe(0);
  });

  it('ends with 2 if the metrics address is disabled', async () => {
    const { status, errors } = await diff('--metrics-bind-address=none');
    expect(status).toBe(2);
    expect(errors[0]).toContain('--metrics-bind-address: none');
  });
});
