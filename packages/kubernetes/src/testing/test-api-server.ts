import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Resource } from '@signalbox/core';

import type { WireEvent, WireObject } from '../wire.ts';
import { answer, answerStatus, jsonBody, statusObject } from './answers.ts';
import { createFaults, type Fault, type FaultAction, type Faults } from './faults.ts';
import { createListener, type Listener, type OnUpgrade, type ServerCertificate } from './listener.ts';
import { createObjectStore, type ObjectStore, type StoredKind } from './object-store.ts';
import { createRequestLog, recordOf, type RequestLog, type RequestRecord } from './request-log.ts';
import { parseSelectors } from './selectors.ts';
import { createSignal, type Signal } from '@signalbox/core/testing';
import { createListServer, type Collection, type ListServer } from './serve-list.ts';
import { createWatchServer, type Streaming, type WatchServer } from './serve-watch.ts';

/** Options of `createTestApiServer`: access, formats, resources and storage of the server. */
export interface TestApiServerOptions {
  /** Absent: plain http. */
  readonly tls?: ServerCertificate;
  /** Bearer tokens that are accepted; absent: every request is. */
  readonly tokens?: readonly string[];
  /** Default `supported`. */
  readonly streaming?: Streaming;
  /** `json`: as an extension of the API server that supports nothing else. */
  readonly formats?: 'all' | 'json';
  /** Resources that this cluster does not have. */
  readonly absent?: readonly Resource[];
  /** Serves requests for another protocol, as port-forward; absent: they are refused. */
  readonly onUpgrade?: OnUpgrade;
  /** Shared by several servers of one cluster. */
  readonly store?: ObjectStore;
}

/** The part of an API server that a service proxy uses, in memory, with injected faults. */
export interface TestApiServer {
  /** Base URL without a slash at the end. */
  readonly url: string;
  readonly store: ObjectStore;
  readonly requests: RequestLog;
  /** Events that were posted. */
  readonly events: readonly WireEvent[];
  readonly watches: Pick<WatchServer, 'count' | 'open' | 'bookmark' | 'end' | 'cut'>;
  /** Open connections. */
  readonly connections: number;
  /** Creates or replaces the object; watches report it. Throws a TypeError if `kind` or `metadata.name` is absent. */
  put(object: WireObject): WireObject;
  /** Whether the object existed. */
  delete(resource: StoredKind, namespace: string, name: string): boolean;
  /** Resolves as soon as the condition holds; it is checked after each request, posted event and lost connection. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Adds a fault; the returned function lifts it. */
  fault(fault: Fault): () => void;
  /** Lifts every fault. */
  readonly lift: () => void;
  /** Replaces the accepted bearer tokens; other requests get status 401. */
  setTokens(tokens: readonly string[]): void;
  /** Sets whether watches can begin with the existing objects (`sendInitialEvents`). */
  setStreaming(streaming: Streaming): void;
  /** From now on nothing is sent on any connection, and new requests are received but get no response. */
  stall(): void;
  /** Closes every open connection; the server continues to listen. */
  breakConnections(): void;
  /** Stops listening and closes every connection; the stored objects stay. */
  readonly stop: () => Promise<void>;
  /** Again on the same port, and no longer stalled. */
  start(): Promise<void>;
}

export const COLLECTIONS: Readonly<Record<string, Collection>> = {
  '/api/v1/services': { resource: 'Service', apiVersion: 'v1' },
  '/api/v1/pods': { resource: 'Pod', apiVersion: 'v1' },
  '/api/v1/nodes': { resource: 'Node', apiVersion: 'v1' },
  '/apis/discovery.k8s.io/v1/endpointslices': {
    resource: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
  },
  '/apis/networking.k8s.io/v1/servicecidrs': { resource: 'ServiceCIDR', apiVersion: 'networking.k8s.io/v1' },
};

