/** Invalid and rare answers of an API server: the state of the handlers becomes correct, if necessary by a list. */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';

import { createKubernetesSource, type KubernetesSourceOptions } from '../kubernetes-source.ts';
import { plainConfig } from '../testing/plain-config.ts';
import { createSourceRecorder } from '../testing/recorder.ts';
import { isBackOff } from '../testing/stage.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

type Asked = 'list' | 'stream' | 'watch';
type Answer = (asked: Asked, response: ServerResponse, turn: number) => void;

const KINDS: Readonly<Record<string, string>> = {
  services: 'Service',
  nodes: 'Node',
  endpointslices: 'EndpointSlice',
  servicecidrs: 'ServiceCIDR',
};

const service = (name: string, version: string) => ({
  kind: 'Service',
  metadata: { name, namespace: 'default', resourceVersion: version },
});
const event = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
const bookmark = (version: string, end = false): string =>
  event('BOOKMARK', {
    metadata: { resourceVersion: version, annotations: end ? { 'k8s.io/initial-events-end': 'true' } : {} },
  });
const list = (items: readonly object[], version: string, kind = 'Service'): string =>
  JSON.stringify({ kind: `${kind}List`, metadata: { resourceVersion: version }, items });

function askedFor(request: IncomingMessage): { readonly plural: string; readonly asked: Asked } {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
  const stream = searchParams.get('sendInitialEvents') === 'true';
  const watch = searchParams.get('watch') === 'true';
  return { plural: pathname.split('/').at(-1) ?? '', asked: stream ? 'stream' : watch ? 'watch' : 'list' };
}

const GZIP = { 'content-encoding': 'gzip' };

/** A correct server, except for its responses about Services. */
async function world(answer: Answer, options: Partial<KubernetesSourceOptions> = {}, stepMs = 500) {
  const asked: Asked[] = [];
  const server = createHttpServer((request, response) => {
    const about = askedFor(request);
    if (about.plural === 'services') return answer(about.asked, response, asked.push(about.asked));
    if (about.asked === 'list') return response.end(list([], '1', KINDS[about.plural]));
    if (about.asked === 'stream') return response.write(bookmark('1', true));
    response.flushHeaders();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, ...watchFrom(plainConfig([url]), options, stepMs) };
}

function watchFrom(
  config: ReturnType<typeof plainConfig>,
  options: Partial<KubernetesSourceOptions>,
  stepMs = 500,
) {
  const recorder = createSourceRecorder();
  const clock = createManualClock();
  const source = createKubernetesSource({ config, nodeName: 'n', clock, qps: -1, ...options });
  undo.push(() => source.stop());
  source.start(recorder.handlers);
  /** Advances the clock until the condition is true, however busy the machine is: only the time limit of the test bounds it. */
  const until = async (goal: () => boolean): Promise<void> => {
    for (let step = 0; !goal(); step++) {
      await new Promise((resolve) => setTimeout(resolve, 3));
      if (step % 5 === 4) clock.advance(stepMs);
    }
  };
  /** Waits until a reflector waits for this long, and lets the time pass. */
  const passes = async (ms: number): Promise<void> => {
    await clock.waitForTimer(({ delayMs }) => delayMs === ms);
    clock.advance(ms);
  };
  const names = (): string[] => [...recorder.objects.keys()].filter((key) => key.startsWith('Service '));
  return { recorder, source, clock, until, passes, names };
}

const good = (response: ServerResponse, asked: Asked): void => {
  if (asked === 'list') response.end(list([service('a', '5')], '5'));
  else response.flushHeaders();
};

describe('a streamed list', () => {
  it('loses nothing that is deleted before its end is known', async () => {
    const { until, names, recorder } = await world((_, response) => {
      const events = [
        ['ADDED', 'a', '5'] as const,
        ['ADDED', 'b', '6'] as const,
        ['DELETED', 'a', '7'] as const,
      ];
      for (const [type, name, version] of events) response.write(event(type, service(name, version)));
      response.write(bookmark('7', true));
    });
    await until(() => recorder.synced.length === 4);
    expect(names()).toEqual(['Service default/b']);
  });

  it('takes what comes behind its end in the same chunk, and goes on from there', async () => {
    const queries: string[] = [];
    const { until, recorder, names } = await world((asked, response) => {
      if (asked === 'watch') {
        queries.push(String(response.req.url));
        return response.flushHeaders();
      }
      const initial = event('ADDED', service('a', '5')) + event('ADDED', service('b', '5'));
      const later = event('DELETED', service('a', '7')) + event('ADDED', service('c', '8'));
      response.end(initial + bookmark('6', true) + later);
    });
    await until(() => recorder.synced.length === 4 && queries.length === 1);
    expect(names().sort()).toEqual(['Service default/b', 'Service default/c']);
    expect(queries[0]).toContain('resourceVersion=8');
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['504 of a gateway', (response) => void response.writeHead(504).end('<html>')],
    ['a page of HTML', (response) => void response.end('<html>\n')],
    ['403', (response) => void response.writeHead(403).end('{"kind":"Status","code":403}')],
    ['no answer at all', () => undefined],
    ['what is no gzip', (response) => void response.writeHead(200, GZIP).end('{"type":"ADDED"}\n')],
    [
      'a gzip stream without end',
      (response) =>
        void response.writeHead(200, GZIP).end(gzipSync(event('ADDED', service('x', '3'))).subarray(0, -9)),
    ],
  ])('that meets %s makes room for a plain one', async (_, refuse) => {
    const { until, names } = await world(
      (asked, response) => (asked === 'stream' ? refuse(response) : good(response, asked)),
      { answerWithinMs: 300 },
    );
    await until(() => names().length === 1);
  });
});

describe('a watch that fails', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    ['is forbidden', (response) => void response.writeHead(403).end('{"kind":"Status","code":403}')],
    ['ends at once', (response) => void response.end()],
    ['is a page without a line end', (response) => void response.end('<html>')],
    ['has an event without an object', (response) => void response.write(event('MODIFIED', null))],
    ['is nothing', (response) => void response.write('null\n')],
    [
      'fails each time',
      (response) => void response.end(event('ERROR', { kind: 'Status', code: 500, message: 'etcd' })),
    ],
    ['brings a bookmark that is not new', (response) => void response.end(bookmark('5'))],
  ])('because it %s gives way to a new list', async (_, useless) => {
    let version = 5;
    const { until, names, asked, recorder } = await world(
      (kind, response) => {
        if (kind === 'watch') return useless(response);
        const all = version === 5 ? [service('a', '5')] : [service('a', '5'), service('b', '6')];
        response.end(list(all, String(version)));
        version = 6;
      },
      { lists: 'listed' },
    );
    await until(() => names().length === 2);
    expect(asked.length).toBeLessThan(20);
    expect(recorder.problems.length).toBeGreaterThan(0);
  });

  it('is requested again at once when its connection breaks, and after a pause when it breaks again', async () => {
    const { clock, asked } = await world(
      (kind, response) => {
        if (kind !== 'watch') return good(response, kind);
        response.flushHeaders();
        setImmediate(() => response.destroy());
      },
      { lists: 'listed' },
    );
    const pause = await clock.waitForTimer(isBackOff);
    expect(pause.delayMs).toBe(2_400);
    expect(asked).toEqual(['list', 'watch', 'watch']);
  });

  it('is requested again after the wait that the server specifies, up to a limit', async () => {
    for (const retryAfterSeconds of ['soon', 1e7]) {
      const { until, asked } = await world(
        (kind, response) => {
          if (kind !== 'watch') return good(response, kind);
          response.end(event('ERROR', { kind: 'Status', code: 429, details: { retryAfterSeconds } }));
        },
        { lists: 'listed' },
        retryAfterSeconds === 'soon' ? 500 : 30_000,
      );
      await until(() => asked.length > 2);
      expect(asked.length).toBeLessThan(20);
    }
  });
});

