/** Responses that all servers of the proxy have in common. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a listener calls. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export function text(response: ServerResponse, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(200, {
    'Content-Type': type,
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

export function notFound(response: ServerResponse): void {
  response.writeHead(404, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end('404 page not found\n');
}
