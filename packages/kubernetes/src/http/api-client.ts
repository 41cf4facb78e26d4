import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

import { type Clock, type Result, succeed } from '@signalbox/core';

import type { ClusterConfig, Headers } from '../config/cluster-config.ts';
import { createIdentitySource, type Identity, type IdentitySource } from '../credentials/identity.ts';
import { systemClock } from '@signalbox/core/system-clock';
import { createAgents, type Agents } from './agents.ts';
import { apiError, type ApiError } from './api-error.ts';
import { decodedBody, readStart } from './body.ts';
import { ACCEPT, formatNamed, formatOf, PROTOBUF, type Format } from './formats.ts';
import { createLiveness, PROBE_ANSWER_MS, type Liveness, type Probe } from './liveness.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { gatewayFailure, readRefusal } from './refusal.ts';
import { send } from './send.ts';

/** The cluster, rate limit and request headers of an API client. */
export interface ApiClientOptions {
  /** Servers, TLS and credentials. */
  readonly config: ClusterConfig;
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Requests a second; 0: 5; negative: no limit. */
  readonly qps?: number;
  /** Requests at once; 0: 10. */
  readonly burst?: number;
  /** `signalbox/1.2.3` */
  readonly userAgent?: string;
  /** Format in which objects are requested: protobuf if absent or `application/vnd.kubernetes.protobuf`, else JSON. */
  readonly contentType?: string;
  /** From sending a request to the head of its answer. */
  readonly answerWithinMs?: number;
}

/** One request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** A proxy that compresses the events of a watch may delay them. */
  readonly gzip: 'accepted' | 'refused';
  /** Whether the answer may be in protobuf, if protobuf is configured. Absent: it may not. */
  readonly protobuf?: 'accepted' | 'refused';
  /** Aborts the request, or the body of its answer. */
  readonly signal: AbortSignal;
}

/** The successful answer of `ApiClient.open`. */
export interface ApiAnswer {
  /** Base URL of the server that answered. */
  readonly server: string;
  /** From the Content-Type header. */
  readonly format: Format;
  /** Bytes after gzip decoding. */
  readonly body: Readable;
  /** The body is not in `format`: the client requests JSON from now on. */
  readonly notUnderstood: () => void;
}

/** Shared by all requests to the cluster: one set of connections, one identity, one rate limit. */
export interface ApiClient {
  readonly clock: Clock;
  /** The server that is tried first now. */
  readonly server: string;
  /** An answer with a 2xx status; its body must be read or destroyed. */
  open(request: ApiRequest): Promise<Result<ApiAnswer, ApiError>>;
  /** This server's answers are not reliable: try the next one first. */
  readonly demote: (server: string) => void;
  /** Monitors whether this server still sends or answers, until the returned monitor is ended. */
  readonly follow: Liveness['follow'];
  /** Ends a running credential plugin and closes idle connections; connections in use end with their request. */
  readonly close: () => void;
}

/** Answered without etcd and allowed for every identity; an error status is an answer too. */
const PROBE_PATH = '/version';

/**
 * Creates a client for the API servers of one cluster. A request tries each server once, until one is available. It is repeated
 * once with credentials read again after status 401 or a TLS error.
 */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const { config, clock = systemClock } = options;
  const identities = createIdentitySource(config, clock);
  const agents = createAgents(config);
  const limiter = createRateLimiter(clock, options.qps ?? 0, options.burst ?? 0);
  const ring = createServerRing(config.servers);
  const sendTo = createSender(options, clock, agents);
  const ask = createAsker({ options, clock, sendTo, ring });

  const openOnce = createOpener({
    clock,
    identities,
    ask,
    format: formatNamed(options.contentType ?? PROTOBUF),
  });
  const probe = createProbe({ clock, identities, sendTo });

  return {
    clock,
    get server() {
      return ring.inOrder()[0] ?? '';
    },
    async open(request) {
      await limiter.take(request.signal);
      const first = await openOnce(request);
      if (first.ok || !isAboutIdentity(first.error)) return first;
      // The token or certificate may just have been replaced.
      identities.invalidate();
      return openOnce(request);
    },
    demote: ring.demote,
    follow: createLiveness({ clock, onSilent: agents.close, probe }).follow,
    close() {
      identities.stop();
      agents.close();
    },
  };
}

function isAboutIdentity({ code }: ApiError): boolean {
  return code === 'unauthorized' || code === 'tls-failed';
}

interface OpenerParts {
  readonly clock: Clock;
  readonly identities: IdentitySource;
  readonly ask: Ask;
  readonly format: Format;
}