describe('the content of a list', () => {
  it('that is no JSON is reported as such', async () => {
    const { until, recorder } = await world(
      (_, response) => void response.end('{"kind":"ServiceList","items":[{"metadata":{"name":nope}}]}'),
      { lists: 'listed' },
    );
    await until(() => recorder.problems.length > 0);
    expect(recorder.problems[0]).toMatchObject({ code: 'bad-response' });
  });
});

describe('invalid protobuf', () => {
  const PROTOBUF = { 'content-type': 'application/vnd.kubernetes.protobuf' };

  it.each([
    ['list', 'k8s\0\x12', 'the list is not protobuf: it ends within a field'],
    ['list', '{"kind":"ServiceList"}', 'the list is not protobuf: it does not begin with k8s'],
    ['list', 'k8s\0\x0a\x04\x12\x02ab', 'expected kind ServiceList, got ab'],
    ['watch', '\0\0\0\x02\x0a\x05', 'a watch event is not protobuf: a field of 5 bytes where 0 are left'],
    ['watch', '\0\0\0\x03\x0a\x01A', 'a watch event has no object: 3 bytes of protobuf'],
    ['watch', '\x7f\0\0\0', 'a watch event is larger than 16 MiB'],
  ] as const)('in a %s is reported as such, and requested again: %j', async (bad, text, message) => {
    let sent = false;
    const { recorder, names, asked, passes } = await world(
      (what, response) => {
        if (what !== bad || sent) return good(response, what);
        sent = true;
        response.writeHead(200, PROTOBUF).end(Buffer.from(text, 'latin1'));
      },
      { lists: 'listed' },
    );
    await recorder.until(() => recorder.problems.length > 0);
    await passes(1_200);
    const first = bad === 'list' ? ['list'] : ['list', 'watch'];
    await expect.poll(() => asked, { timeout: 30_000 }).toEqual([...first, 'list', 'watch']);
    expect(names()).toEqual(['Service default/a']);
    expect(recorder.problems).toMatchObject([
      { code: 'bad-response', message: expect.stringContaining(message) as string },
    ]);
  });

  it.each([
    ['list', 'k8s\0\x12'],
    ['list', 'k8s\0\x0a\x04\x12\x02ab'],
    ['watch', '\0\0\0\x02\x0a\x05'],
  ] as const)('in each %s leads to JSON after the first: %j', async (bad, text) => {
    const { recorder, names, asked, passes } = await world(
      (what, response) => {
        const asksForProtobuf = response.req.headers.accept?.includes('protobuf') === true;
        if (what !== bad || !asksForProtobuf) return good(response, what);
        response.writeHead(200, PROTOBUF).end(Buffer.from(text, 'latin1'));
      },
      { lists: 'listed' },
    );
    await recorder.until(() => recorder.problems.length > 0);
    await passes(1_200);
    await expect.poll(() => asked.length, { timeout: 30_000 }).toBe(bad === 'list' ? 3 : 4);
    expect(names()).toEqual(['Service default/a']);
    expect(recorder.problems).toHaveLength(1);
  });
});