/** Listens on a free port of 127.0.0.1. */
export async function createTestApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const backend = createBackend(options);
  const { store, requests, faults, events, watches, happened } = backend;
  const listener = listenerOf(backend, options);
  await listener.start();
  return {
    store,
    requests,
    events,
    watches,
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${listener.port}`,
    get connections() {
      return listener.connections;
    },
    put: store.put,
    delete: store.delete,
    until: happened.until,
    fault: faults.add,
    lift: faults.lift,
    setTokens(tokens) {
      backend.tokens = tokens;
    },
    setStreaming(streaming) {
      backend.streaming = streaming;
    },
    stall() {
      backend.stalled = true;
      watches.mute();
    },
    breakConnections: listener.breakConnections,
    stop: listener.stop,
    async start() {
      backend.stalled = false;
      await listener.start();
    },
  };
}

interface Backend {
  readonly store: ObjectStore;
  readonly happened: Signal;
  readonly requests: RequestLog;
  readonly faults: Faults;
  readonly lists: ListServer;
  readonly watches: WatchServer;
  readonly events: WireEvent[];
  readonly absent: readonly StoredKind[];
  readonly formats: 'all' | 'json';
  streaming: Streaming;
  tokens: readonly string[] | null;
  stalled: boolean;
}

function createBackend(options: TestApiServerOptions): Backend {
  const store = options.store ?? createObjectStore();
  return {
    store,
    happened: createSignal(),
    requests: createRequestLog(),
    faults: createFaults(),
    lists: createListServer(store),
    watches: createWatchServer(store),
    events: [],
    absent: options.absent ?? [],
    formats: options.formats ?? 'all',
    streaming: options.streaming ?? 'supported',
    tokens: options.tokens ?? null,
    stalled: false,
  };
}

function listenerOf(backend: Backend, options: TestApiServerOptions): Listener {
  const handle = (request: IncomingMessage, response: ServerResponse): void =>
    receive(backend, { request, response, record: recordOf(request) });
  return createListener({
    handle,
    upgrade: (request, socket, head) => upgrade(backend, options.onUpgrade, { request, socket, head }),
    tls: options.tls ?? null,
    onClose: backend.happened.notify,
  });
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: RequestRecord;
}

function receive(backend: Backend, exchange: Exchange): void {
  backend.requests.add(exchange.record);
  backend.happened.notify();
  exchange.response.on('error', () => undefined);
  if (backend.formats === 'json') takeAsJson(exchange.request);
  if (backend.stalled) return;
  const action = backend.faults.take(exchange.record);
  if (action === null) handle(backend, exchange);
  else act(action, exchange, () => handle(backend, exchange));
}

/** The log records the headers as received. */
function takeAsJson(request: IncomingMessage): void {
  request.headers = { ...request.headers, accept: 'application/json' };
}

function act(action: FaultAction, { request, response }: Exchange, proceed: () => void): void {
  switch (action.do) {
    case 'answer': {
      const headers = action.retryAfter === undefined ? {} : { 'retry-after': action.retryAfter };
      answerStatus(response, action.status, action.message ?? 'as ordered', headers);
      return;
    }
    case 'silence':
      return;
    case 'hang-up':
      request.socket.destroy();
      return;
    case 'say':
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(action.text);
      if (action.end !== 'never') response.end();
      return;
    case 'cut':
      cutEnd(response);
      proceed();
  }
}

/** The answer's length is announced in full, and half of it is sent. */
function cutEnd(response: ServerResponse): void {
  const half = (body: unknown): ServerResponse => {
    const bytes = Buffer.from(body as Buffer);
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    return response;
  };
  Object.assign(response, { end: half });
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Faults apply as to other requests, as far as they fit. */
function upgrade(backend: Backend, serve: OnUpgrade | undefined, { request, socket, head }: Upgrade): void {
  const record = recordOf(request);
  backend.requests.add(record);
  backend.happened.notify();
  if (backend.stalled) return;
  const action = backend.faults.take(record);
  if (action?.do === 'silence') return;
  const refused = action?.do === 'answer' ? action.status : isAllowed(backend, request) ? 404 : 401;
  const isServed = action === null && refused === 404 && serve !== undefined;
  if (isServed) serve(request, socket, head);
  else refuseUpgrade(socket, refused, action?.do === 'answer' ? (action.message ?? '') : 'refused');
}

function refuseUpgrade(socket: Duplex, code: number, message: string): void {
  const body = JSON.stringify(statusObject(code, message));
  const head = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}\r\ncontent-type: application/json\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

function isAllowed({ tokens }: Backend, { headers }: IncomingMessage): boolean {
  const token = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1];
  return tokens === null || tokens.includes(token ?? '');
}

const NAMESPACED = /^(\/apis?\/[\w./]+)\/namespaces\/([a-z0-9-]+)\/([a-z]+)$/;

/** `/api/v1/pods`, `/api/v1/namespaces/shop/pods`. */
function collectionAt(path: string): { collection: Collection | undefined; namespace: string | null } {
  const [, group = '', namespace, plural = ''] = NAMESPACED.exec(path) ?? [];
  if (namespace === undefined) return { collection: COLLECTIONS[path], namespace: null };
  return { collection: COLLECTIONS[`${group}/${plural}`], namespace };
}

function handle(backend: Backend, { request, response, record }: Exchange): void {
  const { lists, watches } = backend;
  if (!isAllowed(backend, request)) return answerStatus(response, 401, 'Unauthorized');
  if (request.method === 'POST') return takeEvent(backend, { request, response, record });
  const { collection, namespace } = collectionAt(record.path);
  if (collection === undefined || backend.absent.includes(collection.resource)) {
    return answerStatus(response, 404, 'the server could not find the requested resource');
  }
  const selected = parseSelectors(record.query);
  if (selected === null) return answerStatus(response, 400, 'unable to parse the selector');
  const matches = (object: WireObject): boolean =>
    selected(object) && (namespace === null || object.metadata?.namespace === namespace);
  const asked = { collection, query: record.query, matches };
  if (record.query.get('watch') === 'true') watches.serve(response, asked, backend.streaming);
  else lists.serve(request, response, asked);
}

const EVENTS = /^\/apis\/events\.k8s\.io\/v1\/namespaces\/[a-z0-9-]+\/events$/;

function takeEvent(backend: Backend, { request, response, record }: Exchange): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (!EVENTS.test(record.path)) return answerStatus(response, 404, 'no such collection');
    const text = Buffer.concat(chunks).toString('utf8');
    backend.events.push(JSON.parse(text) as WireEvent);
    answer(request, response, jsonBody(text), 201);
    backend.happened.notify();
  });
}
