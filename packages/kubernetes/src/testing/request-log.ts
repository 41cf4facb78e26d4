import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** A request as received; `path` is without the query. */
export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Common name of the client's certificate; empty without. */
  readonly clientName: string;
}

/** The requests that a test API server has received, in order of arrival. */
export interface RequestLog {
  readonly all: readonly RequestRecord[];
  /** Appends a request; calls of `next` that it matches resolve. */
  add(record: RequestRecord): void;
  /** The next request from now on that matches. */
  next(matches: (record: RequestRecord) => boolean): Promise<RequestRecord>;
}

export function createRequestLog(): RequestLog {
  const all: RequestRecord[] = [];
  const waiting = new Set<(record: RequestRecord) => void>();
  return {
    all,
    add(record) {
      all.push(record);
      for (const listener of waiting) listener(record);
    },
    next: (matches) =>
      new Promise((resolve) => {
        const listener = (record: RequestRecord): void => {
          if (!matches(record)) return;
          waiting.delete(listener);
          resolve(record);
        };
        waiting.add(listener);
      }),
  };
}

export function recordOf(request: IncomingMessage): RequestRecord {
  const url = new URL(request.url ?? '/', 'http://server');
  const socket = request.socket as Partial<TLSSocket>;
  const name = socket.getPeerCertificate?.().subject?.CN;
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    clientName: typeof name === 'string' ? name : '',
  };
}
