/** Small answers of an API server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

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
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(statusObject(code, message)));
}

export function answerJson(
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
  code = 200,
): void {
  const zip = acceptsGzip(request) && text.length > 1024;
  const body = zip ? gzipSync(text, { level: 1 }) : Buffer.from(text);
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(zip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(body);
}

export function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b/.test(String(headers['accept-encoding']));
}
