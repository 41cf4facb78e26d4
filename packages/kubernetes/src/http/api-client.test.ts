import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

import { createManualClock } from '@signalbox/core/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { NO_AUTH, type ClusterConfig } from '../config/cluster-config.ts';
import {
  createTestApiServer,
  createTestCertificates,
  plainConfig,
  type TestApiServerOptions,
  type TestCertificates,
} from '../testing/index.ts';
import { createApiClient, type ApiClient, type ApiClientOptions } from './api-client.ts';
import { readStart } from './body.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const place: { folder: string; certificates: TestCertificates | null } = { folder: '', certificates: null };
beforeAll(async () => {
  place.folder = mkdtempSync(join(tmpdir(), 'signalbox-kubernetes-'));
  place.certificates = await createTestCertificates();
});
afterAll(async () => {
  rmSync(place.folder, { recursive: true, force: true });
  await place.certificates?.remove();
});

function put(name: string, text: string): string {
  const path = join(place.folder, name);
  writeFileSync(path, text);
  return path;
}

async function serve(options: TestApiServerOptions = {}) {
  const server = await createTestApiServer(options);
  undo.push(server.stop);
  return server;
}

function clientOf(config: ClusterConfig, more: Partial<ApiClientOptions> = {}): ApiClient {
  const client = createApiClient({ config, qps: -1, clock: createManualClock(), ...more });
  undo.push(client.close);
  return client;
}

const path = '/api/v1/services';

/** `ok`, or code and message of the error. */
async function get(client: ApiClient, signal = new AbortController().signal): Promise<string> {
  const opened = await client.open({ method: 'GET', path, gzip: 'accepted', signal });
  if (!opened.ok) return `${opened.error.code}: ${opened.error.message}`;
  const text = (await readStart(opened.value.body, client.clock, 1 << 20)).toString();
  return text.includes('ServiceList') ? 'ok' : text;
}