function createOpener({ clock, identities, ask, format }: OpenerParts): ApiClient['open'] {
  let refused = format !== 'protobuf';
  const refuseProtobuf = (): void => void (refused = true);
  const openIn = async (request: ApiRequest): Promise<Result<ApiAnswer, ApiError>> => {
    const identity = await identities.read();
    if (!identity.ok) return { ok: false, error: apiError('credentials-failed', identity.error) };
    const reply = await ask(request, identity.value);
    if (!reply.ok) return reply;
    const { server, response } = reply.value;
    if ((response.statusCode ?? 0) < 300) {
      const body = decodedBody(response);
      return succeed({ server, format: formatOf(response), body, notUnderstood: refuseProtobuf });
    }
    return { ok: false, error: await readRefusal(response, server, clock) };
  };
  return async (request) => {
    const inJson: ApiRequest = { ...request, protobuf: 'refused' };
    if (refused || request.protobuf !== 'accepted') return openIn(inJson);
    const answer = await openIn(request);
    if (answer.ok || !isAboutFormat(answer.error)) return answer;
    // A proxy in front of the API server may pass no other format.
    refuseProtobuf();
    return openIn(inJson);
  };
}

/** Not Acceptable, Unsupported Media Type. */
function isAboutFormat({ status }: ApiError): boolean {
  return status === 406 || status === 415;
}

interface Sending {
  readonly server: string;
  readonly request: ApiRequest;
  readonly identity: Identity;
  readonly answerWithinMs: number;
}

type SendTo = (sending: Sending) => Promise<Result<IncomingMessage, ApiError>>;

function createSender(options: ApiClientOptions, clock: Clock, agents: Agents): SendTo {
  return ({ server, request, identity, answerWithinMs }) => {
    const url = new URL(server + request.path);
    const outgoing = {
      url,
      method: request.method,
      headers: headersOf(request, identity, options.userAgent ?? 'signalbox'),
      body: request.body === undefined ? null : JSON.stringify(request.body),
      agent: agents.agentFor(url, identity.tls),
      answerWithinMs,
      signal: request.signal,
    };
    return send(outgoing, clock);
  };
}

interface ProbeParts {
  readonly clock: Clock;
  readonly identities: IdentitySource;
  readonly sendTo: SendTo;
}

function createProbe({ clock, identities, sendTo }: ProbeParts): Probe {
  return async (server, signal) => {
    const identity = await identities.read();
    // The state of the server is unknown then.
    if (!identity.ok) return apiError('credentials-failed', identity.error);
    const request = { method: 'GET', path: PROBE_PATH, gzip: 'refused', signal } as const;
    const sent = await sendTo({ server, request, identity: identity.value, answerWithinMs: PROBE_ANSWER_MS });
    if (!sent.ok) return sent.error;
    await readStart(sent.value, clock, 65_536);
    return null;
  };
}

interface AskerParts {
  readonly options: ApiClientOptions;
  readonly clock: Clock;
  readonly sendTo: SendTo;
  readonly ring: ServerRing;
}

const IMPATIENT_MS = 10_000;

type Ask = (request: ApiRequest, identity: Identity) => Promise<Result<ApiReply, ApiError>>;

/** Tries each server once, the preferred first, until one answers that is not unavailable itself. */
function createAsker({ options, clock, sendTo, ring }: AskerParts): Ask {
  return async (request, identity) => {
    const failures: ApiError[] = [];
    const longest = options.answerWithinMs ?? 30_000;
    const order = ring.inOrder();
    for (const server of order) {
      // Where there is another server, the next request goes to it at once.
      const answerWithinMs = server === order.at(-1) ? longest : Math.min(longest, IMPATIENT_MS);
      const sent = await sendTo({ server, request, identity, answerWithinMs });
      const failure = sent.ok ? await gatewayFailure(sent.value, server, clock) : named(server, sent.error);
      if (failure === null && sent.ok) return succeed({ server, response: sent.value });
      if (failure !== null) failures.push(failure);
      if (request.signal.aborted) break;
      ring.demote(server);
    }
    return { ok: false, error: combine(failures) };
  };
}

interface ApiReply {
  readonly server: string;
  readonly response: IncomingMessage;
}

function headersOf(request: ApiRequest, identity: Identity, userAgent: string): Headers {
  const format = request.protobuf === 'accepted' ? 'protobuf' : 'json';
  return {
    accept: request.method === 'GET' ? ACCEPT[format] : 'application/json',
    'accept-encoding': request.gzip === 'accepted' ? 'gzip' : 'identity',
    'user-agent': userAgent,
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(identity.authorization === null ? {} : { authorization: identity.authorization }),
    ...identity.headers,
  };
}

function named(server: string, error: ApiError): ApiError {
  return { ...error, message: `${server}: ${error.message}` };
}

function combine(failures: readonly ApiError[]): ApiError {
  const first = failures[0] ?? apiError('aborted', 'stopped');
  return { ...first, message: failures.map((f) => f.message).join('; ') || first.message };
}

interface ServerRing {
  readonly inOrder: () => readonly string[];
  readonly demote: (server: string) => void;
}

/** Servers in the order of preference: one that failed moves to the end of the list. */
function createServerRing(all: readonly string[]): ServerRing {
  let order = all;
  return {
    inOrder: () => order,
    demote(server) {
      if (order[0] === server) order = [...order.slice(1), server];
    },
  };
}
