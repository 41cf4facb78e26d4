import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Resource } from '@signalbox/core';

import type { WireEvent, WireObject } from '../wire.ts';
import { answer, answerStatus, jsonBody } from './answers.ts';
import { createFaults, type Fault, type FaultAction, type Faults } from './faults.ts';
import { createListener, type ServerCertificate } from './listener.ts';
import { createObjectStore, type ObjectStore } from './object-store.ts';
import { createRequestLog, recordOf, type RequestLog, type RequestRecord } from './request-log.ts';
import { parseSelectors } from './selectors.ts';
import { createSignal, type Signal } from '@signalbox/core/testing';
import { createListServer, type Collection, type ListServer } from './serve-list.ts';
import { createWatchServer, type Streaming, type WatchServer } from './serve-watch.ts';

export interface TestApiServerOptions {
  /** Absent: plain http. */
  readonly tls?: ServerCertificate;
  /** Bearer tokens that are accepted; absent: every request is. */
  readonly tokens?: readonly string[];
  readonly streaming?: Streaming;
  /** `json`: as an extension of the API server that has nothing else. */
  readonly formats?: 'all' | 'json';
  /** Resources that this cluster does not have. */
  readonly absent?: readonly Resource[];
  /** Shared by several servers of one cluster. */
  readonly store?: ObjectStore;
}

/** As much of an API server as a service proxy meets, in memory, with troubles to order. */
export interface TestApiServer {
  readonly url: string;
  readonly store: ObjectStore;
  readonly requests: RequestLog;
  /** Events that were posted. */
  readonly events: readonly WireEvent[];
  readonly watches: Pick<WatchServer, 'count' | 'open' | 'bookmark' | 'end' | 'cut'>;
  /** Open connections. */
  readonly connections: number;
  put(object: WireObject): WireObject;
  delete(resource: Resource, namespace: string, name: string): boolean;
  /** Resolves as soon as the condition holds; it is asked after each request, posted event and lost connection. */
  readonly until: (condition: () => boolean) => Promise<void>;
  fault(fault: Fault): () => void;
  /** Lifts every fault. */
  readonly lift: () => void;
  setTokens(tokens: readonly string[]): void;
  setStreaming(streaming: Streaming): void;
  /** From now on nothing is sent on any connection, and new requests are received but get no response. */
  stall(): void;
  breakConnections(): void;
  readonly stop: () => Promise<void>;
  /** Again on the same port, and no longer stalled. */
  start(): Promise<void>;
}

export const COLLECTIONS: Readonly<Record<string, Collection>> = {
  '/api/v1/services': { resource: 'Service', apiVersion: 'v1' },
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
  const handle = (request: IncomingMessage, response: ServerResponse): void =>
    receive(backend, { request, response, record: recordOf(request) });
  const listener = createListener({ handle, tls: options.tls ?? null, onClose: happened.notify });
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
  readonly absent: readonly Resource[];
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

/** The log keeps the headers as they came. */
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

function handle(backend: Backend, { request, response, record }: Exchange): void {
  const { tokens, lists, watches } = backend;
  const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
  if (tokens !== null && !tokens.includes(token ?? '')) return answerStatus(response, 401, 'Unauthorized');
  if (request.method === 'POST') return takeEvent(backend, { request, response, record });
  const collection = COLLECTIONS[record.path];
  if (collection === undefined || backend.absent.includes(collection.resource)) {
    return answerStatus(response, 404, 'the server could not find the requested resource');
  }
  const matches = parseSelectors(record.query);
  if (matches === null) return answerStatus(response, 400, 'unable to parse the selector');
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