describe('createApiClient, identity', () => {
  it('sends a token, a password or nothing', async () => {
    const server = await serve();
    const basic = { username: 'me', password: 'pä:ss' };
    for (const auth of [{ ...NO_AUTH, token: 'abc' }, { ...NO_AUTH, basic }, NO_AUTH]) {
      expect(await get(clientOf(plainConfig([server.url], { auth })))).toBe('ok');
    }
    expect(server.requests.all.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer abc',
      `Basic ${Buffer.from('me:pä:ss').toString('base64')}`,
      undefined,
    ]);
  });

  it('impersonates another user', async () => {
    const server = await serve();
    const impersonate = { 'impersonate-user': 'proxy', 'impersonate-group': ['a', 'b'] };
    const auth = { ...NO_AUTH, token: 'abc', impersonate };
    expect(await get(clientOf(plainConfig([server.url], { auth })))).toBe('ok');
    expect(server.requests.all[0]?.headers).toMatchObject({
      authorization: 'Bearer abc',
      'impersonate-user': 'proxy',
      'impersonate-group': 'a, b',
    });
  });

  it('reads a token file again each minute, and at once when the server refuses the old token', async () => {
    const server = await serve({ tokens: ['one', 'two'] });
    const clock = createManualClock();
    const tokenFile = put('token', 'one\n');
    const client = clientOf(plainConfig([server.url], { auth: { ...NO_AUTH, tokenFile, token: 'x' } }), {
      clock,
    });
    const lastToken = (): string | undefined => server.requests.all.at(-1)?.headers.authorization;
    expect(await get(client)).toBe('ok');
    put('token', 'two');
    clock.advance(59_999);
    await get(client);
    expect(lastToken()).toBe('Bearer one');
    clock.advance(1);
    await get(client);
    expect(lastToken()).toBe('Bearer two');
    put('token', 'three');
    server.setTokens(['three']);
    expect(await get(client)).toBe('ok');
    expect(lastToken()).toBe('Bearer three');
    rmSync(tokenFile);
    clock.advance(120_000);
    expect(await get(client)).toBe('ok');
  });

  it('reports a token that stays refused, and a token file that never existed', async () => {
    const server = await serve({ tokens: ['right'] });
    const wrong = plainConfig([server.url], { auth: { ...NO_AUTH, token: 'wrong' } });
    expect(await get(clientOf(wrong))).toBe(`unauthorized: ${server.url}: 401 Unauthorized`);
    expect(server.requests.all).toHaveLength(2);
    const tokenFile = join(place.folder, 'nothing');
    const missing = plainConfig([server.url], { auth: { ...NO_AUTH, tokenFile } });
    expect(await get(clientOf(missing))).toMatch(`credentials-failed: ${tokenFile}: ENOENT`);
  });

  it('reports a token file that is no regular file, or too large to be one', async () => {
    const server = await serve();
    const readFrom = (tokenFile: string): Promise<string> =>
      get(clientOf(plainConfig([server.url], { auth: { ...NO_AUTH, tokenFile } })));
    expect(await readFrom(place.folder)).toMatch(/^credentials-failed: .*(not a regular file|EISDIR|EPERM)/);
    const large = put('large', 'x'.repeat((4 << 20) + 1));
    expect(await readFrom(large)).toBe(`credentials-failed: ${large}: the file is larger than 4 MiB`);
    expect(server.requests.all).toEqual([]);
  });

  it('does not wait for the writer of a FIFO', async ({ skip }) => {
    const server = await serve();
    const tokenFile = join(place.folder, 'fifo');
    if (spawnSync('mkfifo', [tokenFile]).status !== 0) return skip('no FIFOs on this machine');
    const client = clientOf(plainConfig([server.url], { auth: { ...NO_AUTH, tokenFile } }));
    expect(await get(client)).toBe(`credentials-failed: ${tokenFile}: not a regular file`);
  });

  it('a token and headers that HTTP cannot carry are errors, not exceptions', async () => {
    const server = await serve();
    const tokenFile = put('token', 'one\ntwo\n');
    const twoLines = plainConfig([server.url], { auth: { ...NO_AUTH, tokenFile } });
    const words = 'it has a line break or another character that no HTTP header can have';
    expect(await get(clientOf(twoLines))).toBe(`credentials-failed: ${tokenFile}: ${words}`);
    const token = plainConfig([server.url], { auth: { ...NO_AUTH, token: 'a\nb' } });
    expect(await get(clientOf(token))).toBe(`credentials-failed: token: ${words}`);
    const impersonate = { 'impersonate-user': 'a\nb' };
    const impersonating = plainConfig([server.url], { auth: { ...NO_AUTH, impersonate } });
    expect(await get(clientOf(impersonating))).toMatch(/^connection-lost: .*Invalid character in header/);
    expect(server.requests.all).toEqual([]);
  });
});