/** What Node and the kernel hold of an answer on its way. */
const IN_FLIGHT = 16 << 20;

describe('an answer without end', () => {
  const MIB = Buffer.alloc(1 << 20, 'a');

  it('is refused after 16 MiB of one watch event', async () => {
    let sent = 0;
    const endless = (response: ServerResponse): void => {
      while (!response.destroyed && response.write(MIB)) sent += MIB.length;
      sent += MIB.length;
      if (!response.destroyed && sent < 1 << 28) response.once('drain', () => endless(response));
    };
    const { recorder, asked, passes } = await world(
      (what, response) => {
        if (what === 'list' || sent > 0) return good(response, what);
        response.write('{"type":"ADDED","object":{"a":"');
        endless(response);
      },
      { lists: 'listed' },
    );
    await recorder.until(() => recorder.problems.length > 0);
    await passes(1_200);
    await expect.poll(() => asked, { timeout: 30_000 }).toEqual(['list', 'watch', 'list', 'watch']);
    expect(recorder.problems[0]).toMatchObject({
      code: 'bad-response',
      message: expect.stringContaining('a watch event is larger than 16 MiB') as string,
    });
    expect(sent).toBeLessThan((16 << 20) + IN_FLIGHT);
  });

  it('is refused after 16 MiB of one list item, compressed or not', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('{"items":[{"a":"'), Buffer.alloc(24 << 20, 'a')]));
    const { recorder, names, passes } = await world(
      (what, response, turn) => {
        if (turn > 1) return good(response, what);
        response.writeHead(200, GZIP).end(bomb);
      },
      { lists: 'listed' },
    );
    await recorder.until(() => recorder.problems.length > 0);
    await passes(1_200);
    await recorder.until(() => names().length === 1);
    expect(recorder.problems).toMatchObject([
      {
        code: 'bad-response',
        message: expect.stringContaining('a list item is larger than 16 MiB') as string,
      },
    ]);
  });

  it('is refused after 16 MiB of one event of a compressed streamed list', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('{"type":"'), Buffer.alloc(24 << 20, 'a')]));
    const { recorder, names, passes } = await world((what, response) => {
      if (what === 'stream') response.writeHead(200, GZIP).write(bomb);
      else good(response, what);
    });
    await recorder.until(() => recorder.problems.length > 0);
    await passes(1_200);
    await recorder.until(() => names().length === 1);
    expect(recorder.problems).toMatchObject([
      {
        code: 'bad-response',
        message: expect.stringContaining('a watch event is larger than 16 MiB') as string,
      },
    ]);
  });

  it('is cut off after 64 KiB where it is the text of an error', async () => {
    const bomb = gzipSync(Buffer.alloc(24 << 20, 'a'));
    const { recorder, names, passes } = await world(
      (what, response, turn) => {
        if (turn > 1) return good(response, what);
        response.writeHead(403, GZIP).end(bomb);
      },
      { lists: 'listed' },
    );
    await recorder.until(() => recorder.problems.length > 0);
    await passes(1_200);
    await recorder.until(() => names().length === 1);
    expect(recorder.problems).toMatchObject([{ code: 'forbidden' }]);
    expect(recorder.problems[0]?.message.length).toBeLessThan(300);
  });
});

describe('a request without a response', () => {
  it('ends when the server switches protocols', async () => {
    const { until, recorder, source } = await world((_, response) => {
      response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    });
    await until(() => recorder.problems.length > 0);
    expect(recorder.problems[0]?.message).toContain('101 Switching Protocols');
    await source.stop();
  });

  it('ends when a proxy does not respond, and so does its connection', async () => {
    const open = new Set<Socket>();
    const proxy = createServer((socket) => {
      open.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => open.delete(socket))
        .resume();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    undo.push(() => proxy.close());
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const config = plainConfig(['https://192.0.2.1:6443'], { proxy: { from: 'url', url } });
    const { until, recorder, source } = watchFrom(config, { answerWithinMs: 200 });
    await until(() => recorder.problems.length >= 3);
    expect(recorder.problems[0]).toMatchObject({ code: 'stalled' });
    await source.stop();
    await until(() => open.size === 0);
  });
});
