/** Answers without a 2xx status. */
import type { IncomingMessage } from 'node:http';

import type { Clock } from '@signalbox/core';

import { decodeObject } from '../protobuf/envelope.ts';
import type { WireStatus } from '../wire.ts';
import { apiError, codeOfStatus, retryAfterMs, type ApiError } from './api-error.ts';
import { decodedBody, readStart } from './body.ts';
import { formatOf, type Format } from './formats.ts';

/** Answers of a load balancer, or of a server that is shutting down: another server may succeed. */
export async function gatewayFailure(
  response: IncomingMessage,
  server: string,
  clock: Clock,
): Promise<ApiError | null> {
  const status = response.statusCode ?? 0;
  return status >= 502 && status <= 504 ? readRefusal(response, server, clock) : null;
}

export async function readRefusal(
  response: IncomingMessage,
  server: string,
  clock: Clock,
): Promise<ApiError> {
  const status = response.statusCode ?? 0;
  const body = await readStart(decodedBody(response), clock, 65_536);
  const reason = statusMessage(body, formatOf(response)) ?? response.statusMessage ?? '';
  const waitMs = retryAfterMs(response.headers['retry-after'], clock.now());
  const message = `${server}: ${status} ${reason}`.trim();
  return apiError(codeOfStatus(status), message, { status, retryAfterMs: waitMs });
}

function statusMessage(body: Buffer, format: Format): string | null {
  try {
    const status = format === 'protobuf' ? decodeObject(body, 'Status') : JSON.parse(body.toString());
    const { kind, message } = status as WireStatus;
    return kind === 'Status' && typeof message === 'string' ? (message.split('\n')[0] ?? null) : null;
  } catch {
    // Whatever the body is, the HTTP status is used.
    return null;
  }
}