describe('createApiClient, connections', () => {
  it('uses one connection for one request after another', async () => {
    const server = await serve();
    const client = clientOf(plainConfig([server.url]));
    for (let i = 0; i < 5; i++) expect(await get(client)).toBe('ok');
    expect(server.connections).toBe(1);
  });

  it('does not count it as a fault of the server when an idle connection was closed meanwhile', async () => {
    const server = await serve();
    const client = clientOf(plainConfig([server.url]));
    expect(await get(client)).toBe('ok');
    server.fault({ action: { do: 'hang-up' }, times: 1 });
    expect(await get(client)).toBe('ok');
  });

  it('stops waiting for an answer after the time limit', async () => {
    const server = await serve();
    server.fault({ action: { do: 'silence' } });
    const clock = createManualClock();
    const client = clientOf(plainConfig([server.url]), { clock });
    const received = server.requests.next(() => true);
    const outcome = get(client);
    await received;
    clock.advance(30_000);
    expect(await outcome).toBe(`stalled: ${server.url}: no answer within 30 s`);
  });

  it('has a shorter time limit while there is another server to try', async () => {
    const silent = await serve();
    silent.fault({ action: { do: 'silence' } });
    const other = await serve();
    const clock = createManualClock();
    const client = clientOf(plainConfig([silent.url, other.url]), { clock });
    const received = silent.requests.next(() => true);
    const outcome = get(client);
    await received;
    clock.advance(10_000);
    expect(await outcome).toBe('ok');
    expect(client.server).toBe(other.url);
  });

  it('asks no other server, and prefers the same one, after a request that was aborted', async () => {
    const silent = await serve();
    silent.fault({ action: { do: 'silence' } });
    const other = await serve();
    const client = clientOf(plainConfig([silent.url, other.url]));
    const received = silent.requests.next(() => true);
    const abort = new AbortController();
    const outcome = get(client, abort.signal);
    await received;
    abort.abort();
    expect(await outcome).toBe(`aborted: ${silent.url}: stopped`);
    expect(client.server).toBe(silent.url);
    expect(other.requests.all).toEqual([]);
  });

  it.each([502, 503, 504])(
    'asks the next server, and that one first from then on, after a %i',
    async (status) => {
      const servers = [await serve(), await serve()] as const;
      servers[0].fault({ action: { do: 'answer', status } });
      const client = clientOf(plainConfig(servers.map(({ url }) => url)));
      for (let turn = 0; turn < 2; turn++) expect(await get(client)).toBe('ok');
      expect(client.server).toBe(servers[1].url);
      expect(servers.map(({ requests }) => requests.all.length)).toEqual([1, 2]);
    },
  );

  it.each([400, 403, 404, 410, 429, 500])('accepts a %i as the answer of the cluster', async (status) => {
    const servers = [await serve(), await serve()] as const;
    servers[0].fault({ action: { do: 'answer', status } });
    const client = clientOf(plainConfig(servers.map(({ url }) => url)));
    expect(await get(client)).toContain(`: ${servers[0].url}: ${status} `);
    expect(servers[1].requests.all).toEqual([]);
  });

  it('sends a POST once, though the kept connection breaks', async () => {
    const server = await serve();
    const client = clientOf(plainConfig([server.url]));
    expect(await get(client)).toBe('ok');
    server.fault({ action: { do: 'hang-up' }, when: ({ method }) => method === 'POST' });
    const { signal } = new AbortController();
    const events = '/apis/events.k8s.io/v1/namespaces/default/events';
    const sent = await client.open({ method: 'POST', path: events, body: {}, gzip: 'refused', signal });
    expect(sent.ok ? 'ok' : sent.error.code).toBe('connection-lost');
    expect(server.requests.all.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(server.connections).toBe(0);
  });

  it('stops during a request when aborted', async () => {
    const server = await serve();
    server.fault({ action: { do: 'silence' } });
    const abort = new AbortController();
    const received = server.requests.next(() => true);
    const outcome = get(clientOf(plainConfig([server.url, 'http://127.0.0.1:1'])), abort.signal);
    await received;
    abort.abort();
    expect(await outcome).toMatch(/^aborted: /);
  });

  it('names every server that it tried', async () => {
    const a = await serve();
    await a.stop();
    const b = await serve();
    b.fault({ action: { do: 'answer', status: 503, message: 'going down' } });
    const message = await get(clientOf(plainConfig([a.url, b.url])));
    expect(message).toMatch(`connection-lost: ${a.url}: connect ECONNREFUSED`);
    expect(message).toMatch(`; ${b.url}: 503 going down`);
  });

  it('reads Retry-After in seconds or as a date', async () => {
    const server = await serve();
    const now = Date.UTC(2026, 10, 21, 8);
    const client = clientOf(plainConfig([server.url]), { clock: createManualClock(now) });
    for (const [retryAfter, ms] of [
      ['3', 3_000],
      ['Sat, 21 Nov 2026 08:00:20 GMT', 20_000],
      ['x', 0],
    ] as const) {
      server.fault({ action: { do: 'answer', status: 429, retryAfter }, times: 1 });
      const { signal } = new AbortController();
      const opened = await client.open({ method: 'GET', path, gzip: 'refused', signal });
      expect(opened.ok ? 'ok' : [opened.error.code, opened.error.retryAfterMs]).toEqual(['throttled', ms]);
    }
  });
});

describe('createApiClient, through a proxy', () => {
  it.each(['http', 'https'] as const)('reaches an %s server', async (scheme) => {
    const tls = place.certificates?.server;
    if (scheme === 'https' && tls === undefined) return;
    const server = await serve(scheme === 'https' && tls !== undefined ? { tls } : {});
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url?.slice(0, 7)}`);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"kind":"ServiceList"}');
    });
    proxy.on('connect', (request: IncomingMessage, socket: Duplex) => {
      asked.push(`${request.method} ${request.url}`);
      const upstream = connect(Number(new URL(server.url).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream]) end.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
    undo.push(() => {
      proxy.close();
      proxy.closeAllConnections();
    });
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const ca = { from: 'data', pem: place.certificates?.ca ?? '' } as const;
    const config = plainConfig([server.url], {
      proxy: { from: 'url', url },
      tls: { ca: scheme === 'https' ? ca : null, insecureSkipVerify: false, serverName: null },
    });
    expect(await get(clientOf(config))).toBe('ok');
    expect(asked).toEqual([scheme === 'https' ? `CONNECT ${new URL(server.url).host}` : 'GET http://']);
  });
});

describe('createApiClient, TLS', () => {
  const withCertificates = (name: string, test: (certificates: TestCertificates) => Promise<void>): void =>
    it(name, async (context) => {
      if (place.certificates === null) return context.skip('no openssl on this machine');
      await test(place.certificates);
    });

  withCertificates(
    'trusts the configured certificate authority and no other',
    async ({ ca, server: tls }) => {
      const server = await serve({ tls });
      const trusting = {
        ca: { from: 'data', pem: ca },
        insecureSkipVerify: false,
        serverName: null,
      } as const;
      expect(await get(clientOf(plainConfig([server.url], { tls: trusting })))).toBe('ok');
      expect(await get(clientOf(plainConfig([server.url])))).toMatch(`tls-failed: ${server.url}: `);
      const careless = { ca: null, insecureSkipVerify: true, serverName: null };
      expect(await get(clientOf(plainConfig([server.url], { tls: careless })))).toBe('ok');
    },
  );

  withCertificates('checks the name in tls-server-name', async ({ ca, server: tls }) => {
    const server = await serve({ tls });
    const named = (serverName: string) =>
      plainConfig([server.url], {
        tls: { ca: { from: 'data', pem: ca }, insecureSkipVerify: false, serverName },
      });
    expect(await get(clientOf(named('api.example')))).toBe('ok');
    expect(await get(clientOf(named('other.example')))).toMatch('tls-failed: ');
  });

  withCertificates('shows its certificate, and the new one after a rotation', async (certificates) => {
    const server = await serve({ tls: certificates.server });
    const write = async (name: string): Promise<void> => {
      const pair = await certificates.client(name);
      put('client.crt', pair.certificate);
      put('client.key', pair.key);
    };
    await write('first');
    const clientCertificate = {
      certificate: { from: 'file', path: join(place.folder, 'client.crt') },
      key: { from: 'file', path: join(place.folder, 'client.key') },
    } as const;
    const clock = createManualClock();
    const config = plainConfig([server.url], {
      tls: { ca: { from: 'data', pem: certificates.ca }, insecureSkipVerify: false, serverName: null },
      auth: { ...NO_AUTH, clientCertificate },
    });
    const client = clientOf(config, { clock });
    expect(await get(client)).toBe('ok');
    await write('second');
    clock.advance(60_000);
    expect(await get(client)).toBe('ok');
    expect(server.requests.all.map(({ clientName }) => clientName)).toEqual(['first', 'second']);
    await server.until(() => server.connections === 1);
  });

  withCertificates(
    'reads the authority anew when the server shows a certificate of another',
    async (good) => {
      const server = await serve({ tls: good.server });
      const other = await createTestCertificates();
      const file = put('ca.crt', other?.ca ?? '');
      await other?.remove();
      const tls = { ca: { from: 'file', path: file }, insecureSkipVerify: false, serverName: null } as const;
      const client = clientOf(plainConfig([server.url], { tls }));
      expect(await get(client)).toMatch('tls-failed');
      put('ca.crt', good.ca);
      expect(await get(client)).toBe('ok');
    },
  );
});
