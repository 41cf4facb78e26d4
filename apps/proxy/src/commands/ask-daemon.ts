/** Requests to the proxy that runs on this node, at its metrics address. */
import { request } from 'node:http';
import { fail, formatAddressPort, type Result, succeed } from '@signalbox/core';
import { isUnspecified, parseAddressPort } from '../config/ip.ts';
import type { Settings } from '../config/settings.ts';

/** Reading the rules of a large cluster takes seconds. */
const TIME_LIMIT = 60_000;

export interface DaemonQuestion {
  readonly path: string;
  /** Whether it is the answer of this version: other programs, and other versions, serve paths of the same name. */
  readonly isAnswer: (value: object) => boolean;
  /** Milliseconds. */
  readonly timeLimit?: number;
}

/** The JSON returned for the path; the error is one line that names the flag of the address. */
export async function askDaemon<T>(
  { config }: Pick<Settings, 'config'>,
  { path, isAnswer, timeLimit = TIME_LIMIT }: DaemonQuestion,
): Promise<Result<T, string>> {
  const address = parseAddressPort(config.metricsBindAddress);
  if (typeof address === 'string') {
    return fail(`--metrics-bind-address: ${config.metricsBindAddress}: the proxy then has no such server`);
  }
  const { port } = address;
  // As a client, the address of all interfaces is that of this host.
  const host = isUnspecified(address.host) ? loopbackOf(address.host) : address.host;
  const place = `http://${formatAddressPort(host, port)}${path}`;
  const answer = await get({ host, port, path }, timeLimit);
  if (!answer.ok) return fail(`${place}: ${answer.error} (--metrics-bind-address names the running proxy)`);
  const { status, body } = answer.value;
  if (status !== 200) return fail(`${place}: status ${status}: ${body.trim()}`);
  const value = parse(body);
  if (value === undefined) return fail(`${place}: the answer is not JSON: another program listens there`);
  return typeof value === 'object' && value !== null && isAnswer(value)
    ? succeed(value as T)
    : fail(`${path}: not the answer of a proxy of this version`);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function loopbackOf(unspecified: string): string {
  return unspecified.includes(':') ? '::1' : '127.0.0.1';
}

interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

function get(
  to: { readonly host: string; readonly port: number; readonly path: string },
  timeLimit: number,
): Promise<Result<HttpAnswer, string>> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeLimit);
    const failed = (error: Error): void =>
      resolve(fail(signal.aborted ? `no answer within ${timeLimit / 1000} s` : error.message));
    const asked = request({ ...to, signal, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('error', failed);
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () =>
        resolve(succeed({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString() })),
      );
    });
    asked.on('error', failed);
    asked.end();
  });
}
