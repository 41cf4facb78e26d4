/** Small answers of an API server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

import { PROTOBUF } from '../http/formats.ts';
import { encodeObject } from './protobuf-encode.ts';

const JSON_TYPE = 'application/json';
const STATUS_TYPE = { apiVersion: 'v1', kind: 'Status' };

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'AlreadyExists',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

export function statusObject(code: number, message: string): object {
  const reason = REASONS[code] ?? '';
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

export function answerStatus(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const status = statusObject(code, message);
  const inProtobuf = acceptsProtobuf(response.req);
  response.writeHead(code, { 'content-type': inProtobuf ? PROTOBUF : JSON_TYPE, ...headers });
  response.end(inProtobuf ? encodeObject(status, STATUS_TYPE) : JSON.stringify(status));
}

export interface Body {
  readonly type: string;
  readonly bytes: Buffer;
}

export function jsonBody(text: string): Body {
  return { type: JSON_TYPE, bytes: Buffer.from(text) };
}

export function answer(request: IncomingMessage, response: ServerResponse, body: Body, code = 200): void {
  const zip = acceptsGzip(request) && body.bytes.length > 1024;
  const bytes = zip ? gzipSync(body.bytes, { level: 1 }) : body.bytes;
  response.writeHead(code, {
    'content-type': body.type,
    'content-length': bytes.length,
    ...(zip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(bytes);
}

export function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b/.test(String(headers['accept-encoding']));
}

/** Before JSON, which is the order of every known client. */
export function acceptsProtobuf({ headers }: IncomingMessage): boolean {
  return (headers.accept ?? '').includes(PROTOBUF);
}
